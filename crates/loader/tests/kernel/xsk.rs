//! AF_XDP sockets: what goes in on one end of a pair comes out on the other, frames are neither lost
//! nor made, and what is closed is gone.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::sys::stat::fstat;
use palisade_asm::{Helper, MapDecl, MapFlags, MapKind, R1, R2, R3, Size};
use palisade_loader::link::{self, IfIndex};
use palisade_loader::netns::{VethEnd, VethOptions, veth_pair};
use palisade_loader::xsk::{
    Binding, Frame, FrameSize, Packet, Slots, Socket, Transfer, Umem, Waited, XskError, wait,
};
use palisade_loader::{Buffers, Errno, LoadOptions, MapError, MapHandle, Program, xdp};

use crate::ground::{Ground, built, kernel};

const SOON: Duration = Duration::from_secs(5);
const SLOTS: Slots = Slots { fill: 64, completion: 64, rx: 64, tx: 64 };

/// Two interfaces that are each other's far end.
fn pair(ground: &Ground) -> (IfIndex, IfIndex) {
    let end = |name| VethEnd { ns: &ground.ns, name };
    let (a, b) = veth_pair(end("a"), end("b"), VethOptions::default()).expect("a pair");
    ground.ns.set_up(a).expect("up");
    ground.ns.set_up(b).expect("up");
    (a, b)
}

fn binding(interface: IfIndex) -> Binding {
    Binding { interface, queue: 0, transfer: Transfer::Copy, slots: SLOTS }
}

fn sockets() -> MapDecl {
    let (name, kind, flags) = ("sockets".to_owned(), MapKind::XskMap, MapFlags::NONE);
    MapDecl { name, kind, key_size: 4, value_size: 4, max_entries: 1, flags }
}

/// A program that brings packets to a socket, held on an interface.
fn brought(on: IfIndex, socket: &Socket<'_>) -> (xdp::Hold, Program) {
    let image = built(|a| {
        let map = a.map(sockets());
        a.load(Size::W, R2, R1 + 16).load_map(R1, map).mov(R3, 2);
        a.call(Helper::REDIRECT_MAP).exit();
    });
    let map = MapHandle::create(&sockets()).expect("a map");
    map.set_socket(0, socket).expect("put in");
    let options = LoadOptions { name: "bring", license: c"GPL", buffers: Buffers::Single };
    let program = Program::load(&image, &[map], &options).expect("a program");
    (xdp::hold(on, &program, xdp::Mode::Native).expect("held"), program)
}

/// A frame that only these tests send.
fn frame(number: u8) -> Vec<u8> {
    let mut frame = [[2; 12].as_slice(), &[0x88, 0xb5, number]].concat();
    frame.resize(60 + usize::from(number), number ^ 0xff);
    frame
}

/// So many packets of the tests' own, unless time runs out.
fn own<'u>(socket: &mut Socket<'u>, free: &mut Vec<Frame<'u>>, count: usize) -> Vec<Packet<'u>> {
    let (start, mut all, mut some) = (Instant::now(), Vec::new(), Vec::new());
    while all.len() < count && start.elapsed() < SOON {
        wait([&*socket], None, Duration::from_millis(100)).expect("waited");
        socket.receive(&mut some, 7).expect("sound rings");
        for packet in some.drain(..) {
            match packet.bytes().get(12..14) {
                Some([0x88, 0xb5]) => all.push(packet),
                _ => free.push(packet.into_frame()),
            }
        }
        socket.fill(free).expect("sound rings");
    }
    all
}

#[test]
fn packets_go_from_socket_to_socket_and_every_frame_comes_back() {
    kernel(|ground| {
        let (a, b) = pair(&ground);
        let umems = [0, 1].map(|_| Umem::new(64, FrameSize::Half).expect("memory"));
        let mut from = Socket::bind(&umems[0], &binding(a)).expect("bound");
        let mut to = Socket::bind(&umems[1], &binding(b)).expect("bound");
        let (mut free, mut here) = (umems[0].take_frames(), umems[1].take_frames());
        assert_eq!((to.fill(&mut here).expect("filled"), here.len()), (64, 0));
        let (_hold, _program) = brought(b, &to);
        for round in 0..30 {
            let take = free.split_off(free.len() - 50);
            let packed = (0..).zip(take).map(|(n, free)| free.packet(&frame(n)).expect("it fits"));
            let mut packets: Vec<_> = packed.collect();
            assert_eq!(from.send(&mut packets).expect("sent"), 50);
            // Linux 5.10 takes 32 at a time.
            from.push_on().expect("pushed");
            let came = own(&mut to, &mut here, 50);
            for (n, packet) in (0..).zip(&came) {
                assert_eq!(packet.bytes(), frame(n), "round {round}");
            }
            assert_eq!(came.len(), 50, "round {round}");
            here.extend(came.into_iter().map(Packet::into_frame));
            assert_eq!(to.fill(&mut here).expect("filled"), 50, "room for all that came");
            let start = Instant::now();
            while from.sending() > 0 && start.elapsed() < SOON {
                from.push_on().expect("pushed");
                from.complete(&mut free).expect("sound rings");
            }
            assert_eq!(free.len(), 64, "round {round}");
        }
        let told = to.statistics().expect("told");
        assert_eq!((told.rx_dropped, told.rx_invalid_descs, told.tx_invalid_descs), (0, 0, 0));
        assert_eq!(from.statistics().expect("told").tx_invalid_descs, 0);
        assert!(!to.is_zero_copy().expect("told"));
    });
}

#[test]
fn what_no_frame_or_slot_is_free_for_is_dropped_and_counted() {
    kernel(|ground| {
        let (a, b) = pair(&ground);
        let umems = [0, 1].map(|_| Umem::new(64, FrameSize::Half).expect("memory"));
        let mut from = Socket::bind(&umems[0], &binding(a)).expect("bound");
        let few = Slots { rx: 4, ..SLOTS };
        let mut to = Socket::bind(&umems[1], &Binding { slots: few, ..binding(b) }).expect("bound");
        let (_hold, _program) = brought(b, &to);
        let (mut free, mut here) = (umems[0].take_frames(), umems[1].take_frames());
        let mut send = |count: usize| {
            let take = free.split_off(free.len() - count);
            let packed = take.into_iter().map(|free| free.packet(&frame(1)).expect("it fits"));
            assert_eq!(from.send(&mut packed.collect()).expect("sent"), count);
            std::thread::sleep(Duration::from_millis(100));
        };
        send(3);
        let told = to.statistics().expect("told");
        assert!(told.rx_fill_ring_empty_descs.expect("told") >= 3, "{told:?}");
        to.fill(&mut here).expect("filled");
        send(10);
        let told = to.statistics().expect("told");
        assert!(told.rx_ring_full.expect("told") >= 6, "{told:?}");
        assert_eq!(to.receive(&mut Vec::new(), 99).expect("sound rings"), 4);
    });
}

#[test]
fn a_queue_has_one_socket_and_is_free_again_when_that_is_closed() {
    kernel(|ground| {
        let (a, _) = pair(&ground);
        let umem = Umem::new(64, FrameSize::Half).expect("memory");
        let other = Umem::new(64, FrameSize::Page).expect("memory");
        for _ in 0..10 {
            let first = Socket::bind(&umem, &binding(a)).expect("the kernel lets go of the queue");
            let inode = fstat(first.as_fd()).expect("a socket").st_ino;
            let (link, fd) = (format!("socket:[{inode}]"), first.as_fd().as_raw_fd());
            let mapped = |maps: &str| maps.lines().filter(|line| line.ends_with(&link)).count();
            let maps = || fs::read_to_string("/proc/self/maps").expect("ours");
            assert_eq!(mapped(&maps()), 4, "a mapping a ring");
            drop(first);
            assert_eq!(mapped(&maps()), 0);
            let to = fs::read_link(format!("/proc/self/fd/{fd}"));
            assert!(to.ok().is_none_or(|to| to.as_os_str() != link.as_str()), "closed");
        }
        let _first = Socket::bind(&umem, &binding(a)).expect("bound");
        let error = Socket::bind(&other, &binding(a)).expect_err("taken");
        assert_eq!(error.errno(), Some(Errno::EBUSY));
        assert!(error.help().expect("help").contains("another socket"), "{error}");
    });
}

#[test]
fn what_cannot_be_bound_is_refused_with_what_was_asked() {
    kernel(|ground| {
        let (a, _) = pair(&ground);
        let umem = Umem::new(64, FrameSize::Half).expect("memory");
        let refused = |binding: Binding| Socket::bind(&umem, &binding).expect_err("refused");
        let error = refused(Binding { queue: 9, ..binding(a) });
        assert!(error.to_string().contains("to queue 9 of interface"), "{error}");
        assert_eq!(error.help(), Some("the interface has no queue of that number"));
        let error = refused(Binding { transfer: Transfer::ZeroCopy, ..binding(a) });
        assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "{error}");
        assert!(error.to_string().contains("without copies"), "{error}");
        let nowhere = IfIndex::new(9999).expect("a number");
        assert_eq!(refused(binding(nowhere)).errno(), Some(Errno::ENODEV));
        let odd = Slots { rx: 48, ..SLOTS };
        let error = refused(Binding { slots: odd, ..binding(a) });
        assert!(matches!(error, XskError::MakeRing { slots: 48, errno: Errno::EINVAL, .. }));
        assert!(error.to_string().contains("a receive ring of 48 slots"), "{error}");
        let socket = Socket::bind(&umem, &binding(a)).expect("bound after all");
        let map = MapHandle::create(&sockets()).expect("a map");
        let error = map.set_socket(1, &socket).expect_err("one entry");
        assert!(matches!(error, MapError::OutOfRange { max_entries: 1, .. }), "{error}");
    });
}

#[test]
fn a_socket_whose_interface_goes_says_so() {
    kernel(|ground| {
        let (a, _) = pair(&ground);
        let umem = Umem::new(64, FrameSize::Half).expect("memory");
        let socket = Socket::bind(&umem, &binding(a)).expect("bound");
        let quiet = wait([&socket], None, Duration::from_millis(1)).expect("waited");
        assert_eq!(quiet, Waited::Over);
        ground.ns.delete(a).expect("removed");
        let start = Instant::now();
        let error = loop {
            match wait([&socket], None, Duration::from_millis(10)) {
                Err(error) => break error,
                Ok(_) => assert!(start.elapsed() < SOON, "it says nothing"),
            }
        };
        assert!(matches!(error, XskError::Broken { queue: 0, .. }), "{error}");
    });
}

#[test]
fn a_program_that_is_held_is_there_until_the_hold_is_dropped() {
    kernel(|ground| {
        let (a, _) = pair(&ground);
        let program = crate::ground::program("held");
        let id = program.info().expect("told").id;
        let on = |index| xdp::query(index).expect("there").map(|on| (on.program_id, on.mode));
        for mode in [xdp::Mode::Native, xdp::Mode::Generic] {
            let hold = xdp::hold(a, &program, mode).expect("held");
            assert_eq!((on(a), hold.mode()), (Some((id, mode)), mode));
            assert!(hold.is_in_place().expect("asked"));
            let error = xdp::hold(a, &program, mode).expect_err("there is one");
            assert_eq!(error.reason(), xdp::Reason::Occupied, "{error}");
            let error = xdp::attach(a, &program, mode, xdp::Expect::Anything).expect_err("a link");
            assert_eq!(error.reason(), xdp::Reason::HeldByLink, "{error}");
            drop(hold);
            assert_eq!(on(a), None);
        }
        xdp::attach(a, &program, xdp::Mode::Native, xdp::Expect::Empty).expect("attached");
        let error = xdp::hold(a, &program, xdp::Mode::Native).expect_err("it is not replaced");
        assert_eq!(error.reason(), xdp::Reason::Occupied, "{error}");
        xdp::detach(a, xdp::Mode::Native, xdp::Expect::program(&program)).expect("detached");
        let hold = xdp::hold(a, &program, xdp::Mode::Native).expect("held");
        ground.ns.delete(a).expect("removed");
        assert!(!hold.is_in_place().expect("asked"));
    });
}

#[test]
fn an_interface_tells_how_many_queues_it_receives_on() {
    kernel(|ground| {
        let end = |name| VethEnd { ns: &ground.ns, name };
        let options = VethOptions { tx_queues: 3, rx_queues: 3, ..VethOptions::default() };
        veth_pair(end("a"), end("b"), options).expect("a pair");
        let queues = |name| {
            let link = link::by_name(name).expect("there");
            (link.rx_queues, link::receive_queues(&link).expect("told"))
        };
        assert_eq!((queues("a"), queues("lo")), ((3, 3), (1, 1)));
    });
}
