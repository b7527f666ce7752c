//! The ground that a kernel test stands on: namespaces, a bpffs, and small programs.

use std::path::Path;
use std::thread::Builder;

use palisade_asm::{Assembler, Image, Isa, MapDecl, MapFlags, MapKind, R0};
use palisade_loader::netns::{NetNs, mount_bpffs, private_mounts};
use palisade_loader::{Buffers, LoadError, LoadOptions, PinDir, Program};

use crate::skip::{Reason, skip};

/// Where the private bpffs is mounted: a directory that every kernel with BPF has.
pub const BPFFS: &str = "/sys/fs/bpf";

/// What a test is given.
pub struct Ground {
    /// The namespace it runs in.
    pub ns: NetNs,
    /// The root of its bpffs.
    pub pins: PinDir,
}

/// Runs a test on fresh ground, or says that it was skipped.
#[track_caller]
pub fn kernel(test: impl FnOnce(Ground) + Send) {
    if !nix::unistd::geteuid().is_root() {
        let said = "a test's ground takes it".to_owned();
        return skip(&Reason::Right { name: "root".to_owned(), said });
    }
    let name = std::thread::current().name().unwrap_or("main").to_owned();
    let result = std::thread::scope(|scope| {
        Builder::new()
            .name(name)
            .spawn_scoped(scope, || {
                let ns = NetNs::private().expect("a network namespace");
                private_mounts().expect("a mount namespace");
                mount_bpffs(Path::new(BPFFS)).expect("a bpffs");
                let pins = PinDir::open_root(Path::new(BPFFS)).expect("the root of the bpffs");
                test(Ground { ns, pins });
            })
            .expect("a thread")
            .join()
    });
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// A declaration with 8-byte values.
pub fn decl(name: &str, kind: MapKind, key_size: u32, max_entries: u32) -> MapDecl {
    let flags = match kind {
        MapKind::LpmTrie => MapFlags::NO_PREALLOC,
        _ => MapFlags::NONE,
    };
    MapDecl { name: name.to_owned(), kind, key_size, value_size: 8, max_entries, flags }
}

/// A program that gives the same result for every packet.
pub fn constant(result: i32) -> Image {
    built(|a| {
        a.mov(R0, result).exit();
    })
}

/// What an assembler was told, as an image.
pub fn built(build: impl FnOnce(&mut Assembler)) -> Image {
    built_for(Isa::V3, build)
}

/// The same with what a version of the instruction set has.
pub fn built_for(isa: Isa, build: impl FnOnce(&mut Assembler)) -> Image {
    let mut a = Assembler::new();
    build(&mut a);
    a.finish().expect("a program").encode(isa).expect("an image")
}

/// Loads an image without maps.
pub fn load(image: &Image, name: &str) -> Result<Program, LoadError> {
    let options = LoadOptions { name, license: c"GPL", buffers: Buffers::Single };
    Program::load(image, &[], &options)
}

/// A loaded program that gives the same result for every packet.
pub fn program(name: &str) -> Program {
    load(&constant(2), name).expect("a program")
}
