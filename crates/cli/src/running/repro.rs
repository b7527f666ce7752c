//! What is said and saved when the verifier refuses a program that was compiled here.
//!
//! That is a bug of the compiler. The message names the rule, the instruction and the kernel's
//! reason. The file beside it holds what somebody elsewhere needs to build that very program again
//! and to see why it was refused: the policy, what it was compiled for and by which version, the
//! program as text that `palisade asm` reads and as the hexadecimal that `palisade disasm` reads,
//! and the whole log. Slots are counted in it as the log counts them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;

use palisade_asm::{ByteOrder, Note, decode_image};
use palisade_filter::policy::Rule;
use palisade_filter::{Neighbours, Next, Policy, Tenure};
use palisade_loader::{Blamed, LoadError};

use super::compiled::Compiled;
use super::meta;
use crate::failure::Failure;
use crate::machine;
use crate::output::human;

/// A rule is told up to so many characters.
const LONGEST_RULE: usize = 160;

/// A refusal, and what it was of.
pub struct Refusal<'a> {
    /// What the kernel said.
    pub error: &'a LoadError,
    /// The text of the policy.
    pub text: &'a str,
    /// The policy.
    pub policy: &'a Policy,
    /// The program.
    pub compiled: &'a Compiled,
}

/// Saves a report, which holds those things, in the working directory; what to say of that.
pub fn save(report: &str, holds: &str) -> String {
    let file = format!("palisade-{}.repro", std::process::id());
    // A file that is there already may be a link that somebody has laid.
    let written = File::create_new(&file).and_then(|mut to| to.write_all(report.as_bytes()));
    match written {
        Ok(()) => format!("./{file} ({holds}): please attach it to the report"),
        Err(why) => format!("nothing, for ./{file} cannot be written: {why}"),
    }
}

impl Refusal<'_> {
    /// The failure, with the reproducer saved in the working directory.
    pub fn saved(&self) -> Failure {
        let saved = save(&self.report(&kernel_release()), "policy, program, full log");
        self.failure().note("saved", saved)
    }

    /// The rule, the instruction, and the kernel's words.
    fn failure(&self) -> Failure {
        let mut failure = Failure::bug(
            "the verifier refused the program compiled from this policy; this is a bug in the compiler",
        );
        for (label, text) in self.place() {
            failure = failure.note(label, text);
        }
        failure = failure.note("kernel", self.reason());
        match self.error.help() {
            Some(help) => failure.note("help", help),
            None => failure,
        }
    }

    /// The rule and the instruction at which verification ended, where that is known.
    fn place(&self) -> Vec<(&'static str, String)> {
        let Some(Blamed { slot, text, note }) = self.error.blamed() else { return Vec::new() };
        let instruction = match text {
            Some(text) => format!("{slot}: {text}"),
            None => slot.to_string(),
        };
        let rule = note.as_ref().map(|note| self.asked_by(note));
        rule.into_iter().chain([("at", instruction)]).collect()
    }

    /// What asked for an instruction: a rule, or a step that serves all of them.
    fn asked_by(&self, note: &Note) -> (&'static str, String) {
        let Some(line) = note.line else { return ("step", note.step.to_string()) };
        let text: String = match note.step.char_indices().nth(LONGEST_RULE) {
            Some((cut, _)) => format!("{}…", &note.step[..cut]),
            None => note.step.to_string(),
        };
        let number = |rules: &[Rule]| rules.iter().position(|rule| rule.line == line);
        let rule = match number(self.policy.rules()) {
            Some(at) => format!("{} (line {line}) `{text}`", at + 1),
            None => format!("line {line} `{text}`"),
        };
        ("rule", rule)
    }

    /// The error number, and the last useful words of the log.
    fn reason(&self) -> String {
        let errno = self.error.errno().map(|errno| errno.to_string());
        let words =
            self.error.log().and_then(|log| log.summary()).map(|words| format!("\"{words}\""));
        errno.into_iter().chain(words).collect::<Vec<_>>().join(", ")
    }

    /// The text of the reproducer.
    fn report(&self, release: &str) -> String {
        let Compiled { image, target, neighbours, .. } = self.compiled;
        let mut facts = vec![("version", meta::BUILD.to_owned()), ("system", release.to_owned())];
        facts.extend(self.place());
        facts.push(("kernel", self.reason()));
        facts.push(("target", machine::target_text(*target)));
        facts.push(("tenure", tenure_text(neighbours.tenure).to_owned()));
        facts.extend(next_text(*neighbours).map(|text| ("next", text.to_owned())));
        facts.push(("digest", human::hex(&meta::digest(image))));
        let mut report = String::new();
        for (label, text) in facts {
            let _ = writeln!(report, "{label}: {text}");
        }
        let hex = image.hex(ByteOrder::HOST).to_string();
        let log = self.error.log().map_or("", |log| log.text());
        let sections =
            [("policy", self.text), ("listing", &self.listing()), ("hex", &hex), ("verifier", log)];
        for (title, text) in sections {
            let _ = write!(report, "\n--- {title}\n{}\n", text.trim_end());
        }
        report
    }

    /// The program with everything at its slot, the islands of far jumps too.
    fn listing(&self) -> String {
        let Compiled { artifact, image, .. } = self.compiled;
        match decode_image(image) {
            Ok(program) => program.listing().numbered().to_string(),
            Err(_) => artifact.program.listing().to_string(),
        }
    }
}

fn tenure_text(tenure: Tenure) -> &'static str {
    match tenure {
        Tenure::Standing => "to stay",
        Tenure::OnTrial => "on trial",
    }
}

fn next_text(neighbours: Neighbours) -> Option<&'static str> {
    match neighbours.next {
        Next::Stack => None,
        Next::Slot => Some("a program in a slot"),
    }
}

fn kernel_release() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("Linux {} {}", release.trim(), std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use palisade_asm::RawInsn;
    use palisade_filter::Target;
    use palisade_loader::{Errno, VerifierLog};

    use super::*;

    const POLICY: &str = "drop src 192.0.2.0/24\n\npass dport 53\ndrop ttl < 3\ndefault pass\n";
    /// How a kernel (6.18) refuses a read beyond the stack, behind the instruction that does it.
    const REASON: &str = "\ninvalid read from stack R10 off=-520 size=8\nprocessed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n";

    /// The refusal of the policy's program at the first instruction that a line asked for, given
    /// with its text.
    fn refused_at(line: u32, check: impl FnOnce(&Refusal<'_>, &str)) {
        let policy = palisade_filter::parse(POLICY).expect("a policy");
        let compiled = Compiled::new(&policy, Target::FLOOR, Tenure::Standing).expect("a program");
        let image = &compiled.image;
        let asked = |slot: &usize| image.note_at(*slot).is_some_and(|note| note.line == Some(line));
        let slot = (0..image.len()).find(asked).expect("the rule has instructions");
        let at = format!("{slot}: r0 = *(u64 *)(r10 -520)");
        let log = VerifierLog::from_bytes(at.replace(": ", ": (79) ").as_bytes());
        let text = log.instruction(slot).map(str::to_owned);
        let log = VerifierLog::from_bytes(format!("{log}{REASON}").as_bytes());
        let note = image.note_at(slot).cloned();
        let error = LoadError::Refused {
            name: "palisade_main".into(),
            errno: Errno::EACCES,
            log,
            blamed: Some(Blamed { slot, text, note }),
        };
        let refusal = Refusal { error: &error, text: POLICY, policy: &policy, compiled: &compiled };
        check(&refusal, &at);
    }

    #[test]
    fn the_message_names_the_rule_its_line_the_instruction_and_the_kernels_words() {
        refused_at(4, |refusal, at| {
            let message = refusal.failure().to_string();
            let expected = format!(
                "error: the verifier refused the program compiled from this policy; this is a bug in the compiler
  rule:   3 (line 4) `drop ttl < 3`
  at:     {at}
  kernel: EACCES (permission denied), \"invalid read from stack R10 off=-520 size=8\""
            );
            assert_eq!(message, expected);
        });
    }

    #[test]
    fn the_reproducer_holds_the_policy_and_what_it_became() {
        refused_at(1, |refusal, at| {
            let report = refusal.report("Linux 6.18");
            let facts =
                format!("rule: 1 (line 1) `drop src 192.0.2.0/24`\nat: {at}\nkernel: EACCES");
            assert!(report.contains(&facts), "{report}");
            assert!(report.starts_with(&format!("version: {}\nsystem: Linux 6.18\n", meta::BUILD)));
            let sections: Vec<&str> = report.split("\n--- ").collect();
            let [_, policy, listing, hex, verifier] = sections.as_slice() else {
                panic!("{report}")
            };
            assert_eq!(policy.strip_prefix("policy\n"), Some(POLICY));
            let listing = listing.strip_prefix("listing\n").expect("the listing");
            let again = palisade_asm::parse(listing).expect("an assembler text");
            let image = &refusal.compiled.image;
            assert_eq!(again.encode(Target::FLOOR.isa).expect("encoded").code, image.code);
            let slots = hex.lines().skip(1).map(|line| {
                let bytes = u64::from_str_radix(line, 16).expect("digits").to_be_bytes();
                RawInsn::from_bytes(ByteOrder::HOST, bytes)
            });
            assert_eq!(slots.collect::<Vec<_>>(), image.code);
            assert!(verifier.starts_with(&format!("verifier\n{}", at.replace(": ", ": (79) "))));
            assert!(verifier.contains("processed 3 insns"));
        });
    }

    #[test]
    fn a_long_rule_is_told_in_part() {
        refused_at(1, |refusal, _| {
            let note = Note::line(1, "drop src { 192.0.2.1, 192.0.2.2 }".repeat(20));
            let (label, rule) = refusal.asked_by(&note);
            assert_eq!(
                (label, rule.chars().count()),
                ("rule", "1 (line 1) ``…".len() - 2 + LONGEST_RULE)
            );
            assert_eq!(refusal.asked_by(&Note::new("ethernet")), ("step", "ethernet".to_owned()));
        });
    }
}
