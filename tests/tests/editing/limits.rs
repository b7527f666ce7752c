//! Full sets stay as they were, and editors at the same time lose nothing.

use palisade_tests::lab::Lab;

/// A net set and a service set that take few entries.
const SMALL: &str = "set block net { max 4 }\nset ports service { max 2 }\n\
                     drop src in block\ndrop service in ports\ndefault pass\n";

#[test]
fn a_full_set_says_how_full_and_stays_as_it_was() {
    Lab::run(|lab| {
        lab.filter_by(SMALL);
        lab.palisade(&["add", "10.0.0.1", "10.1.0.0/16", "2001:db8::1", "2001:db8::/64"]).ok();
        lab.palisade(&["add", "tcp/80", "udp/53"]).ok();
        let (nets, services) = (lab.entries("block"), lab.entries("ports"));
        for (item, filled) in
            [("10.0.0.9", "4 of 4"), ("10.9.0.0/16", "4 of 4"), ("tcp/9", "2 of 2")]
        {
            let said = lab.palisade(&["add", item]).failed(3);
            assert!(said.contains("full") && said.contains(filled), "{said}");
        }
        lab.palisade(&["add", "10.0.0.1", "udp/53"]).ok();
        assert_eq!((lab.entries("block"), lab.entries("ports")), (nets, services));
        lab.palisade(&["del", "10.0.0.1", "udp/53"]).ok();
        lab.palisade(&["add", "10.0.0.9", "tcp/9"]).ok();
        lab.palisade(&["add", "10.0.0.1"]).failed(3);
    });
}

#[test]
fn several_items_are_added_all_or_none() {
    Lab::run(|lab| {
        lab.filter_by(SMALL);
        lab.palisade(&["add", "10.0.0.1", "10.0.0.2", "tcp/80"]).ok();
        let said = lab.palisade(&["add", "10.0.0.3", "10.0.0.4", "10.0.0.5"]).failed(3);
        assert!(said.contains("2 of 4"), "{said}");
        assert_eq!(lab.items("block"), ["10.0.0.1", "10.0.0.2"], "the set stays as it was");
        lab.palisade(&["add", "10.0.0.3", "tcp/81", "tcp/82"]).failed(3);
        assert_eq!(lab.items("ports"), ["tcp/80"], "the set stays as it was");
        assert_eq!(lab.items("block"), ["10.0.0.1", "10.0.0.2"], "so does the other one");
    });
}

/// In a large set the kernel is asked for the new items alone, and answers with what covers them.
#[test]
fn an_item_inside_another_of_a_large_set_is_an_item_of_its_own() {
    Lab::run(|lab| {
        lab.filter();
        let wide = |i: u32| [format!("10.{i}.0.0/16\n"), format!("2001:db8:{i:x}::/48\n")].concat();
        let list: String = (0..100).map(wide).collect();
        lab.palisade_with(&["import", "-"], &list).ok();
        let inside = ["10.7.8.0/24", "10.7.0.0/17", "10.7.0.9", "2001:db8:7::/64", "2001:db8:7::9"];
        for item in inside {
            let said = lab.palisade(&["add", item]).ok();
            assert_eq!(said, format!("added {item} to `block`\n"));
            let said = lab.palisade(&["add", item]).ok();
            assert_eq!(said, format!("{item} is in `block` already\n"));
        }
        let said = lab.palisade(&["add", "10.7.0.0/16", "2001:db8:7::/48"]).ok();
        assert_eq!(said.matches("already").count(), 2, "{said}");
        let status = lab.palisade(&["status", "-j"]).json();
        assert_eq!(status["sets"]["block"]["entries"], 200 + inside.len());
        lab.palisade(&["del", "10.7.8.0/23"]).failed(1);
        lab.palisade(&[&["del"], inside.as_slice()].concat()).ok();
        assert_eq!(lab.items("block").len(), 200);
    });
}

#[test]
fn editors_at_the_same_time_lose_nothing() {
    Lab::run(|lab| {
        lab.filter();
        lab.palisade(&["add", "--set", "allow", "10.9.9.9"]).ok();
        let (editors, rounds) = (4, 6);
        let children: Vec<_> = (0..editors)
            .map(|editor| {
                let items: Vec<String> = (0..rounds)
                    .flat_map(|round| {
                        [
                            format!("10.0.{editor}.{round}"),
                            format!("tcp/{}", 100 * (editor + 1) + round),
                        ]
                    })
                    .collect();
                let mut args = vec!["-q", "add"];
                args.extend(items.iter().map(String::as_str));
                lab.command(&args).spawn().expect("an editor")
            })
            .collect();
        for mut child in children {
            assert!(child.wait().expect("an editor ends").success());
        }
        let all = usize::try_from(editors * rounds).expect("a few");
        assert_eq!((lab.items("block").len(), lab.items("ports").len()), (all, all));
        let status = lab.palisade(&["status", "-j"]).json();
        assert_eq!(status["sets"]["block"]["entries"], all);
    });
}
