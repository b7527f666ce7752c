//! What the kernel tells of a program, whoever loaded it: its number, its maps, who carries it.

use palisade_loader::link::{self, Link};
use palisade_loader::xdp::Mode;
use palisade_loader::{Errno, Program};

use crate::failure::{Failure, Outcome};

/// The numbers of the maps that a program uses.
pub fn map_ids(program: &Program) -> Outcome<Vec<u32>> {
    Ok(program.info().map_err(undescribed)?.map_ids)
}

/// The number of a program.
pub fn program_id(program: &Program) -> Outcome<u32> {
    Ok(program.info().map_err(undescribed)?.id)
}

fn undescribed(errno: Errno) -> Failure {
    Failure::refused(format!("cannot describe the program: {errno}"))
}

/// A program of somebody else in words: its name, tag and loader, where the caller may ask.
pub fn describe_program(id: u32) -> String {
    match Program::by_id(id).and_then(|program| program.info()) {
        Ok(info) => format!(
            "program {id} «{}», tag {}, loaded by uid {}",
            crate::output::human::printable(&info.name),
            info.tag,
            info.uid
        ),
        Err(Errno::ENOENT) => format!("program {id}, which is gone by now"),
        Err(_) => format!("program {id}"),
    }
}

/// An interface that carries a program.
pub struct Carrier {
    /// The interface.
    pub link: Link,
    /// In which mode the program is attached.
    pub mode: Mode,
}

/// The interfaces that carry the program of that number.
pub fn carriers_of(id: u32) -> Outcome<Vec<Carrier>> {
    carriers_of_any(&[id])
}

/// The interfaces that carry a program of those numbers, each once.
pub(super) fn carriers_of_any(ids: &[u32]) -> Outcome<Vec<Carrier>> {
    let carrier = |link: Link| {
        let mode = link.xdp.and_then(|xdp| ids.iter().find_map(|id| xdp.mode_of(*id)))?;
        Some(Carrier { link, mode })
    };
    Ok(link::list()?.into_iter().filter_map(carrier).collect())
}
