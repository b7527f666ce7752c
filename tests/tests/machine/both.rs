//! A program in the kernel and in the interpreter, with maps that are filled alike.

use std::fmt::Write;

use palisade_asm::vm::{Insert, Packet, Vm, World};
use palisade_asm::{Isa, MapKind, Program};
use palisade_filter::plan::{EVENT_STATE, LIMITS};
use palisade_loader::{
    Buffers, LoadError, LoadOptions, MapHandle, PerCpuMap, Program as Loaded, TestRun,
};
use palisade_tests::engine::hex;
use palisade_tests::filled::Maps;
use palisade_tests::judges::NOT_FORWARDING;

/// Arrays with more values than this are compared by their first ones.
const SEEN: u32 = 64;

/// A program, twice.
pub struct Both {
    vm: Vm,
    program: Program,
    maps: Vec<MapHandle>,
    loaded: Loaded,
    world: World,
}

impl Both {
    /// Loads a program; the error is the end of what the verifier says.
    pub fn load(program: &Program, isa: Isa, buffers: Buffers) -> Result<Self, String> {
        let image = program.encode(isa).expect("the program can be encoded");
        let create = |decl| MapHandle::create(decl).unwrap_or_else(|error| panic!("{error}"));
        let maps: Vec<MapHandle> = image.maps.iter().map(create).collect();
        let options = LoadOptions { name: "palisade_vm", license: c"Dual MIT/GPL", buffers };
        let loaded = Loaded::load(&image, &maps, &options).map_err(|error| refusal(&error))?;
        // As on a machine that forwards nothing: no other asks both about a way.
        let fib = Some(NOT_FORWARDING);
        let world = World { jiffies: 1000, fib, ..World::default() };
        let vm = Vm::new(program).expect("all of its maps are simulated");
        Ok(Self { vm, program: program.clone(), maps, loaded, world })
    }

    /// How both differ on a frame, if they do: by their results and packets.
    pub fn run(&mut self, frame: &[u8]) -> Result<u32, String> {
        let run = TestRun { packet: frame, repeat: 1, ingress: None };
        let kernel = self.loaded.test_run(&run).map_err(|errno| format!("no run: {errno}"))?;
        let mut packet = Packet::new(frame);
        let ran = self.vm.run(&mut packet, &self.world);
        // Time goes on here too, as far as limits are concerned.
        self.world.monotonic += 1000;
        let outcome = match ran {
            Ok(outcome) => outcome,
            Err(trap) => return Err(format!("{trap}\non {}", hex(frame))),
        };
        if outcome.value != kernel.retval {
            let (here, there) = (outcome.value, kernel.retval);
            return Err(format!("{here:#x} here, {there:#x} in the kernel, on {}", hex(frame)));
        }
        // The kernel hands out metadata and packet in one.
        let bytes = [packet.metadata(), &packet.bytes()].concat();
        if bytes != kernel.packet {
            let (here, there) = (hex(&bytes), hex(&kernel.packet));
            return Err(format!("packet\n{here} here,\n{there} in the kernel"));
        }
        Ok(outcome.value)
    }

    /// How the contents of the maps differ, if they do.
    pub fn compare_maps(&self) -> Result<(), String> {
        for (at, decl) in self.program.maps().iter().enumerate() {
            let entries = match decl.kind {
                // What is reported bears times; the judges of policies look at it record by record.
                MapKind::RingBuf => continue,
                MapKind::PerCpuArray if decl.name == EVENT_STATE => continue,
                // The times of limits and of bans.
                _ if decl.name.starts_with(LIMITS) || decl.name == "banned" => continue,
                // The kernel tells nobody which sockets there are.
                MapKind::XskMap => continue,
                MapKind::Array => {
                    (0..decl.max_entries.min(SEEN)).map(|n| n.to_ne_bytes().to_vec()).collect()
                }
                MapKind::PerCpuArray => {
                    self.compare_counters(at)?;
                    continue;
                }
                _ => self.keys(at),
            };
            for key in entries {
                let here = self.vm.maps().get(at, &key);
                let there = self.maps[at].read(&key).unwrap_or_else(|error| panic!("{error}"));
                if here != there {
                    let name = &decl.name;
                    return Err(format!(
                        "`{name}` at {key:02x?}: {here:02x?} here, {there:02x?} there"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The keys that are here, and in a small hash all that programs by chance use.
    fn keys(&self, map: usize) -> Vec<Vec<u8>> {
        let mut keys: Vec<_> =
            self.vm.maps().entries(map).into_iter().map(|(key, _)| key).collect();
        if self.program.maps()[map].key_size == 4 {
            keys.extend((0..16u32).map(|n| n.to_ne_bytes().to_vec()));
        }
        keys
    }

    /// Counters are compared by their sums: which CPU ran the program is the kernel's choice.
    fn compare_counters(&self, map: usize) -> Result<(), String> {
        let handle = self.maps[map].try_clone().expect("a descriptor");
        let counters: PerCpuMap<u32, [u64; 2]> = PerCpuMap::new(handle).expect("two numbers each");
        let there = counters.get_all().expect("the counters can be read");
        let mut wrong = String::new();
        for (index, there) in (0u32..).zip(&there) {
            let here = self.vm.maps().get(map, &index.to_ne_bytes()).expect("an index");
            let there = there.sum().map(u64::to_ne_bytes).concat();
            if here != there {
                let name = &self.program.maps()[map].name;
                writeln!(wrong, "`{name}` at {index}: {here:02x?} here, {there:02x?} there")
                    .expect("text");
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl Maps for Both {
    fn place(&self, name: &str) -> usize {
        self.vm.maps().find(name).unwrap_or_else(|| panic!("no map is called `{name}`"))
    }

    fn write(&mut self, map: usize, key: &[u8], value: &[u8]) {
        self.vm.maps_mut().put(map, key, value, Insert::Any).expect("the entry fits");
        let entry = (key.to_vec(), value.to_vec());
        self.maps[map].fill(&[entry]).unwrap_or_else(|error| panic!("{error}"));
    }
}

fn refusal(error: &LoadError) -> String {
    let log: Vec<&str> = error.log().map(|log| log.lines().collect()).unwrap_or_default();
    let last = log.len().saturating_sub(12);
    format!("{error}\n{}", log[last..].join("\n"))
}
