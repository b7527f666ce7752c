//! The room of what is past, and overlapping services.

use palisade_tests::lab::Lab;

use super::{SHORT, dropped, from, to, wait};

const SMALL: &str = "set block net { max 3 }\nset ports service { max 2 }\nset macs mac { max 2 }\n\
                     drop src in block\ndrop service in ports\ndrop ether src in macs\ndefault pass\n";

#[test]
fn what_is_past_makes_room_and_leaves_no_counters() {
    Lab::run(|lab| {
        lab.filter_by(SMALL);
        let timed = ["10.0.0.1", "10.1.0.0/16", "udp/53", "udp/54", "02:00:5e:10:00:01"];
        lab.palisade(&[&["add", "--timeout", SHORT], timed.as_slice()].concat()).ok();
        lab.palisade(&["add", "10.0.0.9", "02:00:5e:10:00:02"]).ok();
        assert_eq!(dropped(lab, &[from("10.0.0.1"), to(53)]), [true, true]);
        for (item, filled) in [
            ("10.0.0.2", "3 of 3"),
            ("10.2.0.0/16", "3 of 3"),
            ("udp/9", "2 of 2"),
            ("02:00:5e:10:00:03", "2 of 2"),
        ] {
            let said = lab.palisade(&["add", item]).failed(3);
            assert!(said.contains(filled), "{said}");
        }
        wait();
        assert_eq!(dropped(lab, &[from("10.0.0.1"), to(53)]), [false, false]);
        let new = ["10.0.0.2", "10.2.0.0/16", "udp/53", "udp/9", "02:00:5e:10:00:03"];
        let said = lab.palisade(&[&["add"], new.as_slice()].concat()).ok();
        assert_eq!(said.matches("added ").count(), new.len(), "{said}");
        assert_eq!(lab.items("block"), ["10.0.0.2", "10.0.0.9", "10.2.0.0/16"]);
        assert_eq!(lab.items("ports"), ["udp/9", "udp/53"]);
        assert_eq!(lab.hits("ports", "udp/53"), (0, 0), "what is added again is new");
        assert_eq!(dropped(lab, &[to(53), to(54), to(9)]), [true, false, true]);
        lab.palisade(&["add", "10.0.0.3"]).failed(3);
    });
}

#[test]
fn a_port_stays_in_the_set_as_long_as_any_item_around_it() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "any/50-60", "udp/80"]).ok();
        lab.palisade(&["add", "udp/53", "udp/70-90", "udp/100-110", "--timeout", SHORT]).ok();
        lab.palisade(&["add", "udp/105", "--timeout", "1h"]).ok();
        let frames = [53, 54, 75, 80, 104, 105].map(to);
        assert_eq!(dropped(lab, &frames), [true; 6]);
        lab.expect_hits("ports", "any/50-60", 2);
        wait();
        assert_eq!(dropped(lab, &frames), [true, true, false, true, false, true]);
        let found = lab.palisade(&["get", "-j", "udp/53"]).json();
        assert_eq!(found["matches"][0]["entry"], "any/50-60");
    });
}
