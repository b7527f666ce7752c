//! The judge: which sets of frames the stack behind the filter delivers.
//!
//! A UDP socket and a TCP listener stand behind the near end, which has devices for VLAN 5 and, of
//! service VLAN 100, for VLAN 5 in it. A UDP set is delivered if the socket receives anything from its
//! source port; a TCP set if the stack answers its port, with a SYN-ACK or a reset. Sets are sent a
//! few at a time, each followed by a fence: when that is seen, all before it has been judged, as
//! one CPU does it all in turn.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::socket::{Backlog, listen};
use nix::unistd::Pid;
use palisade_loader::netns::VethOptions;
use palisade_tests::lab::{FAR, Lab, NEAR, Sender, Tap};
use palisade_tests::packet::{Layer, eth};
use palisade_tests::privilege::Reason;

use crate::set::{DNS, Set, WEB, Way};

/// The EtherType of the fence, for local experiments; every policy here passes it.
pub const FENCE: u16 = 0x88b5;
/// The longest frame of an interface with an ordinary MTU, a VLAN tag included.
pub const ORDINARY: usize = 1518;

/// How many sets go between two fences: few enough that no socket's buffer is ever full.
const BATCH: usize = 8;
/// How long a fence may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the last fence something may still arrive.
const STRAGGLE: Duration = Duration::from_millis(100);

/// Source ports of sets.
pub type Delivered = BTreeSet<u16>;

/// What became of sets.
pub struct Judgement {
    /// Those of which something is delivered.
    pub delivered: Delivered,
    /// Why those for devices of VLANs cannot be, whatever the stack makes of them.
    pub without_vlans: Option<Reason>,
}

/// How long frames may be in the judge's lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mtu {
    /// As on most interfaces: for filters that take no longer ones.
    Ordinary,
    /// Every set fits.
    Jumbo,
}

/// What stands behind the filter of a lab.
pub struct Judge<'a> {
    lab: &'a Lab,
    tap: Tap,
    dns: UdpSocket,
    /// Its connections are never accepted: that the stack answers is enough.
    _web: TcpListener,
    wire: Sender,
    /// The far end's device for VLAN 5, or why there is none.
    stripped: Result<Sender, Reason>,
}

/// Sends the sets in a lab of its own, behind the filter that `set_up` puts there, and tells
/// which of them are delivered; `None` where there can be no lab, or `set_up` gives up.
#[track_caller]
pub fn delivered(
    sets: &[Set],
    mtu: Mtu,
    set_up: impl FnOnce(&Lab) -> Option<()> + Send,
) -> Option<Delivered> {
    judged(sets, mtu, set_up).map(|judgement| judgement.delivered)
}

/// The same, with what the lab lacks.
#[track_caller]
pub fn judged(
    sets: &[Set],
    mtu: Mtu,
    set_up: impl FnOnce(&Lab) -> Option<()> + Send,
) -> Option<Judgement> {
    let mut judgement = None;
    let mtu = match mtu {
        Mtu::Ordinary => 1500,
        Mtu::Jumbo => 9000,
    };
    Lab::run_with(VethOptions { mtu, ..VethOptions::default() }, |lab| {
        on_one_cpu();
        let judge = Judge::new(lab);
        judgement = set_up(lab).map(|()| Judgement {
            delivered: judge.delivered(sets),
            without_vlans: judge.stripped.err(),
        });
    });
    judgement
}

/// Keeps this thread on one CPU, where softirqs run in the order in which they are raised.
fn on_one_cpu() {
    let this = Pid::from_raw(0);
    let all = sched_getaffinity(this).expect("the CPUs of a thread");
    let first = (0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.expect("a thread runs somewhere")).expect("it is one of them");
    sched_setaffinity(this, &one).expect("its own thread");
}

/// Runs `ip`; what it complained unless it succeeded.
fn ip(args: &str) -> Result<(), String> {
    let output = Command::new("ip").args(args.split(' ')).output().expect("iproute2 is installed");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// Gives an interface a VLAN and takes it up; the name of the new one.
fn add_vlan(on: &str, protocol: &str, id: u16) -> Result<String, String> {
    let name = format!("{on}.{id}");
    ip(&format!("link add link {on} name {name} type vlan protocol {protocol} id {id}"))?;
    ip(&format!("link set {name} up"))?;
    Ok(name)
}

/// Devices for VLAN 5, bare and in service VLAN 100, at the near end; a sender on VLAN 5 at the far
/// end, whose tags stand beside the frames. The error is that the kernel has no such devices.
fn vlans(lab: &Lab) -> Result<Sender, Reason> {
    match add_vlan(NEAR, "802.1Q", 5) {
        Err(said) if said.contains("Unknown device type") => {
            let said =
                format!("frames for devices of VLANs (rows 5 and 8) are not delivered: {said}");
            return Err(Reason::Machine { name: "vlan-devices", said });
        }
        near => near.expect("a device for VLAN 5"),
    };
    let outer = add_vlan(NEAR, "802.1ad", 100).expect("a device for service VLAN 100");
    add_vlan(&outer, "802.1Q", 5).expect("a device for VLAN 5 in it");
    let far = lab.in_far(|| add_vlan(FAR, "802.1Q", 5)).expect("a device at the far end");
    Ok(lab.sender_on(&far))
}

impl<'a> Judge<'a> {
    fn new(lab: &'a Lab) -> Self {
        let stripped = vlans(lab);
        // The way back, by which a SYN is answered.
        for (address, len) in [("198.51.100.1", 24), ("2001:db8::1", 64)] {
            let address: IpAddr = address.parse().expect("an address");
            lab.here().add_address(lab.near_index(), address, len).expect("it is free");
        }
        let any = |port| SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
        let dns = UdpSocket::bind(any(DNS)).expect("the port is free");
        dns.set_nonblocking(true).expect("a socket");
        let _web = TcpListener::bind(any(WEB)).expect("the port is free");
        // Room for every SYN, or the kernel takes them for a flood and says so in its log.
        listen(&_web, Backlog::new(4096).expect("the most there may be")).expect("it listens");
        Self { lab, tap: lab.tap(), dns, _web, wire: lab.sender(), stripped }
    }

    /// The sets of which something is delivered.
    fn delivered(&self, sets: &[Set]) -> Delivered {
        let mut found = Delivered::new();
        for (batch, number) in sets.chunks(BATCH).zip(0u32..) {
            for set in batch {
                let sender = match set.way {
                    Way::Wire => Ok(&self.wire),
                    Way::Stripped => self.stripped.as_ref(),
                };
                // Whoever asks is told why, and says so.
                let Ok(sender) = sender else { continue };
                set.frames.iter().for_each(|frame| sender.send(frame));
            }
            let fence = eth().ethertype(FENCE) / Layer::Raw(number.to_be_bytes().repeat(12));
            let fence = fence.build();
            self.wire.send(&fence);
            loop {
                let seen = self.tap.next(PATIENCE).expect("the filter passes the fence");
                found.extend(answered(&seen));
                if seen == fence {
                    break;
                }
            }
            self.receive(&mut found);
        }
        while let Some(seen) = self.tap.next(STRAGGLE) {
            found.extend(answered(&seen));
        }
        self.receive(&mut found);
        let all: BTreeSet<u16> = sets.iter().map(|set| set.number).collect();
        let strangers: Vec<_> = found.difference(&all).collect();
        assert!(strangers.is_empty(), "from no set: {strangers:?} in {:?}", self.lab);
        found
    }

    fn receive(&self, found: &mut Delivered) {
        loop {
            match self.dns.recv_from(&mut [0; 16]) {
                Ok((_, from)) => found.insert(from.port()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("a UDP socket of the lab: {error}"),
            };
        }
    }
}

/// The port that the near end's TCP answers with this frame, if it is an answer.
fn answered(frame: &[u8]) -> Option<u16> {
    let ethertype = frame.get(12..14)?;
    let (protocol, at) = match ethertype {
        [0x08, 0x00] => (frame.get(23)?, 14 + 4 * usize::from(frame.get(14)? & 0x0f)),
        [0x86, 0xdd] => (frame.get(20)?, 54),
        _ => return None,
    };
    let port = |at: usize| frame.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    // What comes in goes to the port that answers come from.
    (*protocol == 6 && port(at)? == WEB).then(|| port(at + 2)).flatten()
}

#[test]
fn an_answer_is_told_from_what_it_answers() {
    use palisade_tests::packet::{ACK, SYN, ipv4, ipv6, tcp, udp};
    let answer = tcp(WEB, 20_000).flags(SYN | ACK);
    assert_eq!(answered(&(eth() / ipv4() / answer.clone()).build()), Some(20_000));
    assert_eq!(answered(&(eth() / ipv6() / answer).build()), Some(20_000));
    assert_eq!(answered(&(eth() / ipv4() / tcp(20_000, WEB)).build()), None);
    assert_eq!(answered(&(eth() / ipv4() / udp(WEB, 20_000)).build()), None);
    assert_eq!(answered(&(eth() / ipv4().src(Ipv4Addr::LOCALHOST)).build()), None);
}
