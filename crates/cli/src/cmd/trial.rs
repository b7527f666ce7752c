//! `try`: the newcomer's first minute, in a private network namespace.
//!
//! A veth pair leads from a second namespace, where an attacker and a friend live, to the first,
//! where the built-in policy is attached natively. Real UDP and TCP goes over it. Nothing of the
//! host is touched: namespaces, interfaces, pins and program end with this process.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, sockopt};
use palisade_filter::Item;
use palisade_filter::value::Prefix;
use palisade_loader::netns::{self, NetNs, NsError, VethEnd, VethOptions};
use serde_json::json;

use super::{attach, detach, edit, list, stats};
use crate::args::{Add, Attach, AttachMode, Detach, Global, List, Stats, USUAL};
use crate::failure::{Failure, Outcome};
use crate::output::Output;

const BPFFS: &str = "/sys/fs/bpf";
const DEVICE: &str = "pal0";
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FRIEND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const ATTACKER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);
const PORT: u16 = 7000;
/// How many messages a knock is.
const KNOCKS: u32 = 100;

/// Makes the place, and shows the filter at work in it.
pub fn run(out: &mut Output) -> Outcome {
    let mut steps = Output::for_steps(out);
    let (before, after) = show(&mut steps)?;
    steps.flush()?;
    out.json(&json!({"before": before.json(), "after": after.json()}))?;
    verdict(&before, &after)?;
    out.say("\nIt works here, and nothing of it is left. Next, as root: palisade attach DEV, palisade add ADDRESS, palisade stats")
}

/// What came through before the attacker was blocked, and after.
fn show(out: &mut Output) -> Outcome<(Seen, Seen)> {
    let outside = place().map_err(|error| {
        Failure::refused(format!("cannot make a private network namespace: {error}"))
            .note("help", "`palisade try` needs root (CAP_SYS_ADMIN for the namespaces); it touches nothing of this host")
    })?;
    let global = Global {
        policy_name: USUAL.parse().expect("a name"),
        bpffs: BPFFS.into(),
        json: false,
        quiet: false,
    };
    let server = Server::start()?;

    command(out, format_args!("palisade attach {DEVICE}"))?;
    let attached = Attach {
        devices: vec![DEVICE.to_owned()],
        policy: None,
        mode: AttachMode::Native,
        group: None,
        take_over: false,
        next: None,
        one_buffer: false,
        behind: None,
        force: false,
    };
    attach::run(&global, &attached, out)?;
    out.say("")?;
    let before = outside_world(&outside, &server, out)?;

    let items = vec![Item::Net(Prefix::host(IpAddr::V4(ATTACKER)))];
    let attacker = Add { items, set: None, timeout: None };
    command(out, format_args!("palisade add {ATTACKER}"))?;
    edit::add(&global, &attacker, out)?;
    out.say("")?;
    command(out, "palisade stats --count 3     (while the attacker floods)")?;
    let measure = Stats { interval: Duration::from_secs(1), count: Some(3) };
    under_flood(&outside, || stats::run(&global, &measure, out))??;
    let after = outside_world(&outside, &server, out)?;

    command(out, "palisade list --set block")?;
    list::list(&global, &List { set: Some("block".parse().expect("a name")) }, out)?;
    out.say("")?;
    command(out, format_args!("palisade detach {DEVICE}"))?;
    let all = Detach { devices: vec![DEVICE.to_owned()], all: false, keep: false };
    detach::run(&global, &all, out)?;
    Ok((before, after))
}

fn command(out: &mut Output, text: impl std::fmt::Display) -> Outcome {
    out.say(format_args!("$ {text}"))?;
    out.flush()
}

/// Moves this thread into namespaces of its own, and makes those of the outside world.
fn place() -> Result<NetNs, NsError> {
    netns::private_mounts()?;
    netns::mount_bpffs(Path::new(BPFFS))?;
    let inside = NetNs::private()?;
    let outside = NetNs::new()?;
    let ends = (VethEnd { ns: &inside, name: DEVICE }, VethEnd { ns: &outside, name: "out0" });
    let (near, far) = netns::veth_pair(ends.0, ends.1, VethOptions::default())?;
    inside.add_address(near, IpAddr::V4(SERVER), 24)?;
    inside.set_up(near)?;
    for address in [FRIEND, ATTACKER] {
        outside.add_address(far, IpAddr::V4(address), 24)?;
    }
    outside.set_up(far)?;
    Ok(outside)
}

/// A UDP socket that counts, and a TCP listener that greets.
struct Server {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Server {
    fn start() -> Outcome<Self> {
        let bound = || {
            let udp = UdpSocket::bind((SERVER, PORT))?;
            udp.set_nonblocking(true)?;
            // Older kernels charge a page for each message that waits: room for all of them.
            socket::setsockopt(&udp, sockopt::RcvBufForce, &(1 << 20))?;
            let tcp = TcpListener::bind((SERVER, PORT))?;
            tcp.set_nonblocking(true)?;
            Ok(Self { udp, tcp })
        };
        bound().map_err(|error: std::io::Error| {
            Failure::refused(format!("cannot listen in the namespace: {error}"))
        })
    }

    /// How many messages have come from that address, among those that wait; all are taken.
    fn received(&self, from: &[Ipv4Addr]) -> Vec<u32> {
        let mut counts = vec![0; from.len()];
        let mut message = [0; 64];
        while let Ok((_, SocketAddr::V4(sender))) = self.udp.recv_from(&mut message) {
            for (count, address) in counts.iter_mut().zip(from) {
                *count += u32::from(address == sender.ip());
            }
        }
        counts
    }

    /// How many messages come from that address, until all have come or none for a while.
    fn received_until_silent(&self, from: Ipv4Addr) -> u32 {
        let (mut all, mut silent) = (0, 0);
        while all < KNOCKS && silent < 20 {
            let new = self.received(&[from])[0];
            silent = if new == 0 { silent + 1 } else { 0 };
            all += new;
            thread::sleep(Duration::from_millis(10));
        }
        all
    }

    /// Whether somebody who connects from that address is greeted.
    fn greets(&self, outside: &NetNs, from: Ipv4Addr) -> Outcome<bool> {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if let Ok((mut stream, _)) = self.tcp.accept() {
                        // A visitor who has left again needs no greeting.
                        let _ = stream.write_all(b"hello");
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            });
            let greeted = in_namespace(outside, || connect(from));
            done.store(true, Ordering::Relaxed);
            greeted
        })
    }
}

/// What came through.
struct Seen {
    /// Messages of the friend and the attacker, of [`KNOCKS`] each.
    udp: [u32; 2],
    /// Whether the friend and the attacker were greeted over TCP.
    tcp: [bool; 2],
}

impl Seen {
    fn json(&self) -> serde_json::Value {
        let one = |i: usize| json!({"udp": self.udp[i], "of": KNOCKS, "tcp": self.tcp[i]});
        json!({"friend": one(0), "attacker": one(1)})
    }
}

/// Both send messages and try to connect; what arrives is told.
fn outside_world(outside: &NetNs, server: &Server, out: &mut Output) -> Outcome<Seen> {
    server.received(&[]);
    let mut seen = Seen { udp: [0; 2], tcp: [false; 2] };
    for (i, (who, address)) in [("friend", FRIEND), ("attacker", ATTACKER)].into_iter().enumerate()
    {
        in_namespace(outside, || knock(address))?;
        seen.udp[i] = server.received_until_silent(address);
        seen.tcp[i] = server.greets(outside, address)?;
        let tcp = if seen.tcp[i] { "connects" } else { "gets no connection" };
        out.say(format_args!(
            "the {who:<8} {address:<12} {:>3} of {KNOCKS} UDP messages arrive, TCP {tcp}",
            seen.udp[i]
        ))?;
    }
    out.say("")?;
    Ok(seen)
}

fn in_namespace<T: Send>(ns: &NetNs, work: impl FnOnce() -> T + Send) -> Outcome<T> {
    ns.run(work).map_err(|error| Failure::refused(format!("cannot work in the namespace: {error}")))
}

fn knock(from: Ipv4Addr) {
    let Ok(socket) = UdpSocket::bind((from, 0)) else { return };
    for _ in 0..KNOCKS {
        // What does not get through is counted by not arriving.
        let _ = socket.send_to(b"knock", (SERVER, PORT));
    }
}

/// Whether a connection from that address is greeted.
fn connect(from: Ipv4Addr) -> bool {
    let made = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let Ok(fd) = made else { return false };
    let [a, b, c, d] = from.octets();
    let patience = nix::sys::time::TimeVal::new(1, 0);
    let ready = socket::bind(fd.as_raw_fd(), &SockaddrIn::new(a, b, c, d, 0))
        .and_then(|()| socket::setsockopt(&fd, sockopt::SendTimeout, &patience))
        .and_then(|()| socket::setsockopt(&fd, sockopt::ReceiveTimeout, &patience));
    let [a, b, c, d] = SERVER.octets();
    let server = SockaddrIn::new(a, b, c, d, PORT);
    let connected = ready.and_then(|()| socket::connect(fd.as_raw_fd(), &server));
    if connected.is_err() {
        return false;
    }
    let mut greeting = [0; 5];
    let mut stream = TcpStream::from(fd);
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"hello"
}

/// Runs `work` while the attacker sends as fast as it can.
fn under_flood<T>(outside: &NetNs, work: impl FnOnce() -> T) -> Outcome<T> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| {
            outside.run(|| {
                let Ok(socket) = UdpSocket::bind((ATTACKER, 0)) else { return };
                while !stop.load(Ordering::Relaxed) {
                    let _ = socket.send_to(b"flood", (SERVER, PORT));
                }
            })
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        match flood.join() {
            Ok(Ok(())) => Ok(done),
            Ok(Err(error)) => {
                Err(Failure::refused(format!("cannot flood in the namespace: {error}")))
            }
            Err(_) => Err(Failure::bug("the attacker's thread panicked")),
        }
    })
}

/// What was seen must be what a filter is for.
fn verdict(before: &Seen, after: &Seen) -> Outcome {
    let open = before.udp == [KNOCKS; 2] && before.tcp == [true; 2];
    let blocked = after.udp == [KNOCKS, 0] && after.tcp == [true, false];
    if open && blocked {
        return Ok(());
    }
    Err(Failure::refused("this is not what should have been seen")
        .note("help", "before the block all messages should arrive, behind it the friend's alone; `palisade doctor` may tell why"))
}
