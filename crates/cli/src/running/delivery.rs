//! A policy that delivers packets to whoever receives: found by the interface that carries it.
//!
//! Its map of sockets goes on from policy to policy, as long as each of them delivers. A socket is
//! taken out of it by the kernel when it is closed, however its process ends; what comes to its queue
//! meets the default of the policy from then on.

use std::path::Path;

use palisade_filter::Name;
use palisade_filter::plan::SOCKETS;
use palisade_loader::xdp::{self, Mode};
use palisade_loader::xsk::Socket;
use palisade_loader::{Errno, Link, LinkError, MapHandle, Program};

use super::home::{PolicyDir, Running, map_ids};
use crate::failure::{Failure, Outcome};
use crate::output::human;

/// A policy that an interface carries, and that delivers.
pub struct Delivery {
    /// What it is called.
    pub policy: Name,
    /// In which mode the interface carries it.
    pub mode: Mode,
    sockets: MapHandle,
    /// The number of the map.
    id: u32,
    /// How many queues it knows.
    queues: u32,
}

impl Delivery {
    /// The policy on an interface; none if it carries no policy. One that does not deliver is an
    /// error.
    pub fn on(bpffs: &Path, link: &Link) -> Outcome<Option<Self>> {
        // Where no pins can be looked at, the program is anybody's.
        let all = PolicyDir::all(bpffs).unwrap_or_default();
        for at in all.into_iter().filter(|at| !at.is_object()) {
            let at = at.in_force()?;
            let Some(running) = Running::open(&at)? else { continue };
            let carriers = running.interfaces()?;
            let Some(carrier) = carriers.iter().find(|one| one.link.index == link.index) else {
                continue;
            };
            if !running.policy.delivers() {
                return Err(delivers_nothing(&at.name, link));
            }
            let sockets = at.map_of(&running.program, SOCKETS)?;
            let (info, policy, mode) = (sockets.info()?, at.name.clone(), carrier.mode);
            let (id, queues) = (info.id, info.shape.max_entries);
            return Ok(Some(Self { policy, mode, sockets, id, queues }));
        }
        Ok(None)
    }

    /// Puts a socket where packets of its queue are brought to.
    pub fn bring_to(&self, socket: &Socket<'_>) -> Outcome {
        let queue = socket.queue();
        if queue >= self.queues {
            return Err(Failure::refused(format!(
                "a policy delivers from the first {} queues, and this is queue {queue}",
                self.queues
            ))
            .note("help", "say which queues are meant: `--queue N`"));
        }
        Ok(self.sockets.set_socket(queue, socket)?)
    }

    /// Takes a socket out again: what comes to its queue meets the default of the policy.
    pub fn withdraw(&self, socket: &Socket<'_>) {
        // The kernel does so too, when the socket is closed.
        let _ = self.sockets.clear_socket(socket.queue());
    }

    /// Whether the interface still carries a program that brings packets to these sockets.
    pub fn is_in_place(&self, link: &Link) -> Outcome<bool> {
        let attached = match xdp::query(link.index) {
            Err(LinkError::NoSuchIndex { .. } | LinkError::NoSuchName { .. }) => None,
            other => other?,
        };
        let Some(attached) = attached else { return Ok(false) };
        match Program::by_id(attached.program_id) {
            Ok(program) => Ok(map_ids(&program)?.contains(&self.id)),
            // It was exchanged in between; the next look sees by what.
            Err(Errno::ENOENT) => Ok(true),
            // Whoever may not ask is not told that it has ended.
            Err(Errno::EPERM | Errno::EACCES) => Ok(true),
            Err(errno) => {
                Err(Failure::refused(format!("cannot open the program on the interface: {errno}")))
            }
        }
    }
}

fn delivers_nothing(policy: &Name, link: &Link) -> Failure {
    let name = human::printable(&link.name);
    Failure::refused(format!("{name} carries the policy `{policy}`, which delivers nothing"))
        .note("help", "write `deliver` into it, see docs/receive.md; or take it off first")
}
