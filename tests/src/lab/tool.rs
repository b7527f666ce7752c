//! The built tool, run inside a lab.
//!
//! It is built once a test process, into the target directory and with the profile of the running
//! test, so that what is tested is the tree as it stands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::{Lab, NEAR};

/// How a run of the tool ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

impl Output {
    /// Runs a command with bytes on its standard input, and waits for it.
    pub fn of(command: &mut Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the tool can be started");
        let mut stdin = child.stdin.take().expect("a pipe");
        let output = std::thread::scope(|scope| {
            // A tool that does not read all of its input is no failure of the test.
            scope.spawn(move || std::io::Write::write_all(&mut stdin, input).ok());
            child.wait_with_output().expect("the tool can be waited for")
        });
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("the tool prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("the tool complains in UTF-8"),
        }
    }

    /// What it printed; it must have exited with 0.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it complained; it must have exited with `code`.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self.stderr
    }

    /// What it printed, as one JSON document; it must have exited with 0.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in:\n{text}"))
    }
}

impl Lab {
    /// Runs the tool with arguments, in the lab's namespaces, and waits for it.
    pub fn palisade(&self, args: &[&str]) -> Output {
        self.palisade_with(args, "")
    }

    /// Runs the tool with a text on its standard input.
    pub fn palisade_with(&self, args: &[&str], input: &str) -> Output {
        Output::of(&mut self.command(args), input.as_bytes())
    }

    /// Attaches a policy to the near end.
    pub fn attach(&self, policy: &str) {
        self.palisade_with(&["attach", NEAR, "-p", "-"], policy).ok();
    }

    /// The tool as a command that runs in the lab's namespaces when this thread starts it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).env_remove("PALISADE_BPFFS");
        command
    }
}

/// The binary of the tool: the one that PALISADE_BINARY names, for users who cannot reach cargo;
/// otherwise built if it is not there or out of date.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("PALISADE_BINARY").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    // A test runs from `TARGET/PROFILE/deps/name`.
    let test = std::env::current_exe().expect("a test knows where it is");
    let profile_dir = test.ancestors().nth(2).expect("it lies in a target directory");
    let target_dir = profile_dir.parent().expect("it lies in a target directory");
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(other) => other,
        None => panic!("the profile's directory has no name"),
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "palisade", "--profile", profile])
        .arg("--manifest-path")
        .arg(manifest)
        .env("CARGO_TARGET_DIR", target_dir)
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    profile_dir.join("palisade")
}
