//! What is asked wrongly is refused by name, and changes nothing.

use palisade_tests::lab::{Lab, NEAR};

#[test]
fn an_item_of_the_wrong_kind_is_refused_with_all_that_came_with_it() {
    Lab::run(|lab| {
        lab.filter();
        for (set, args, wrong) in [
            ("block", ["10.0.0.1", "tcp/80"], "tcp/80"),
            ("ports", ["udp/53", "10.0.0.1"], "10.0.0.1"),
        ] {
            for command in ["add", "del"] {
                let said = lab.palisade(&[&[command, "--set", set], &args[..]].concat()).failed(2);
                assert!(said.contains(&format!("`{set}`")) && said.contains(wrong), "{said}");
            }
            let said = lab.palisade(&["get", "--set", set, wrong]).failed(2);
            assert!(said.contains(wrong), "{said}");
            assert_eq!(lab.items(set), Vec::<String>::new());
        }
    });
}

#[test]
fn an_unknown_set_is_refused_and_the_others_are_named() {
    Lab::run(|lab| {
        lab.filter();
        let commands: [&[&str]; 7] = [
            &["add", "--set", "blok", "10.0.0.1"],
            &["del", "--set", "blok", "10.0.0.1"],
            &["get", "--set", "blok", "10.0.0.1"],
            &["list", "--set", "blok"],
            &["flush", "--set", "blok"],
            &["export", "--set", "blok"],
            &["import", "--set", "blok", "-"],
        ];
        for command in commands {
            let said = lab.palisade_with(command, "10.0.0.1\n").failed(2);
            assert!(said.contains("no set `blok`"), "{command:?}: {said}");
            assert!(said.contains("allow, block, ports"), "{command:?}: {said}");
        }
    });
}

#[test]
fn a_map_of_the_program_is_no_set() {
    Lab::run(|lab| {
        lab.filter();
        for name in ["_counters", "block:fill", "_control", "../meta", "", "prog"] {
            lab.palisade(&["list", "--set", name]).failed(2);
            lab.palisade(&["add", "--set", name, "10.0.0.1"]).failed(2);
        }
    });
}

#[test]
fn malformed_items_are_refused_by_name() {
    Lab::run(|lab| {
        lab.filter();
        for (item, blamed) in [
            ("80x", "80x"),
            ("80", "80"),
            ("-1", "-1"),
            ("tcp/80x", "80x"),
            ("tcp/65536", "65536"),
            ("udp/080", "080"),
            ("udp/0x50", "0x50"),
            ("tcp/-1", "-1"),
            ("tcp/80-", "80-"),
            ("tcp/", "port"),
            ("tcp/90-80", "90-80"),
            ("icmp/8", "icmp"),
            ("1.2.3", "1.2.3"),
            ("1.2.3.4/33", "33"),
            ("1.2.3.4/", "prefix length"),
            ("::/129", "129"),
            ("1.2.3.4.5", "1.2.3.4.5"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("", "``"),
            (" 10.0.0.1", " 10.0.0.1"),
            ("٤.2.3.4", "٤.2.3.4"),
        ] {
            for command in ["add", "del", "get"] {
                let said = lab.palisade(&[command, item]).failed(2);
                assert!(said.contains(blamed), "{item:?}: {said}");
                assert!(said.starts_with("error: "), "{said}");
            }
            let said = lab.palisade(&["add", "10.0.0.1", item]).failed(2);
            assert!(said.contains(blamed), "{said}");
        }
        assert_eq!(lab.items("block"), Vec::<String>::new(), "nothing is added beside a mistake");
    });
}

#[test]
fn without_a_policy_every_edit_says_that_none_is_in_force() {
    Lab::run(|lab| {
        let commands: [&[&str]; 6] = [
            &["add", "10.0.0.1"],
            &["del", "10.0.0.1"],
            &["get", "10.0.0.1"],
            &["list"],
            &["flush", "--set", "block"],
            &["mode", "off"],
        ];
        for command in commands {
            let said = lab.palisade(command).failed(2);
            assert!(said.contains("no policy `main` is in force"), "{said}");
            assert!(said.contains("palisade attach"), "{said}");
        }
        lab.filter();
        let said = lab.palisade(&["--policy-name", "edge", "add", "10.0.0.1"]).failed(2);
        assert!(said.contains("`edge`"), "{said}");
        assert_eq!(lab.palisade(&["detach", NEAR]).code, Some(0));
        lab.palisade(&["add", "10.0.0.1"]).failed(2);
    });
}
