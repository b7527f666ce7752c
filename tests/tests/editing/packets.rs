//! An edit takes effect on the next packet, and packets are counted with the entry that decided.

use palisade_tests::lab::Lab;
use palisade_tests::packet::{eth, ipv4, sctp, tcp, udp};

use super::{from4, from6};

#[test]
fn what_is_blocked_is_dropped_at_once_and_what_is_deleted_comes_through() {
    Lab::run(|lab| {
        lab.filter();
        let cases = [
            ("198.51.100.66", from4("198.51.100.66", 9), from4("198.51.100.67", 9)),
            ("198.51.100.96/28", from4("198.51.100.111", 9), from4("198.51.100.112", 9)),
            ("2001:db8::66", from6("2001:db8::66", 9), from6("2001:db8::67", 9)),
            ("2001:db8:5::/48", from6("2001:db8:5:ffff::", 9), from6("2001:db8:6::", 9)),
            ("udp/53", from4("198.51.100.1", 53), from4("198.51.100.1", 54)),
            (
                "tcp/80",
                (eth() / ipv4() / tcp(9, 80)).build(),
                (eth() / ipv4() / udp(9, 80)).build(),
            ),
            ("udp/8000-8003", from6("2001:db8::1", 8003), from6("2001:db8::1", 8004)),
            ("sctp/5", (eth() / ipv4() / sctp(5, 5)).build(), (eth() / ipv4() / tcp(5, 5)).build()),
            ("udp/0", from4("198.51.100.1", 0), (eth() / ipv4() / tcp(9, 0)).build()),
            ("any/99", from4("198.51.100.1", 99), from4("198.51.100.1", 98)),
        ];
        for (item, hit, miss) in cases {
            let frames = [hit, miss];
            assert_eq!(lab.through(&frames), [true, true], "before {item} is blocked");
            lab.palisade(&["add", item]).ok();
            assert_eq!(lab.through(&frames), [false, true], "while {item} is blocked");
            let set = if item.contains(['.', ':']) { "block" } else { "ports" };
            lab.expect_hits(set, item, 1);
            assert_eq!(lab.hits(set, item).1, frames[0].len() as u64, "bytes of {item}");
            lab.palisade(&["del", item]).ok();
            assert_eq!(lab.through(&frames), [true, true], "after {item} is deleted");
        }
    });
}

#[test]
fn set_names_the_set_that_is_edited() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.0/24"]).ok();
        let frames = [from4("198.51.100.66", 9), from4("198.51.100.67", 9)];
        let said = lab.palisade(&["add", "--set", "allow", "198.51.100.66"]).ok();
        assert_eq!(said, "added 198.51.100.66 to `allow`\n");
        lab.palisade(&["add", "--set", "allow", "198.51.100.7"]).ok();
        assert_eq!(lab.through(&frames), [true, false]);
        lab.palisade(&["del", "198.51.100.66"]).failed(1);
        lab.palisade(&["del", "--set", "allow", "198.51.100.66"]).ok();
        assert_eq!(lab.through(&frames), [false, false]);
    });
}

#[test]
fn an_entry_that_is_deleted_and_added_again_counts_from_zero() {
    Lab::run(|lab| {
        lab.filter();
        let frames = vec![from4("198.51.100.66", 9), from4("198.51.100.1", 53)];
        for (set, item) in [("block", "198.51.100.66"), ("ports", "udp/53")] {
            lab.palisade(&["add", item]).ok();
            lab.through(&frames);
            lab.through(&frames);
            lab.expect_hits(set, item, 2);
            let said = lab.palisade(&["add", item]).ok();
            assert!(said.contains("already"), "{said}");
            assert_eq!(lab.hits(set, item).0, 2, "adding it again changes nothing");
            lab.palisade(&["del", item]).ok();
            lab.palisade(&["add", item]).ok();
            assert_eq!(lab.hits(set, item), (0, 0));
            lab.through(&frames);
            lab.expect_hits(set, item, 1);
        }
    });
}

#[test]
fn a_slot_of_a_service_set_that_is_used_again_counts_from_zero() {
    Lab::run(|lab| {
        lab.filter_by("set ports service { max 1 }\ndrop service in ports\ndefault pass\n");
        lab.palisade(&["add", "udp/53"]).ok();
        assert_eq!(lab.through(&[from4("198.51.100.1", 53)]), [false]);
        lab.expect_hits("ports", "udp/53", 1);
        lab.palisade(&["del", "udp/53"]).ok();
        lab.palisade(&["add", "udp/54"]).ok();
        assert_eq!(lab.hits("ports", "udp/54"), (0, 0));
        let frames = [from4("198.51.100.1", 53), from4("198.51.100.1", 54)];
        assert_eq!(lab.through(&frames), [true, false]);
        lab.expect_hits("ports", "udp/54", 1);
        lab.palisade(&["flush", "--set", "ports"]).ok();
        lab.palisade(&["add", "tcp/1-2"]).ok();
        assert_eq!(lab.hits("ports", "tcp/1-2"), (0, 0));
    });
}

#[test]
fn overlapping_items_count_with_the_narrowest() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "198.51.100.0/24", "198.51.100.64/26", "198.51.100.66"]).ok();
        let all = ["198.51.100.66", "198.51.100.67", "198.51.100.1"].map(|from| from4(from, 9));
        lab.palisade(&["add", "--set", "allow", "198.51.100.7"]).ok();
        assert_eq!(lab.through(&all), [false; 3]);
        lab.expect_hits("block", "198.51.100.66", 1);
        lab.expect_hits("block", "198.51.100.64/26", 1);
        lab.expect_hits("block", "198.51.100.0/24", 1);
        lab.palisade(&["del", "198.51.100.66", "198.51.100.64/26"]).ok();
        assert_eq!(lab.through(&all), [false; 3]);
        lab.expect_hits("block", "198.51.100.0/24", 4);

        lab.palisade(&["add", "any/50-60", "udp/53"]).ok();
        let all = [from6("2001:db8::9", 53), from6("2001:db8::9", 54)];
        assert_eq!(lab.through(&all), [false; 2]);
        lab.expect_hits("ports", "udp/53", 1);
        lab.expect_hits("ports", "any/50-60", 1);
        lab.palisade(&["del", "udp/53"]).ok();
        assert_eq!(lab.through(&all), [false; 2]);
        lab.expect_hits("ports", "any/50-60", 3);
    });
}
