//! What `status` shows of the policy's text.

use palisade_tests::lab::Lab;

use crate::{apply, attach, status};

#[test]
fn status_shows_the_text_and_its_digest() {
    Lab::run(|lab| {
        let text = "# mine\ndrop udp dport 1001   # dns\ndefault pass\n";
        attach(lab, text);
        let found = status(lab);
        assert_eq!(found["text"], text);
        let digest = found["digest"].as_str().expect("a digest").to_owned();
        assert_eq!(digest.len(), 64);
        assert_eq!(found["program"]["digest"].as_str().map(str::len), Some(64));
        let said = lab.palisade(&["status"]).ok();
        assert!(said.contains(&digest), "{said}");
        assert!(said.contains("  drop udp dport 1001   # dns\n"), "{said}");
        apply(lab, "drop udp dport 1002\ndefault pass\n").ok();
        assert_ne!(status(lab)["digest"].as_str(), Some(digest.as_str()));
    });
}

#[test]
fn nothing_in_a_text_moves_the_terminal() {
    Lab::run(|lab| {
        attach(lab, "# \u{1b}[31mred\ndefault pass\n");
        let said = lab.palisade(&["status"]).ok();
        assert!(!said.contains('\u{1b}'), "{said}");
    });
}
