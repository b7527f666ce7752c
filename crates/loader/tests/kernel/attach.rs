//! Attaching: what the kernel answers to every combination of what is there and what is expected.

use std::os::fd::AsFd;

use palisade_loader::link::{self, VlanOffload};
use palisade_loader::netns::{NetNs, VethEnd, VethOptions, veth_pair};
use palisade_loader::xdp::{AttachError, Attached, Expect, Mode, Reason, attach, detach, query};
use palisade_loader::{Errno, IfIndex, LinkError, Program};

use crate::ground::{Ground, kernel, program};

/// A pair of interfaces of which the first is in the test's namespace, both up.
fn pair(ground: &Ground, options: VethOptions) -> (IfIndex, NetNs) {
    let far = NetNs::new().expect("a namespace");
    let ends = (VethEnd { ns: &ground.ns, name: "near" }, VethEnd { ns: &far, name: "far" });
    let (near, other) = veth_pair(ends.0, ends.1, options).expect("a pair");
    ground.ns.set_up(near).expect("up");
    far.set_up(other).expect("up");
    (near, far)
}

fn on_a_veth(test: impl FnOnce(IfIndex) + Send) {
    kernel(|ground| {
        let (near, _far) = pair(&ground, VethOptions::default());
        test(near);
    });
}

fn id(program: &Program) -> u32 {
    program.info().expect("told").id
}

fn attached(program: &Program, mode: Mode) -> Option<Attached> {
    Some(Attached { mode, program_id: id(program), offloaded: None })
}

/// What a refusal must say: number, words, and what it is taken to mean.
fn refused(result: Result<(), AttachError>, errno: Errno, words: Option<&str>, reason: Reason) {
    let error = result.expect_err("refused");
    assert_eq!(error.errno(), Some(errno), "{error}");
    assert_eq!(error.extack(), words, "{error}");
    assert_eq!(error.reason(), reason, "{error}");
}

const MISMATCH: Option<&str> = Some("Active program does not match expected");

#[test]
fn an_empty_interface_takes_a_program_in_every_software_mode() {
    on_a_veth(|near| {
        let a = program("a");
        for mode in [Mode::Native, Mode::Generic] {
            assert_eq!(query(near).expect("asked"), None);
            attach(near, &a, mode, Expect::Empty).expect("attached");
            assert_eq!(query(near).expect("asked"), attached(&a, mode));
            detach(near, mode, Expect::program(&a)).expect("detached");
        }
        assert_eq!(query(near).expect("asked"), None);
    });
}

#[test]
fn an_interface_expected_empty_keeps_the_program_it_has() {
    on_a_veth(|near| {
        let (a, b) = (program("a"), program("b"));
        attach(near, &a, Mode::Native, Expect::Empty).expect("attached");
        let words = Some("XDP program already attached");
        let again = attach(near, &b, Mode::Native, Expect::Empty);
        refused(again, Errno::EBUSY, words, Reason::Occupied);
        let off = detach(near, Mode::Native, Expect::Empty);
        refused(off, Errno::EEXIST, MISMATCH, Reason::Changed);
        assert_eq!(query(near).expect("asked"), attached(&a, Mode::Native));
    });
}

#[test]
fn the_expected_program_is_replaced_and_another_is_not() {
    on_a_veth(|near| {
        let (a, b, c) = (program("a"), program("b"), program("c"));
        attach(near, &a, Mode::Native, Expect::Empty).expect("attached");
        attach(near, &b, Mode::Native, Expect::program(&a)).expect("replaced");
        let stale = attach(near, &c, Mode::Native, Expect::program(&a));
        refused(stale, Errno::EEXIST, MISMATCH, Reason::Changed);
        let stale = detach(near, Mode::Native, Expect::program(&a));
        refused(stale, Errno::EEXIST, MISMATCH, Reason::Changed);
        assert_eq!(query(near).expect("asked"), attached(&b, Mode::Native));
        detach(near, Mode::Native, Expect::Program(b.as_fd())).expect("detached");
        let gone = attach(near, &c, Mode::Native, Expect::program(&b));
        refused(gone, Errno::EEXIST, MISMATCH, Reason::Changed);
    });
}

#[test]
fn whatever_is_there_is_replaced_or_detached_only_when_that_is_asked_for() {
    on_a_veth(|near| {
        let (a, b) = (program("a"), program("b"));
        detach(near, Mode::Native, Expect::Anything).expect("nothing to do");
        detach(near, Mode::Native, Expect::Empty).expect("nothing to do");
        attach(near, &a, Mode::Native, Expect::Anything).expect("attached");
        attach(near, &b, Mode::Native, Expect::Anything).expect("replaced");
        assert_eq!(query(near).expect("asked"), attached(&b, Mode::Native));
        detach(near, Mode::Native, Expect::Anything).expect("detached");
        assert_eq!(query(near).expect("asked"), None);
    });
}

#[test]
fn the_other_mode_is_refused_by_its_words_although_the_number_is_that_of_a_mismatch() {
    on_a_veth(|near| {
        let (a, b) = (program("a"), program("b"));
        attach(near, &a, Mode::Generic, Expect::Empty).expect("attached");
        let words = Some("Native and generic XDP can't be active at the same time");
        for expect in [Expect::Empty, Expect::Anything] {
            let other = attach(near, &b, Mode::Native, expect);
            refused(other, Errno::EEXIST, words, Reason::OtherMode);
        }
        assert_eq!(query(near).expect("asked"), attached(&a, Mode::Generic));
    });
}

#[test]
fn a_device_that_lacks_a_mode_refuses_it_and_never_falls_back() {
    kernel(|ground| {
        let a = program("a");
        let loopback = IfIndex::new(1).expect("a number");
        let words = Some("Underlying driver does not support XDP in native mode");
        let native = attach(loopback, &a, Mode::Native, Expect::Empty);
        refused(native, Errno::EOPNOTSUPP, words, Reason::Unsupported);
        assert_eq!(query(loopback).expect("asked"), None);
        let (near, _far) = pair(&ground, VethOptions::default());
        let offload = attach(near, &a, Mode::Offload, Expect::Empty);
        refused(offload, Errno::EINVAL, None, Reason::Unexplained);
    });
}

#[test]
fn a_large_mtu_and_too_few_queues_are_told_apart() {
    kernel(|ground| {
        let a = program("a");
        let large = VethOptions { mtu: 9000, ..VethOptions::default() };
        let (near, _far) = pair(&ground, large);
        let words = Some("veth: Peer MTU is too large to set XDP");
        let result = attach(near, &a, Mode::Native, Expect::Empty);
        refused(result, Errno::ERANGE, words, Reason::Mtu);
        ground.ns.delete(near).expect("removed");

        let uneven = VethOptions { tx_queues: 4, ..VethOptions::default() };
        let (near, _far) = pair(&ground, uneven);
        let error = attach(near, &a, Mode::Native, Expect::Empty).expect_err("refused");
        assert_eq!(error.errno(), Some(Errno::ENOSPC), "{error}");
        assert_eq!(error.reason(), Reason::Queues, "{error}");
    });
}

#[test]
fn an_interface_that_is_gone_is_no_device() {
    on_a_veth(|near| {
        let a = program("a");
        let ns = NetNs::current().expect("a namespace");
        ns.delete(near).expect("removed");
        let result = attach(near, &a, Mode::Native, Expect::Empty);
        refused(result, Errno::ENODEV, None, Reason::NoDevice);
        assert_eq!(query(near), Err(LinkError::NoSuchIndex { index: near }));
    });
}

#[test]
fn dropping_the_program_leaves_it_attached() {
    on_a_veth(|near| {
        let a = program("a");
        let there = attached(&a, Mode::Native);
        attach(near, &a, Mode::Native, Expect::Empty).expect("attached");
        drop(a);
        assert_eq!(query(near).expect("asked"), there);
        let again = Program::by_id(there.expect("attached").program_id).expect("alive");
        detach(near, Mode::Native, Expect::program(&again)).expect("detached");
    });
}

#[test]
fn of_many_who_replace_the_same_program_exactly_one_wins() {
    on_a_veth(|near| {
        let first = program("first");
        attach(near, &first, Mode::Native, Expect::Empty).expect("attached");
        let ns = NetNs::current().expect("a namespace");
        let rivals: Vec<Program> = (0..4).map(|_| program("rival")).collect();
        let compete = |rival: &Program| {
            ns.enter().expect("inside");
            attach(near, rival, Mode::Native, Expect::program(&first)).is_ok()
        };
        let won = std::thread::scope(|scope| {
            let runs: Vec<_> =
                rivals.iter().map(|rival| scope.spawn(move || compete(rival))).collect();
            runs.into_iter().map(|run| run.join().expect("ran")).collect::<Vec<bool>>()
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
        let winner = rivals.iter().zip(&won).find(|(_, won)| **won).expect("one").0;
        assert_eq!(query(near).expect("asked"), attached(winner, Mode::Native));
    });
}

#[test]
fn links_are_found_by_name_and_number_and_listed_with_what_is_on_them() {
    kernel(|ground| {
        let a = program("a");
        let (near, far) = pair(&ground, VethOptions::default());
        attach(near, &a, Mode::Native, Expect::Empty).expect("attached");
        let link = link::by_name("near").expect("found");
        assert_eq!((link.index, link.mtu, link.kind.as_deref()), (near, 1500, Some("veth")));
        assert!(link.mac.is_some());
        assert_eq!(link, link::by_index(near).expect("found"));
        assert_eq!(link.xdp, attached(&a, Mode::Native));
        let names: Vec<String> =
            link::list().expect("listed").into_iter().map(|link| link.name).collect();
        assert!(names.contains(&"lo".to_owned()) && names.contains(&"near".to_owned()));
        let there = far.run(|| link::by_name("far")).expect("ran").expect("found");
        assert_eq!(there.xdp, None);
    });
}

#[test]
fn a_name_that_nothing_has_or_can_have_is_no_such_link() {
    kernel(|_| {
        for name in ["none", "", "a-name-that-is-too-long", "a\0b", "a/b"] {
            let error = link::by_name(name).expect_err("not found");
            assert_eq!(error, LinkError::NoSuchName { name: name.to_owned() });
        }
    });
}

#[test]
fn a_device_tells_whether_it_takes_vlan_tags_off() {
    on_a_veth(|_| {
        let told = link::rx_vlan_offload("near").expect("told");
        assert!(matches!(told, VlanOffload::On | VlanOffload::Off));
        assert_eq!(link::rx_vlan_offload("none"), Err(Errno::ENODEV));
        for name in ["", "near\0", "a-name-that-is-too-long"] {
            assert_eq!(link::rx_vlan_offload(name), Err(Errno::ENODEV), "{name:?}");
        }
    });
}

#[test]
fn a_namespace_has_its_own_interfaces_addresses_and_neighbours() {
    kernel(|ground| {
        let (near, far) = pair(&ground, VethOptions::default());
        let v4 = std::net::IpAddr::from([192, 0, 2, 1]);
        let v6: std::net::IpAddr = "2001:db8::1".parse().expect("an address");
        ground.ns.set_mac(near, [2, 0, 0, 0, 0, 1]).expect("set");
        ground.ns.set_mtu(near, 1400).expect("set");
        ground.ns.add_address(near, v4, 24).expect("added");
        ground.ns.add_address(near, v6, 64).expect("added");
        let other = std::net::IpAddr::from([192, 0, 2, 2]);
        ground.ns.add_neighbour(near, other, [2, 0, 0, 0, 0, 2]).expect("added");
        let link = link::by_name("near").expect("found");
        assert_eq!((link.mac, link.mtu), (Some([2, 0, 0, 0, 0, 1]), 1400));
        for address in [v4, v6] {
            // Usable at once: an address that is still being checked cannot be bound.
            std::net::UdpSocket::bind((address, 0)).expect("bound");
        }
        let elsewhere = far.run(|| std::net::UdpSocket::bind((v4, 0)).is_err()).expect("ran");
        assert!(elsewhere, "an address of one namespace was seen in another");
        ground.ns.set_down(near).expect("down");
        assert!(ground.ns.add_address(near, v4, 24).is_err(), "the same address twice");
    });
}
