//! `palisade`: reads the command line, does what it says, and prints what came of it.

#![forbid(unsafe_code)]

mod args;
mod cmd;
mod code;
mod failure;
mod judging;
mod machine;
mod output;
mod running;
mod stop;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use palisade_loader::foreign;

use args::{Cli, Command};
use failure::{Failure, Kind, Outcome};
use output::Output;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(tell));
    // What has been told unwinds up to here, so that what is half printed is still sent on.
    std::panic::catch_unwind(command).unwrap_or_else(|what| match what.downcast::<Failure>() {
        Ok(failure) => told(&failure),
        Err(_) => ExitCode::from(Kind::Bug.code()),
    })
}

/// Tells of a failure, and gives its exit code.
fn told(failure: &Failure) -> ExitCode {
    if failure.kind != Kind::ClosedPipe {
        let _ = writeln!(std::io::stderr(), "{failure}");
    }
    ExitCode::from(failure.kind.code())
}

/// Tells of a panic, which is a bug of ours unless whoever caused it has to do with it alone.
fn tell(panic: &std::panic::PanicHookInfo<'_>) {
    if !foreign::is_contained() {
        let _ = writeln!(
            std::io::stderr(),
            "error: this is a bug in palisade: {panic}\n  help:   please report it, with the command and this text"
        );
    }
}

/// Reads the command line and does what it says.
fn command() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Clap prints help to stdout and mistakes to stderr; whether anybody reads it is not ours.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => told(&failure),
    }
}

fn run(cli: &Cli) -> Outcome {
    let global = &cli.global;
    let mut out = Output::new(global);
    let done = match &cli.command {
        Command::Attach(args) => cmd::attach::run(global, args, &mut out),
        Command::Apply(args) => cmd::apply::run(global, args, &mut out),
        Command::Confirm => cmd::confirm::run(global, &mut out),
        Command::Rollback => cmd::rollback::run(global, &mut out),
        Command::Detach(args) => cmd::detach::run(global, args, &mut out),
        Command::Add(args) => cmd::edit::add(global, args, &mut out),
        Command::Del(args) => cmd::edit::del(global, args, &mut out),
        Command::Get(args) => cmd::get::run(global, args, &mut out),
        Command::List(args) => cmd::list::list(global, args, &mut out),
        Command::Flush(args) => cmd::flush::run(global, args, &mut out),
        Command::Import(args) => cmd::import::run(global, args, &mut out),
        Command::Export(args) => cmd::list::export(global, args, &mut out),
        Command::Status(args) => cmd::status::run(global, args, &mut out),
        Command::Stats(args) => cmd::stats::run(global, args, &mut out),
        Command::Monitor(args) => cmd::monitor::run(args, &mut out),
        Command::Events(args) => cmd::events::run(global, args, &mut out),
        Command::Chain(args) => cmd::chain::run(global, args, &mut out),
        Command::Next(args) => cmd::next::run(global, args, &mut out),
        Command::Mode(args) => cmd::mode::run(global, args, &mut out),
        Command::Check(args) => cmd::check::run(args, &mut out),
        Command::Diff(args) => cmd::diff::run(global, args, &mut out),
        Command::Explain(args) => cmd::explain::run(global, args, &mut out),
        Command::Replay(args) => cmd::replay::run(args, &mut out),
        Command::Dump(args) => cmd::dump::run(global, args, &mut out),
        Command::Attest(args) => cmd::attest::run(global, args, &mut out),
        Command::Asm(args) => cmd::asm::run(args, &mut out),
        Command::Disasm(args) => cmd::disasm::run(args, &mut out),
        Command::Exec(args) => cmd::exec::run(args, &mut out),
        Command::Load(args) => cmd::load::run(global, args, &mut out),
        Command::Receive(args) => cmd::receive::run(&cli.global, args, &mut out),
        Command::Try => cmd::trial::run(&mut out),
        Command::Bench(args) => cmd::bench::run(args, &mut out),
        Command::Doctor(args) => cmd::doctor::run(global, args, &mut out),
        Command::Completions { shell } => cmd::manual::completions(*shell, &mut out),
        Command::Man => cmd::manual::man(&mut out),
    };
    // What was printed before a failure is still wanted.
    let flushed = out.flush();
    match (done, flushed) {
        (Err(failure), _) | (Ok(()), Err(failure)) => Err::<(), Failure>(failure),
        (Ok(()), Ok(())) => Ok(()),
    }
}
