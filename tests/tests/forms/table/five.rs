//! The five cases of a form, put to the oracle and to the kernel.

use palisade_filter::oracle::{Decider, Decision};
use palisade_filter::policy::Flaw;
use palisade_filter::{oracle, parse};
use palisade_tests::agree::{Readings, contents};
use palisade_tests::engine::hex;
use palisade_tests::packet::Packet;
use palisade_tests::privilege::Kernel;

use super::{Cut, Form};

/// What must become of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Match,
    Miss,
    Malformed(Flaw),
}
use Fate::{Malformed, Match, Miss};

/// Frames with their fates.
type Cases = Vec<(Vec<u8>, Fate)>;

/// Puts the frames of each form to its rule and to the negation of that.
pub fn check(forms: Vec<Form>) {
    let kernel = Kernel::or_skip();
    for form in forms {
        let cases = form.cases();
        judge(kernel.as_ref(), &form.policy(), &cases);
        // Nothing is the negation of a rule without terms.
        if !form.rule.is_empty() {
            judge(kernel.as_ref(), &form.negated_policy(), &form.negated(cases));
        }
    }
}

/// The oracle is asked about all frames, the kernel about those that a test run takes.
fn judge(kernel: Option<&Kernel>, text: &str, cases: &Cases) {
    let policy = parse(text).unwrap_or_else(|errors| panic!("{}", errors.report("policy", text)));
    let sets = contents(&policy, &[]);
    for (frame, fate) in cases {
        let decision = oracle::decide(&policy, &sets, frame);
        assert_eq!(fate_of(&decision), *fate, "the oracle on {}\nof:\n{text}", hex(frame));
    }
    for target in kernel.iter().flat_map(|kernel| kernel.two()) {
        let kernel = kernel.expect("there is one where there are targets");
        let mut readings = Readings::of(kernel, text, &[], target)
            .unwrap_or_else(|refusal| panic!("{refusal}\n{target:?}, of:\n{text}"));
        for (frame, _) in cases.iter().filter(|(frame, _)| frame.len() >= 14) {
            if let Err(difference) = readings.decide(frame) {
                panic!("{difference}\n{target:?}, of:\n{text}");
            }
        }
    }
}

fn fate_of(decision: &Decision) -> Fate {
    match decision.decider {
        Decider::Rule(_) => Match,
        Decider::Malformed(flaw) => Malformed(flaw),
        Decider::Default => Miss,
        Decider::Keep(_) | Decider::Fragment => panic!("no such statement is there"),
    }
}

impl Form {
    fn negated_policy(&self) -> String {
        format!("{}pass not ( {} )\ndefault drop\n", self.before, self.rule)
    }

    fn cases(&self) -> Cases {
        let is = |fate, frames: &[Packet]| -> Cases {
            frames.iter().map(|frame| (frame.build(), fate)).collect()
        };
        let whole = [is(Match, &self.hits), is(Miss, &self.near), is(Miss, &self.wrong)].concat();
        [whole, self.cut_on_the_wire(), self.cut_by_the_sender()].concat()
    }

    fn first(&self) -> &Packet {
        self.hits.first().expect("every form matches something")
    }

    fn cut_on_the_wire(&self) -> Cases {
        let frame = self.first().build();
        let fate = |len: usize| match self.cut {
            Cut::Link(needed) if len < needed => Miss,
            Cut::Link(_) => Match,
            Cut::Network | Cut::Length | Cut::Transport(_) => {
                let (ip, body) = ip_header(&frame);
                Malformed(match len {
                    len if len < ip => Flaw::ShortL2,
                    len if len < body => Flaw::ShortL3,
                    _ => Flaw::BadLength,
                })
            }
        };
        (0..frame.len().min(200)).map(|len| (frame[..len].to_vec(), fate(len))).collect()
    }

    fn cut_by_the_sender(&self) -> Cases {
        let needed = match self.cut {
            Cut::Link(_) | Cut::Length => return Vec::new(),
            Cut::Network => 0,
            Cut::Transport(needed) => needed,
        };
        let frame = self.first().build();
        let (ip, body) = ip_header(&frame);
        let is_ip6 = body - ip == 40;
        let fate = |len: usize| match len {
            0 if is_ip6 => Malformed(Flaw::BadLength),
            len if len < needed => Malformed(Flaw::ShortL4),
            _ => Match,
        };
        let behind = (frame.len() - body).min(100);
        (0..behind).map(|len| (self.first().shortened(len).build(), fate(len))).collect()
    }

    /// The same frames under the negated rule. What the class of a frame has decided is not looked
    /// at, so that nothing of it is malformed then.
    fn negated(&self, mut cases: Cases) -> Cases {
        let policy = parse(&self.negated_policy()).expect("a policy");
        let sets = contents(&policy, &[]);
        let negated = |frame: &[u8], fate| match fate {
            Match => Miss,
            Miss => Match,
            Malformed(flaw) => match fate_of(&oracle::decide(&policy, &sets, frame)) {
                Miss => Miss,
                Match | Malformed(_) => Malformed(flaw),
            },
        };
        for (frame, fate) in &mut cases {
            *fate = negated(frame, *fate);
        }
        cases
    }
}

/// Where the IP header of a frame begins and ends.
fn ip_header(frame: &[u8]) -> (usize, usize) {
    let mut at = 12;
    while [[0x81, 0], [0x88, 0xa8]].contains(&[frame[at], frame[at + 1]]) {
        at += 4;
    }
    let ip = at + 2;
    let len = if frame[ip] >> 4 == 6 { 40 } else { usize::from(frame[ip] & 0x0f) * 4 };
    (ip, ip + len)
}
