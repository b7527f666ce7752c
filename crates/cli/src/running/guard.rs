//! The lock-out guard: whoever applies a policy from afar shall not be cut off by it.
//!
//! The caller's session is told by `SSH_CONNECTION`, his own or that of the process that started
//! him (`sudo` passes it on to nobody), else by the peer of standard input. It counts where its near
//! end is an address of this network namespace, and its far end is not. What the policy would do to
//! its packets is asked of the plain reading of the policy, with what the sets are going to hold; and
//! whether it still lets the neighbours ask for this host's address, without which no packet comes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{SockType, SockaddrStorage, getpeername, getsockname, getsockopt, sockopt};
use palisade_filter::oracle::{self, Contents};
use palisade_filter::policy::{Policy, Protocol, SetId};
use palisade_filter::structure::Origin;
use palisade_filter::value::{Mac, PortRange, Prefix, Service, Transport};
use palisade_filter::{Item, Verdict};

use super::contents::PlannedSet;
use super::set::{Entry, OpenSet};
use crate::failure::{Failure, Outcome};
use crate::judging::{Deciding, Lists};

/// The caller's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where the caller is.
    pub client: SocketAddr,
    /// The address of this host that he talks to.
    pub server: SocketAddr,
}

/// What would cut the session off.
pub struct Cut {
    session: Session,
    what: &'static str,
    verdict: Verdict,
    by: Deciding,
}

impl Cut {
    /// What would happen, in words.
    pub fn in_words(&self) -> String {
        let Self { session: Session { client, .. }, what, verdict, by } = self;
        let becomes = match verdict {
            Verdict::Pass => "changed",
            Verdict::Tx => "sent back",
            Verdict::Redirect => "sent elsewhere",
            Verdict::Aborted | Verdict::Drop => "dropped",
        };
        format!("your session from {client} would be cut off: {what} {becomes}, by {by}")
    }

    /// The refusal to do that unasked.
    pub fn refused(&self, help: &str) -> Failure {
        Failure::no("this policy would cut off your own session")
            .note("found", self.in_words())
            .note("help", help)
    }
}

/// What would cut off the caller's session, if he has one that can be told and anything does.
///
/// Without `lists`, all that the sets hold stays in them.
pub fn cut(
    policy: &Policy,
    sets: &[PlannedSet<'_>],
    lists: Option<&Lists>,
) -> Outcome<Option<Cut>> {
    let Some(session) = session() else { return Ok(None) };
    let contents = Coming { sets, lists, answers: RefCell::default(), unread: RefCell::default() };
    let neighbours = match session.server {
        SocketAddr::V4(_) => ("the ARP requests for this host are", oracle::arp_request()),
        SocketAddr::V6(_) => {
            ("the neighbour solicitations for this host are", oracle::neighbour_solicitation())
        }
    };
    let packets =
        [("its packets are", oracle::session_frame(session.client, session.server)), neighbours];
    for (what, frame) in packets {
        let decision = oracle::decide(policy, &contents, &frame);
        if let Some(failure) = contents.unread.take() {
            return Err(failure);
        }
        // What is passed as another packet belongs to another session.
        let changed = oracle::frame_out(policy, &decision, &frame, &oracle::Given::FIRST) != frame;
        if decision.verdict != Verdict::Pass || changed {
            let (verdict, by) = (decision.verdict, Deciding::of(policy, &decision));
            return Ok(Some(Cut { session, what, verdict, by }));
        }
    }
    Ok(None)
}

/// What the sets of the new policy are going to hold: what goes on in them, and what the text puts
/// there.
struct Coming<'a> {
    sets: &'a [PlannedSet<'a>],
    lists: Option<&'a Lists>,
    /// What was answered: a large set is walked through once, however many rules ask.
    answers: RefCell<BTreeMap<(usize, Item), bool>>,
    /// Why a set could not be read.
    unread: RefCell<Option<Failure>>,
}

impl Coming<'_> {
    /// Whether an entry covers `item`.
    fn has(&self, set: SetId, item: Item) -> bool {
        let asked = (set.index(), item);
        if let Some(answer) = self.answers.borrow().get(&asked) {
            return *answer;
        }
        let answer = self.look_up(set, item);
        self.answers.borrow_mut().insert(asked, answer);
        answer
    }

    fn look_up(&self, set: SetId, item: Item) -> bool {
        let Some(planned) = self.sets.get(set.index()) else { return false };
        let declared = self.lists.map(|lists| lists.of(&planned.declared.name));
        if declared.is_some_and(|list| list.iter().any(|have| covers(have, &item))) {
            return true;
        }
        let stays = planned.now().map_or(Ok(false), |now| stays(now, declared, &item));
        stays.unwrap_or_else(|failure| {
            *self.unread.borrow_mut() = Some(failure);
            false
        })
    }
}

/// Whether an entry that the set holds now covers `item` and stays in it.
fn stays(now: &OpenSet, declared: Option<&[Item]>, item: &Item) -> Outcome<bool> {
    let stays = |entry: &Entry| {
        entry.origin == Origin::Added || declared.is_none_or(|list| list.contains(&entry.item))
    };
    Ok(match now.covering(item)? {
        None => false,
        Some(entry) if stays(&entry) => true,
        // Behind one that goes there may be a wider one that stays. Few entries cover the item, and
        // only those are looked for in the list.
        Some(_) => now.entries()?.iter().any(|entry| covers(&entry.item, item) && stays(entry)),
    })
}

/// Whether one item covers all of another.
fn covers(have: &Item, item: &Item) -> bool {
    match (have, item) {
        (Item::Net(have), Item::Net(item)) => {
            have.len() <= item.len() && have.contains(item.addr())
        }
        (Item::Service(have), Item::Service(item)) => {
            (have.transport == item.transport || have.transport.covers(item.transport))
                && have.ports.contains(item.ports.first())
                && have.ports.contains(item.ports.last())
        }
        (have, item) => have == item,
    }
}

impl Contents for Coming<'_> {
    fn has_address(&self, set: SetId, addr: IpAddr) -> bool {
        self.has(set, Item::Net(Prefix::host(addr)))
    }

    fn has_service(&self, set: SetId, protocol: Protocol, port: u16) -> bool {
        let transport = match protocol {
            Protocol::TCP => Transport::Tcp,
            Protocol::UDP => Transport::Udp,
            Protocol::SCTP => Transport::Sctp,
            _ => return false,
        };
        self.has(set, Item::Service(Service { transport, ports: PortRange::one(port) }))
    }

    fn has_mac(&self, set: SetId, mac: Mac) -> bool {
        self.has(set, Item::Mac(mac))
    }
}

/// The session of the caller.
fn session() -> Option<Session> {
    let told = std::env::var("SSH_CONNECTION").ok().or_else(ancestors_connection);
    let session = match told {
        Some(text) => connection(&text),
        None => peer_of_standard_input(),
    }?;
    let here = addresses();
    let ours = |address: IpAddr| address.is_loopback() || here.contains(&address);
    (ours(session.server.ip()) && !ours(session.client.ip())).then_some(session)
}

/// `CLIENT PORT SERVER PORT`, as sshd writes it.
fn connection(text: &str) -> Option<Session> {
    let mut words = text.split_ascii_whitespace();
    let mut end = || {
        let (address, port) = (words.next()?, words.next()?);
        let address = address.split('%').next()?.parse::<IpAddr>().ok()?.to_canonical();
        Some(SocketAddr::new(address, port.parse().ok()?))
    };
    Some(Session { client: end()?, server: end()? })
}

/// How far up the processes are asked.
const GENERATIONS: usize = 32;

/// What the nearest of the processes above this one was told by sshd.
fn ancestors_connection() -> Option<String> {
    let mut pid = std::os::unix::process::parent_id();
    for _ in 0..GENERATIONS {
        if pid <= 1 {
            return None;
        }
        let process = PathBuf::from(format!("/proc/{pid}"));
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        let found = environment
            .split(|byte| *byte == 0)
            .find_map(|variable| variable.strip_prefix(b"SSH_CONNECTION="));
        if let Some(text) = found {
            return String::from_utf8(text.to_vec()).ok();
        }
        let status = std::fs::read_to_string(process.join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        pid = parent.trim().parse().ok()?;
    }
    None
}

fn peer_of_standard_input() -> Option<Session> {
    let stdin = std::io::stdin();
    if getsockopt(&stdin, sockopt::SockType).ok()? != SockType::Stream {
        return None;
    }
    let raw = stdin.as_raw_fd();
    let end = |address: SockaddrStorage| {
        let (v4, v6) = (address.as_sockaddr_in(), address.as_sockaddr_in6());
        let v4 = v4.map(|a| SocketAddr::new(a.ip().into(), a.port()));
        v4.or(v6.map(|a| SocketAddr::new(IpAddr::V6(a.ip()).to_canonical(), a.port())))
    };
    let client = getpeername::<SockaddrStorage>(raw).ok().and_then(end)?;
    let server = getsockname::<SockaddrStorage>(raw).ok().and_then(end)?;
    Some(Session { client, server })
}

/// The addresses of this network namespace.
fn addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    let address = |address: SockaddrStorage| {
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
        v4.or(address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
    };
    interfaces.filter_map(|interface| interface.address.and_then(address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_as_sshd_writes_it() {
        let session = connection("203.0.113.9 50000 192.0.2.1 22").expect("a session");
        assert_eq!(session.client, "203.0.113.9:50000".parse().expect("an address"));
        assert_eq!(session.server, "192.0.2.1:22".parse().expect("an address"));
        let session = connection("fe80::1%eth0 50000 ::ffff:192.0.2.1 22").expect("a session");
        assert_eq!(session.client, "[fe80::1]:50000".parse().expect("an address"));
        assert_eq!(session.server, "192.0.2.1:22".parse().expect("an address"));
        for text in ["", "203.0.113.9 50000", "203.0.113.9 50000 host 22", "a b c d"] {
            assert_eq!(connection(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_item_covers_what_lies_within_it() {
        let item = |text: &str| text.parse::<Item>().expect(text);
        for (have, of, want) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/24", "10.0.0.0/8", false),
            ("0.0.0.0/0", "::1", false),
            ("any/20-30", "tcp/22", true),
            ("udp/20-30", "tcp/22", false),
            ("02:00:00:00:00:01", "02:00:00:00:00:01", true),
        ] {
            assert_eq!(covers(&item(have), &item(of)), want, "{have} and {of}");
        }
    }
}
