//! The program that brings each packet to the socket of its queue; where that has none, to the stack.

use palisade_asm::{
    Assembler, Helper, Isa, MapDecl, MapFlags, MapKind, Program as Code, R1, R2, R3, Size,
};
use palisade_filter::Verdict;
use palisade_loader::{LoadOptions, MapHandle, Program};

use super::queue::Queue;
use crate::failure::{Failure, Outcome};
use crate::machine;

/// Where `struct xdp_md` has the queue that a packet came to.
const RX_QUEUE_INDEX: i16 = 16;

/// Loads it, with the sockets in its map.
pub fn load(queues: &[Queue<'_>]) -> Outcome<Program> {
    let numbers = queues.iter().map(|queue| queue.socket().queue());
    let entries = numbers.max().unwrap_or(0).saturating_add(1);
    let code = code(entries)?;
    let image =
        code.encode(Isa::V3).map_err(|error| Failure::bug(format!("the program: {error}")))?;
    let maps: Vec<MapHandle> =
        image.maps.iter().map(MapHandle::create).collect::<Result<_, _>>()?;
    for (queue, map) in queues.iter().flat_map(|queue| maps.iter().map(move |map| (queue, map))) {
        map.set_socket(queue.socket().queue(), queue.socket())?;
    }
    let (license, buffers) = (c"Dual MIT/GPL", machine::buffers());
    let options = LoadOptions { name: "palisade_recv", license, buffers };
    Ok(Program::load(&image, &maps, &options)?)
}

/// Redirects by queue, in a map of so many entries.
fn code(entries: u32) -> Outcome<Code> {
    let mut a = Assembler::new();
    let sockets = a.map(MapDecl {
        name: "sockets".to_owned(),
        kind: MapKind::XskMap,
        key_size: 4,
        value_size: 4,
        max_entries: entries,
        flags: MapFlags::NONE,
    });
    a.load(Size::W, R2, R1 + RX_QUEUE_INDEX).load_map(R1, sockets);
    a.mov(R3, Verdict::Pass.code()).call(Helper::REDIRECT_MAP).exit();
    a.finish().map_err(|error| Failure::bug(format!("the program: {error}")))
}
