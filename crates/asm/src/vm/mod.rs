//! An interpreter of the whole instruction set: programs run with no kernel and no privilege.
//!
//! It is stricter than the hardware, as the verifier is: whatever reads a register or a byte of
//! the stack that nothing was written to, touches a byte beyond packet, value or frame, or calls
//! what there is not, ends in a [`Trap`] that names the instruction and the reason. No program can
//! harm it or run for ever.
//!
//! A [`Vm`] holds programs and their maps; a [`Packet`] is what a run reads and changes; a
//! [`World`] is what the program learns of clocks, CPU and chance. The same of all three give the
//! same run. Words are in the order of this machine.
//!
//! ```
//! use palisade_asm::vm::{Packet, Vm, World};
//! use palisade_asm::{Assembler, R0, R1, Size};
//!
//! let mut a = Assembler::new();
//! a.load(Size::W, R0, R1 + 16).add(R0, 1).exit();
//! let mut vm = Vm::new(&a.finish()?)?;
//! let world = World { queue: 6, ..World::default() };
//! let outcome = vm.run(&mut Packet::new(&[0; 64]), &world)?;
//! assert_eq!((outcome.value, outcome.steps), (7, 3));
//!
//! let mut a = Assembler::new();
//! a.load(Size::W, R1, R1 + 0).load(Size::B, R0, R1 + 64).exit();
//! let trap = Vm::new(&a.finish()?)?.run(&mut Packet::new(&[0; 64]), &world).unwrap_err();
//! assert_eq!(trap.to_string(), "\
//! reads 1 byte at offset +64 of the packet, which has 64 bytes
//!   instruction 1
//!     1: r0 = *(u8 *)(r1 +64)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alu;
mod atomic;
mod call;
mod code;
mod helper;
mod map;
mod memory;
mod number;
mod outcome;
mod packet;
mod registers;
mod run;
mod stack;
mod trap;
mod watch;
mod world;

use code::Step;
pub use map::{Figure, Insert, MapRefusal, MapStore, MapUnfit};
use memory::Memory;
pub use outcome::{Effects, Event, Outcome, Redirect};
pub use packet::Packet;
pub use registers::Registers;
use run::Machine;
use stack::Stack;
pub use trap::{Access, Region, Trap, TrapReason};
use watch::Nobody;
pub use watch::{Coverage, Watch, Way};
pub use world::{Fib, World};

use crate::program::Program;

/// A program of a machine, by the order in which they were loaded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProgramId(u32);

impl ProgramId {
    /// The program that a machine was made with.
    pub const FIRST: Self = Self(0);

    /// Its place in the order.
    pub fn index(self) -> usize {
        number::len(self.0.into())
    }
}

/// A machine with a program and its maps.
#[derive(Clone, Debug)]
pub struct Vm {
    programs: Vec<Loaded>,
    maps: MapStore,
    stack: Stack,
    registers: Registers,
    fuel: u64,
}

/// A program of a machine.
#[derive(Clone, Debug)]
struct Loaded {
    program: Program,
    /// The places in the store of the maps it declares.
    maps: Vec<usize>,
    steps: Vec<Step>,
}

impl Vm {
    /// How many instructions a run may execute unless said otherwise.
    pub const FUEL: u64 = 50_000_000;

    /// A machine with one CPU for a program, its maps empty.
    pub fn new(program: &Program) -> Result<Self, MapUnfit> {
        Self::with_maps(program, MapStore::new(program.maps())?)
    }

    /// A machine for a program with the maps it declares, which are the first ones of the store.
    pub fn with_maps(program: &Program, maps: MapStore) -> Result<Self, MapUnfit> {
        let (stack, registers) = (Stack::new(), Registers::UNWRITTEN);
        let mut vm = Self { programs: Vec::new(), maps, stack, registers, fuel: Self::FUEL };
        let places: Vec<usize> = (0..program.maps().len()).collect();
        vm.load(program, &places)?;
        Ok(vm)
    }

    /// Loads another program, for tail calls to lead to; `maps` says where in the store the maps
    /// are that it declares.
    pub fn load(&mut self, program: &Program, maps: &[usize]) -> Result<ProgramId, MapUnfit> {
        let maps = self.maps.fit(program.maps(), maps)?;
        let steps = code::resolve(program, &self.maps, &maps);
        let id = ProgramId(u32::try_from(self.programs.len()).unwrap_or(u32::MAX));
        self.programs.push(Loaded { program: program.clone(), maps, steps });
        Ok(id)
    }

    /// Lets each run execute so many instructions.
    pub fn set_fuel(&mut self, instructions: u64) {
        self.fuel = instructions;
    }

    /// The maps.
    pub fn maps(&self) -> &MapStore {
        &self.maps
    }

    /// The maps, as user space edits them between runs.
    pub fn maps_mut(&mut self) -> &mut MapStore {
        &mut self.maps
    }

    /// The program of that number.
    pub fn program(&self, program: ProgramId) -> Option<&Program> {
        self.programs.get(program.index()).map(|loaded| &loaded.program)
    }

    /// The registers as the last run left them.
    pub fn registers(&self) -> &Registers {
        &self.registers
    }

    /// Puts a packet to the program.
    pub fn run(&mut self, packet: &mut Packet, world: &World) -> Result<Outcome, Box<Trap>> {
        self.run_watched(packet, world, &mut Nobody)
    }

    /// The same, with what was executed added to a count.
    pub fn run_covered(
        &mut self,
        packet: &mut Packet,
        world: &World,
        coverage: &mut Coverage,
    ) -> Result<Outcome, Box<Trap>> {
        self.run_watched(packet, world, coverage)
    }

    /// The same, with somebody looking on.
    pub fn run_watched<W: Watch>(
        &mut self,
        packet: &mut Packet,
        world: &World,
        watch: &mut W,
    ) -> Result<Outcome, Box<Trap>> {
        let memory = Memory::new(&mut self.stack, packet, &mut self.maps, world);
        let mut machine = Machine::new(&self.programs, memory, self.fuel);
        let ended = machine.run(watch);
        self.registers = machine.registers;
        let (program, at, steps) =
            (machine.program, number::len(machine.at.into()), machine.steps());
        match ended {
            Ok(value) => Ok(Outcome { value, steps, program, effects: machine.effects }),
            Err(why) => {
                machine.give_up_records();
                Err(Box::new(self.trap(program, at, *why)))
            }
        }
    }

    #[cold]
    fn trap(&self, program: ProgramId, at: usize, why: TrapReason) -> Trap {
        let of = &self.programs[program.index()].program;
        Trap { program, at, insn: of.text_at(at), note: of.note_at(at).cloned(), why }
    }
}
