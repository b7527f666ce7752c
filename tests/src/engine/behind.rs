//! A program behind a policy's program in the kernel, which counts what it gets and lets it pass.

use palisade_asm::{Assembler, Isa, R0};
use palisade_filter::Verdict;
use palisade_filter::plan::SLOT;
use palisade_loader::{Buffers, Insert, LoadOptions, Map, MapHandle, Program};

use super::{Fault, map_named};
use crate::hits;

/// The program behind, in the slot.
pub struct Behind {
    hits: Map<u32, u64>,
    _slot: MapHandle,
    _program: Program,
}

impl Behind {
    /// Puts one into the slot among these maps, if there is one.
    pub fn of(maps: &[MapHandle], buffers: Buffers) -> Option<Self> {
        maps.iter().find(|map| map.name() == SLOT)?;
        let slot = map_named(maps, SLOT);
        let decl = hits::cell();
        let mut a = Assembler::new();
        let map = a.map(decl.clone());
        hits::count(&mut a, map);
        a.mov(R0, Verdict::Pass.code()).exit();
        let image = a.finish().expect("a program").encode(Isa::V3).expect("an image");
        let hits = MapHandle::create(&decl).expect("a map");
        let options = LoadOptions { name: "behind", license: c"GPL", buffers };
        let program = Program::load(&image, &[hits.try_clone().expect("a descriptor")], &options);
        let program = program.expect("the kernel takes it");
        slot.set_program(0, &program).expect("the two are alike");
        Some(Self { hits: Map::new(hits).expect("its shape"), _slot: slot, _program: program })
    }

    /// An error unless it got what passed since the last call, and nothing else.
    pub fn got(&self, verdict: Verdict, times: u32) -> Result<(), Fault> {
        let hits = self.hits.get(&0).expect("it can be read").expect("one cell");
        self.hits.insert(&0, &0, Insert::Any).expect("one cell");
        let wanted = if verdict == Verdict::Pass { times.into() } else { 0 };
        if hits == wanted { Ok(()) } else { Err(Fault::Behind { hits, wanted }) }
    }
}
