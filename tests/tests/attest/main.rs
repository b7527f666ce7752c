//! Whether the kernel runs exactly what the policy says: what is in force attests, and whatever is
//! put in its place, in whole or in part, is named.

mod bundle;
mod fresh;
mod tampered;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use palisade_tests::dir::Dir;
use palisade_tests::lab::{BPFFS, Lab, NEAR, Output};
use serde_json::Value;

/// What came of an attestation.
struct Attested {
    code: Option<i32>,
    document: Value,
    stderr: String,
}

impl Attested {
    fn of(output: Output) -> Self {
        let document = serde_json::from_str(&output.stdout);
        let document = document.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        Self { code: output.code, document, stderr: output.stderr }
    }

    /// The checks with that answer, by what they are about.
    fn answered(&self, ok: Option<bool>) -> Vec<String> {
        let wanted = ok.map_or(Value::Null, Value::Bool);
        let checks = self.document["checks"].as_array().expect("checks").iter();
        let what = |check: &Value| check["what"].as_str().expect("a text").to_owned();
        checks.filter(|check| check["ok"] == wanted).map(what).collect()
    }

    /// The check about something.
    #[track_caller]
    fn check(&self, what: &str) -> &Value {
        let mut checks = self.document["checks"].as_array().expect("checks").iter();
        checks.find(|check| check["what"] == what).unwrap_or_else(|| panic!("no {what}: {self}"))
    }

    /// All is as it has to be.
    #[track_caller]
    fn is_whole(&self) {
        assert_eq!((self.code, self.answered(Some(false))), (Some(0), vec![]), "{self}");
        assert_eq!(self.document["attested"], true, "{self}");
        assert!(self.answered(Some(true)).len() > 5, "{self}");
    }

    /// Exactly that differs; each is named on stderr too.
    #[track_caller]
    fn differs_in(&self, what: &[&str]) {
        assert_eq!(
            (self.code, &self.answered(Some(false))[..]),
            (Some(1), &owned(what)[..]),
            "{self}"
        );
        assert_eq!(self.document["attested"], false, "{self}");
        for what in what {
            assert!(self.stderr.contains(&format!("{what}: ")), "{what}: {self}");
        }
    }
}

impl std::fmt::Display for Attested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}\n{}", self.document, self.stderr)
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn attest(lab: &Lab) -> Attested {
    attest_with(lab, &[])
}

fn attest_with(lab: &Lab, more: &[&str]) -> Attested {
    Attested::of(lab.palisade(&[&["-j", "attest"], more].concat()))
}

fn attach(lab: &Lab, text: &str) {
    lab.palisade_with(&["attach", NEAR, "-p", "-"], text).ok();
}

fn status(lab: &Lab) -> Value {
    lab.palisade(&["-j", "status"]).json()
}

/// The pin of a policy.
fn pin(path: &str) -> PathBuf {
    Path::new(BPFFS).join("palisade").join(path)
}

/// A directory of its own for the files of a test.
fn files() -> Dir {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Dir::new(&format!("attest-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}
