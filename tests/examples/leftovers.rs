//! Prints what is in the kernel, a line each; with a file of such lines, what is new since then, and
//! then its exit code is 1.

use std::process::ExitCode;

use palisade_tests::leak::machine;

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        return match machine::now() {
            Ok(lines) => {
                lines.iter().for_each(|line| println!("{line}"));
                ExitCode::SUCCESS
            }
            Err(errno) => refused(&errno),
        };
    };
    let before = match std::fs::read_to_string(&file) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) => return refused(&error),
    };
    match machine::new_since(&before) {
        Ok(new) if new.is_empty() => ExitCode::SUCCESS,
        Ok(new) => {
            new.iter().for_each(|line| eprintln!("left behind: {line}"));
            ExitCode::FAILURE
        }
        Err(errno) => refused(&errno),
    }
}

fn refused(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("cannot tell what is in the kernel: {error}");
    ExitCode::from(3)
}
