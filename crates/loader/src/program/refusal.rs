//! Why a program was not loaded: the instruction at which the verifier stopped, the note that the
//! generator left on it, and what to do.

use palisade_asm::Note;

use crate::Errno;
use crate::verifier::VerifierLog;

/// The instruction at which verification ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// Its slot in the image.
    pub slot: usize,
    /// Its text in the verifier's words, where the log lists it.
    pub text: Option<String>,
    /// What the generator said about it.
    pub note: Option<Note>,
}

/// Why a program was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// As many maps as the image declares were wanted.
    #[error("the program names {wanted} maps, and {given} were given")]
    Maps {
        /// How many the image declares.
        wanted: usize,
        /// How many came with it.
        given: usize,
    },
    /// The kernel refused.
    #[error("{}", refusal(name, *errno, log, blamed.as_ref()))]
    Refused {
        /// The program's name.
        name: String,
        /// What the kernel said.
        errno: Errno,
        /// What the verifier wrote; empty when it was not reached.
        log: VerifierLog,
        /// Where verification ended.
        blamed: Option<Blamed>,
    },
}

impl LoadError {
    /// What the kernel said, if it was asked.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            LoadError::Refused { errno, .. } => Some(*errno),
            LoadError::Maps { .. } => None,
        }
    }

    /// What the verifier wrote, if it did.
    pub fn log(&self) -> Option<&VerifierLog> {
        match self {
            LoadError::Refused { log, .. } if !log.text().is_empty() => Some(log),
            _ => None,
        }
    }

    /// The instruction at which verification ended, if it began.
    pub fn blamed(&self) -> Option<&Blamed> {
        match self {
            LoadError::Refused { blamed, .. } => blamed.as_ref(),
            LoadError::Maps { .. } => None,
        }
    }

    /// Whether it was refused because the kernel calls no tails from programs that have functions: it
    /// interprets programs, or its compiler for this machine does not know how.
    pub fn is_about_tails(&self) -> bool {
        self.log().is_some_and(|log| log.text().contains(TAILS))
    }

    /// What to do about it, where that can be told from the error number or the log.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            // The number of this refusal differs between kernels, its words do not.
            LoadError::Refused { log, .. } if log.text().contains(JUMPS) => Some(JUMPS_HINT),
            LoadError::Refused { errno, .. } => load_hint(*errno),
            LoadError::Maps { .. } => None,
        }
    }
}

/// How the verifier begins to say that it calls no tails from programs that have functions.
const TAILS: &str = "tail_calls are not allowed";
/// How the verifier begins to say that it cannot keep so many branches in mind.
const JUMPS: &str = "The sequence of ";
const JUMPS_HINT: &str = "too many branches are open on one path: the kernel follows 8192";

fn load_hint(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::EPERM => Some(
            "loading takes CAP_BPF and CAP_NET_ADMIN, and CAP_PERFMON as well before Linux 6.1",
        ),
        Errno::E2BIG => Some("the program is too long, or too complex to be verified"),
        Errno::EFAULT => Some(JUMPS_HINT),
        Errno::EMFILE => Some("too many open files; see `ulimit -n`"),
        Errno::ENOMEM => Some("there is not enough memory to verify it"),
        _ => None,
    }
}

fn refusal(name: &str, errno: Errno, log: &VerifierLog, blamed: Option<&Blamed>) -> String {
    let mut text = format!("the kernel refused program `{name}`: {errno}");
    if let Some(Blamed { slot, text: listed, note }) = blamed {
        text += &format!(" at instruction {slot}");
        if let Some(listed) = listed {
            text += &format!(" `{listed}`");
        }
        match note {
            Some(Note { line: Some(line), step }) => text += &format!(" (line {line}: {step})"),
            Some(Note { line: None, step }) => text += &format!(" ({step})"),
            None => {}
        }
    }
    if let Some(summary) = log.summary() {
        text += &format!(", \"{summary}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_calls_no_tails_from_programs_with_functions_is_told_from_others() {
        let refused = |log: &[u8]| LoadError::Refused {
            name: "edge".into(),
            errno: Errno::EINVAL,
            log: VerifierLog::from_bytes(log),
            blamed: None,
        };
        let log = b"tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls\nprocessed 9 insns\n\0";
        assert!(refused(log).is_about_tails());
        assert!(!refused(b"invalid access to packet\nprocessed 9 insns\n\0").is_about_tails());
    }

    #[test]
    fn a_refusal_names_the_program_the_instruction_the_line_and_the_kernels_words() {
        let log = VerifierLog::from_bytes(
            b"57: (69) r2 = *(u16 *)(r8 +2)\ninvalid access to packet, off=36 size=2\nprocessed 58 insns\n\0",
        );
        let blamed = Blamed {
            slot: 57,
            text: log.instruction(57).map(str::to_owned),
            note: Some(Note::line(14, "drop tcp dport in blocked")),
        };
        let error = LoadError::Refused {
            name: "edge".into(),
            errno: Errno::EACCES,
            log,
            blamed: Some(blamed),
        };
        assert_eq!(
            error.to_string(),
            "the kernel refused program `edge`: EACCES (permission denied) at instruction 57 \
             `r2 = *(u16 *)(r8 +2)` (line 14: drop tcp dport in blocked), \
             \"invalid access to packet, off=36 size=2\""
        );
    }
}
