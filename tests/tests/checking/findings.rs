//! What `check` finds out about a policy that is one.

use palisade_tests::lab::{Lab, NEAR};
use palisade_tests::mixed::mixed;

use super::{Dir, check, check_json, ordinary};

const POLICY: &str = "\
set block net { elements { 10.0.0.0/8, 2001:db8::/32 } }
keep arp
keep nd
drop src in block
pass tcp dport 22
drop tcp dport 22 src 192.0.2.0/24
expect drop from 10.1.2.3
expect pass from 192.0.2.7 tcp dport 22
default pass
";

#[test]
fn a_policy_that_is_as_it_expects_ends_with_0_and_says_why() {
    let said = check(POLICY).ok();
    assert!(said.contains("line 7: expect drop from 10.1.2.3: ok"), "{said}");
    assert!(said.contains("line 4, `drop src in block`"), "{said}");
    assert!(said.contains("line 2: keep arp: holds"), "{said}");
    assert!(said.contains("line 6") && said.contains("line 5 leaves nothing for it"), "{said}");
    assert!(said.contains("instructions"), "{said}");
    let (code, document) = check_json(POLICY);
    assert_eq!((code, &document["ok"]), (Some(0), &true.into()), "{document}");
    assert!(document["instructions"].as_u64().unwrap() > 10);
    assert!(document["longest_path"].as_u64() <= document["instructions"].as_u64());
    assert_eq!(document["errors"], serde_json::json!([]));
    assert_eq!(document["expects"][0]["line"], 7);
    assert_eq!(document["expects"][0]["ok"], true);
    assert_eq!(document["expects"][0]["by"]["line"], 4);
    assert_eq!(document["expects"][1]["by"]["text"], "pass tcp dport 22");
    assert_eq!(document["keeps"][1]["ok"], true);
    assert!(document["keeps"][1]["packets"].as_u64().unwrap() > 0);
    assert_eq!(document["dead"][0]["line"], 6);
    assert_eq!(document["dead"][0]["by"], serde_json::json!([5]));
    assert_eq!(document["warnings"], serde_json::json!([]));
    let maps = document["maps"].as_array().unwrap();
    assert!(maps.iter().any(|map| map["name"] == "block" && map["bytes"].is_u64()), "{document}");
}

#[test]
fn an_expect_that_fails_ends_with_1_and_names_the_rule() {
    let text = format!("{POLICY}expect pass from 10.9.9.9\n");
    let output = check(&text);
    let said = output.clone().failed(1);
    assert!(said.contains("1 of 3") && said.contains("line 10"), "{said}");
    assert!(said.contains("line 4, `drop src in block`"), "{said}");
    assert!(output.stdout.contains("line 10: expect pass from 10.9.9.9: FAILS"), "{output:?}");
    let (code, document) = check_json(&text);
    assert_eq!((code, &document["ok"]), (Some(1), &false.into()));
    let failed = &document["expects"][2];
    assert_eq!((&failed["line"], &failed["ok"]), (&10.into(), &false.into()));
    assert_eq!((&failed["wanted"], &failed["got"]), (&"pass".into(), &"drop".into()));
    assert_eq!(failed["by"]["line"], 4);
}

#[test]
fn quiet_says_nothing_of_what_holds_and_all_of_what_fails() {
    let output = ordinary(&["check", "-q", "-"], POLICY);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{output:?}");
    let text = format!("{POLICY}expect pass from 10.9.9.9\n");
    let output = ordinary(&["check", "-q", "-"], &text);
    assert!(output.stdout.is_empty() && output.stderr.contains("line 10"), "{output:?}");
}

/// What a text is warned of, a line each.
fn warnings(text: &str) -> String {
    let (_, document) = check_json(text);
    let all = document["warnings"].as_array().unwrap().clone();
    let message = |warning: serde_json::Value| warning["message"].as_str().unwrap().to_owned();
    all.into_iter().map(message).collect::<Vec<_>>().join("\n")
}

#[test]
fn ipv4_mapped_addresses_are_warned_of_in_sets_and_rules() {
    let set = warnings(
        "set s net { elements { ::ffff:192.0.2.0/120, ::ffff:198.51.100.7, 2001:db8::1 } }\n\
         drop src in s\ndefault pass\n",
    );
    assert!(set.contains("`192.0.2.0/24` does") && set.contains("1 more"), "{set}");
    let rule = warnings("drop dst { 2001:db8::1, ::ffff:198.51.100.7 }\ndefault pass\n");
    assert!(rule.contains("`198.51.100.7`"), "{rule}");
    for others in ["::/8", "::fffe:0:0/95", "::192.0.2.1", "64:ff9b::192.0.2.1", "192.0.2.0/24"] {
        assert_eq!(warnings(&format!("drop src {others}\ndefault pass\n")), "", "{others}");
    }
}

#[test]
fn a_default_drop_that_makes_the_host_unreachable_is_warned_of() {
    let both = warnings("pass tcp dport 22\ndefault drop\n");
    assert!(both.contains("`keep arp`") && both.contains("`keep nd`"), "{both}");
    let one = warnings("keep arp\npass tcp dport 22\ndefault drop\n");
    assert!(!one.contains("`keep arp`") && one.contains("`keep nd`"), "{one}");
    let rule = warnings("drop arp\ndefault pass\n");
    assert!(rule.contains("line 1, `drop arp`"), "{rule}");
    assert_eq!(warnings("keep arp\nkeep nd\ndefault drop\n"), "");
    assert_eq!(warnings("drop src 10.0.0.0/8\ndefault pass\n"), "");
    let unused = warnings("set a net\nset b net\ndrop src in a\ndefault pass\n");
    assert!(unused.contains("`b`") && !unused.contains("`a`"), "{unused}");
}

#[test]
fn files_of_sets_are_looked_for_beside_the_policy() {
    let dir = Dir::new("beside");
    dir.write("list.txt", "# bad ones\n10.0.0.0/8\n");
    let text = "set block net { file \"list.txt\" }\ndrop src in block\n\
                expect drop from 10.1.1.1\nexpect pass from 11.1.1.1\ndefault pass\n";
    let path = dir.write("policy.pal", text);
    ordinary(&["check", &path], "").ok();
}

#[test]
fn the_memory_that_is_told_is_what_the_kernel_accounts_for() {
    let text = "set block net\nset small net { max 1000 }\nset ports service\n\
                drop src in block\ndrop dst in small\ndrop service in ports\ndefault pass\n";
    let (_, document) = check_json(text);
    let estimated = |set: &str| {
        let maps = document["maps"].as_array().unwrap().iter();
        let part = format!("{set}:");
        let of_set = maps.filter(|map| {
            let name = map["name"].as_str().unwrap();
            name == set || name.starts_with(&part)
        });
        of_set.map(|map| map["bytes"].as_u64().unwrap()).sum::<u64>()
    };
    Lab::run(|lab| {
        lab.palisade_with(&["attach", NEAR, "-p", "-"], text).ok();
        let status = lab.palisade(&["status", "-j"]).json();
        for set in ["block", "small", "ports"] {
            let told = status["sets"][set]["memory"].as_u64().expect("a number");
            let estimated = estimated(set);
            // The kernel rounds to pages and counts a little for each map itself.
            assert!(told.abs_diff(estimated) <= 5 * 4096, "{set}: {estimated}, not {told}");
        }
    });
}

#[test]
fn a_thousand_mixed_rules_are_checked() {
    let output = check(mixed(1000));
    assert!(output.code == Some(0), "{}", output.stderr);
}
