//! A policy that delivers packets to whoever receives: found by the interface that carries it, or
//! that carries one that hands on to it.
//!
//! Its map of sockets goes on from policy to policy, as long as each of them delivers. A socket is
//! taken out of it by the kernel when it is closed, however its process ends; what comes to its queue
//! meets the default of the policy from then on.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use palisade_filter::Name;
use palisade_filter::plan::SOCKETS;
use palisade_loader::xdp::{self, Mode};
use palisade_loader::xsk::Socket;
use palisade_loader::{Errno, Link, LinkError, MapHandle, Program};

use super::fronts::next_in_force;
use super::home::PolicyDir;
use super::in_force::Running;
use super::program::map_ids;
use crate::failure::{Failure, Outcome};
use crate::output::human;

/// How often a policy is looked for that was not found, and how long after the time before.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(10);

/// A policy that delivers, which an interface carries or one that does hands on to.
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
    /// Where its pins are.
    bpffs: PathBuf,
}

impl Delivery {
    /// The first policy that delivers, of those that packets of an interface go through; none if the
    /// interface carries no policy. It is an error where none of them delivers.
    pub fn on(bpffs: &Path, link: &Link) -> Outcome<Option<Self>> {
        let Some((first, mode)) = carried(bpffs, link)? else { return Ok(None) };
        let mut passed: Vec<Name> = Vec::new();
        let mut at = Some(first);
        while let Some(here) = at {
            let Some(running) = Running::open(&here)? else { break };
            if running.policy.delivers() {
                let sockets = here.map_of(&running.program, SOCKETS)?;
                let info = sockets.info()?;
                let (id, queues, bpffs) = (info.id, info.shape.max_entries, bpffs.to_owned());
                return Ok(Some(Self { policy: here.name, mode, sockets, id, queues, bpffs }));
            }
            let next = next_in_force(&here, &running.program)?;
            passed.push(here.name.clone());
            at = next.filter(|next| !passed.contains(&next.name));
        }
        Err(delivers_nothing(&passed, link))
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

    /// Whether the policy is still one that packets of the interface go through. Programs may be
    /// exchanged while it is looked for, so it has to be missed some times.
    fn is_behind(&self, link: &Link) -> Outcome<bool> {
        for _ in 0..TRIES {
            if let Ok(Some(found)) = Self::on(&self.bpffs, link)
                && found.id == self.id
            {
                return Ok(true);
            }
            sleep(PAUSE);
        }
        Ok(false)
    }

    /// Whether the interface still carries a program that brings packets to these sockets.
    pub fn is_in_place(&self, link: &Link) -> Outcome<bool> {
        let attached = match xdp::query(link.index) {
            Err(LinkError::NoSuchIndex { .. } | LinkError::NoSuchName { .. }) => None,
            other => other?,
        };
        let Some(attached) = attached else { return Ok(false) };
        match Program::by_id(attached.program_id) {
            Ok(program) if map_ids(&program)?.contains(&self.id) => Ok(true),
            Ok(_) => self.is_behind(link),
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

/// The policy that an interface carries, and in which mode.
fn carried(bpffs: &Path, link: &Link) -> Outcome<Option<(PolicyDir, Mode)>> {
    // Where no pins can be looked at, the program is anybody's.
    let all = PolicyDir::all(bpffs).unwrap_or_default();
    for at in all.into_iter().filter(|at| !at.is_object()) {
        let at = at.in_force()?;
        let carriers = match Running::open(&at)? {
            Some(running) => running.interfaces()?,
            None => continue,
        };
        if let Some(carrier) = carriers.iter().find(|one| one.link.index == link.index) {
            let mode = carrier.mode;
            return Ok(Some((at, mode)));
        }
    }
    Ok(None)
}

/// None of these policies, each behind the one before it, delivers.
fn delivers_nothing(passed: &[Name], link: &Link) -> Failure {
    let device = human::printable(&link.name);
    let first = passed.first().map_or("", Name::as_str);
    let headline = match passed.len() {
        0 | 1 => format!("{device} carries the policy `{first}`, which delivers nothing"),
        _ => {
            let names: Vec<String> = passed.iter().map(|name| format!("`{name}`")).collect();
            format!(
                "packets of {device} go through the policies {}, none of which delivers",
                names.join(", ")
            )
        }
    };
    let help = match passed.len() {
        0 | 1 => "write `deliver` into it, see docs/receive.md; or take it off first",
        _ => "write `deliver` into one of them, see docs/receive.md; or take them off first",
    };
    Failure::refused(headline).note("help", help)
}
