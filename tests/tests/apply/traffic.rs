//! Applies while packets come in: each is judged as the old policy or the new one says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use palisade_tests::lab::Lab;

use crate::{Files, attach, frame};

const SOON: Duration = Duration::from_secs(5);

/// How many applies: a thousand where somebody asks for them, fewer by default.
fn applies() -> usize {
    let asked = std::env::var("PALISADE_APPLIES").ok();
    asked.map_or(30, |count| count.parse().expect("a number in PALISADE_APPLIES"))
}

/// One of two policies that drop port 1001 and an address each in their own way; what both declare
/// in the set stays there while its maps change.
fn text(number: usize) -> String {
    format!(
        "set s net {{ max 16 elements {{ 203.0.113.5, 203.0.113.1{number} }} }}\n\
         drop ip4 src in s\n{}drop udp dport 200{number}\ndefault pass\n",
        ["drop udp dport 1001\n", "count arp\ndrop ip4 udp dport 1000-1001\n"][number % 2]
    )
}

#[test]
fn no_packet_gets_a_verdict_that_neither_policy_gives() {
    Lab::run(|lab| {
        let files = Files::new();
        let texts = [0, 1].map(|number| files.write(&format!("{number}.pal"), text(number)));
        attach(lab, &text(1));
        let by_port = frame("203.0.113.8", 1001);
        let by_set = frame("203.0.113.5", 1002);
        let open = frame("203.0.113.8", 1002);
        let (sender, tap) = (lab.sender(), lab.tap());
        let done = AtomicBool::new(false);
        let (sent, leaked) = std::thread::scope(|scope| {
            let traffic = scope.spawn(|| {
                let (mut sent, mut leaked) = (0u64, 0u64);
                while !done.load(Ordering::Relaxed) {
                    for frame in [&by_port, &by_set, &open] {
                        sender.send(frame);
                    }
                    sent += 1;
                    // One round is over before the next begins, so that no buffer overflows.
                    loop {
                        let arrived = tap.next(SOON);
                        let arrived =
                            arrived.unwrap_or_else(|| panic!("frame {sent} never arrived"));
                        leaked += u64::from(arrived == by_port || arrived == by_set);
                        if arrived == open {
                            break;
                        }
                    }
                }
                (sent, leaked)
            });
            for file in texts.iter().cycle().take(applies()) {
                let said = lab.palisade(&["apply", file]);
                if said.code != Some(0) || !said.stdout.contains("without a gap") {
                    done.store(true, Ordering::Relaxed);
                    panic!("{said:?}");
                }
            }
            done.store(true, Ordering::Relaxed);
            traffic.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        assert_eq!(leaked, 0, "of {sent} rounds");
        assert!(sent > 100, "only {sent} rounds");
        assert_eq!(lab.items("s").len(), 2);
    });
}
