//! `palisade receive` at work on the near end of a lab.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Lab, NEAR, Output};

/// The command at work.
pub struct Receiving {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// What it said when it began.
    pub begin: Value,
}

impl Receiving {
    /// Begins to receive on the near end; when this returns, packets are brought to it.
    pub fn begin(lab: &Lab, args: &[&str]) -> Self {
        let mut command = lab.command(&[&["-j", "receive", NEAR], args].concat());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a line");
        if line.is_empty() {
            panic!("it does not begin: {:?}", child.wait_with_output());
        }
        let begin = serde_json::from_str(&line).expect("JSON");
        Self { child, lines, begin }
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The next of its documents.
    pub fn told(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it is alive");
    }

    /// Interrupts it; the totals.
    pub fn interrupt(self) -> Value {
        self.signal(Signal::SIGINT);
        self.totals()
    }

    /// Waits until it ends in good order; the totals.
    pub fn totals(self) -> Value {
        let (output, totals) = self.end();
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        totals.expect("totals")
    }

    /// Waits for its end: how it ended, and its last document, if there is one behind the first.
    pub fn end(mut self) -> (Output, Option<Value>) {
        let mut stdout = String::new();
        self.lines.read_to_string(&mut stdout).expect("UTF-8");
        let output = self.child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        let last = stdout.lines().last().map(|line| serde_json::from_str(line).expect("JSON"));
        (Output { code: output.status.code(), stdout, stderr }, last)
    }
}
