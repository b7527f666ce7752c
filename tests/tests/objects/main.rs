//! Object files of programs, and the type information of what is loaded: every other tool opens them,
//! and what it shows is the policy.
//!
//! [`accepted`] gives objects to the loaders and readers that people have, [`judged`] puts packets to
//! what those have loaded, [`read_back`] reads objects with other libraries, [`described`] looks at
//! what the kernel tells of programs that the tool has loaded, and [`refused`] at what a kernel or a
//! reader says no to.

mod accepted;
mod described;
mod judged;
mod read_back;
mod refused;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use palisade_asm::Image;
use palisade_asm::elf::{ObjectOptions, ProgramSection, object};
use palisade_filter::{Artifact, BUILTIN, Policy, Target, compile, parse};
use palisade_tests::lab::binary;
use palisade_tests::privilege::is_installed;

/// Every example and the built-in policy, by name.
fn policies() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("the examples").map(|file| file.expect("one").path()).collect();
    files.retain(|path| path.extension().is_some_and(|name| name == "pal"));
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/filter/builtin.pal");
    files.push(builtin);
    files.sort();
    assert!(files.len() > 5);
    let name =
        |path: &PathBuf| path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
    files.into_iter().map(|path| (name(&path), path)).collect()
}

/// A policy with long lists, which become tables.
fn tables() -> String {
    let mut text = String::from("set block net\ndrop src in block\n");
    for part in 0..200 {
        text += &format!("drop src 10.{part}.1.0/28\ndrop dst 2001:db8:{part:x}::/64\n");
        text += &format!("drop udp dport {}\n", 2000 + part * 3);
    }
    text + "default pass\n"
}

/// A compiled policy.
struct Compiled {
    policy: Policy,
    artifact: Artifact,
    image: Image,
    target: Target,
}

impl Compiled {
    fn new(text: &str, target: Target) -> Self {
        let policy = parse(text).unwrap_or_else(|wrong| panic!("{}", wrong.report("test", text)));
        let artifact = compile(&policy, target).expect("it compiles");
        let image = artifact.program.encode(target.isa).expect("it can be encoded");
        Self { policy, artifact, image, target }
    }

    fn object(&self) -> Vec<u8> {
        let order = self.target.order;
        let values: BTreeMap<_, _> =
            self.artifact.values(&self.policy, order).into_iter().collect();
        let options = ObjectOptions {
            section: ProgramSection::Xdp,
            license: "Dual MIT/GPL",
            file: "test.pal",
            order,
            layouts: &self.artifact.layouts,
            values: &values,
        };
        object(&self.image, &options).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A directory that is gone with the value.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("palisade-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory can be made");
        Self(dir)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("it can be written");
        path
    }

    /// The object that the tool makes of a policy in a file.
    fn object(&self, name: &str, policy: &Path) -> PathBuf {
        let path = self.0.join(name).with_extension("o");
        let mut dump = Command::new(binary());
        dump.args(["dump", "--format", "elf", "-p"]).arg(policy);
        dump.stdout(File::create(&path).expect("a file")).stderr(Stdio::piped());
        let output = dump.output().expect("the tool runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // A directory that stays is no failure of the test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command prints; it must succeed.
#[track_caller]
fn ok(tool: &str, args: &[&str]) -> String {
    let output = Command::new(tool).args(args).output().expect("it starts");
    let [said, told] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{tool} {args:?}:\n{said}\n{told}");
    said.into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn the_built_in_policy_is_among_them() {
    let builtin = policies().into_iter().find(|(name, _)| name == "builtin");
    let (_, path) = builtin.expect("it is there");
    assert_eq!(fs::read_to_string(path).expect("a policy"), BUILTIN);
}
