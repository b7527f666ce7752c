//! What the commands of the built binary take, process and kernel included: time, and memory at the
//! most.
//!
//! The binary is built as it is released and run as a user would run it, in private namespaces with
//! a bpf file system of their own. Each command is a child of a process that does nothing else, so
//! that the kernel's account of its children is an account of the command alone. Lists are made
//! from a fixed seed: the same entries each time, in no order.
//!
//! Run as root: `cargo bench -p palisade-tests --bench commands`.

use std::collections::HashSet;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use palisade_loader::netns::{self, NetNs, VethEnd, VethOptions};
use palisade_tests::mixed::mixed;
use palisade_tests::privilege::Kernel;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BPFFS: &str = "/sys/fs/bpf";
const DEVICE: &str = "pal0";
/// How this program is told that it is the parent of one command.
const MEASURE: &str = "measure-one-command";

const MILLION: usize = 1_000_000;
const MANY: usize = 100_000;
/// Rules of the mixed policy.
const RULES: usize = 1000;
/// How often a long command is run, one that loads a program, and a short one.
const LONG: usize = 3;
const LOADS: usize = 15;
const SHORT: usize = 50;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some(MEASURE) {
        return measure(args.next().ok_or("no command")?, args);
    }
    let Some(_kernel) = Kernel::or_skip() else { return Ok(()) };
    let bench = Bench { binary: built()?, lists: lists()? };
    netns::private_mounts()?;
    netns::mount_bpffs(Path::new(BPFFS))?;
    let here = NetNs::private()?;
    let ends = (VethEnd { ns: &here, name: DEVICE }, VethEnd { ns: &here, name: "pal1" });
    netns::veth_pair(ends.0, ends.1, VethOptions::default())?;
    bench.run(&["attach", DEVICE])?;
    bench.all()
}

/// The binary, built as it is released.
fn built() -> Outcome<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let build = ["build", "--release", "--quiet", "--package", "palisade"];
    if !Command::new(cargo).args(build).current_dir(root).status()?.success() {
        return Err("the binary cannot be built".into());
    }
    // This program lies in `deps` beside it.
    let here = std::env::current_exe()?;
    let beside = here.parent().and_then(Path::parent).ok_or("no directory of the build")?;
    Ok(beside.join("palisade"))
}

/// Files to import.
struct Lists {
    million: String,
    addresses: String,
    prefixes: String,
    others: String,
    builtin: String,
    mixed: String,
    server: String,
}

fn lists() -> Outcome<Lists> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut write = |name: &str, count: usize, lens: &[u32]| -> Outcome<String> {
        let mut seen = HashSet::new();
        let mut text = String::new();
        while seen.len() < count {
            let len = lens[random.below(lens.len())];
            let addr = u32::from_be_bytes(random.word()) >> (32 - len) << (32 - len);
            if seen.insert((addr, len)) {
                let addr = Ipv4Addr::from(addr);
                match len {
                    32 => writeln!(text, "{addr}")?,
                    _ => writeln!(text, "{addr}/{len}")?,
                }
            }
        }
        written(name, &text)
    };
    Ok(Lists {
        million: write("million.txt", MILLION, &[32])?,
        addresses: write("addresses.txt", MANY, &[32])?,
        prefixes: write("prefixes.txt", MANY, &[16, 18, 20, 21, 22, 23, 24, 24, 24, 24])?,
        others: write("others.txt", MANY, &[32])?,
        builtin: written("builtin.pal", palisade_filter::BUILTIN)?,
        mixed: written("mixed.pal", &mixed(RULES))?,
        server: written("server.pal", include_str!("../../examples/web-server.pal"))?,
    })
}

/// The path of a file with this text.
fn written(name: &str, text: &str) -> Outcome<String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text)?;
    Ok(path.to_str().ok_or("the path of the build is not Unicode")?.to_owned())
}

/// Numbers in no order, the same each time (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        for (left, by) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << by } else { self.0 >> by };
        }
        self.0
    }

    fn word(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next().to_be_bytes();
        [a, b, c, d]
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.word()[0]) % end
    }
}

/// What a command took.
#[derive(Clone, Copy)]
struct Taken {
    elapsed: Duration,
    processor: Duration,
    kib: u64,
}

struct Bench {
    binary: PathBuf,
    lists: Lists,
}

impl Bench {
    fn all(&self) -> Outcome<()> {
        println!(
            "{:<42} {:>10} {:>10} {:>10} {:>8}   aim",
            "command (median of runs)", "elapsed", "least", "processor", "memory"
        );
        let Lists { million, addresses, prefixes, others, builtin, mixed, server } = &self.lists;
        let taken = self.repeat(SHORT, || Ok(()), |_| vec!["check".into(), mixed.clone()])?;
        line("check of 1 000 mixed rules", &taken, "50 ms");
        let other = || self.run(&["apply", builtin]).map(drop);
        let taken = self.repeat(LOADS, other, |_| vec!["apply".into(), mixed.clone()])?;
        line("apply of 1 000 mixed rules", &taken, "250 ms");
        let taken = self.repeat(LOADS, other, |_| vec!["apply".into(), server.clone()])?;
        line("apply of the web server example", &taken, "-");
        other()?;

        let flush = || self.run(&["flush", "--set", "block"]).map(drop);

        let taken = self.repeat(LONG, flush, |_| vec!["import".into(), million.clone()])?;
        line("import of 1 000 000 addresses", &taken, "1 s, 150 MB");
        let nth = |i: usize| format!("10.255.{}.{}", i / 250, i % 250);
        let taken = self.repeat(SHORT, || Ok(()), |i| vec!["add".into(), nth(i)])?;
        line("add of one address, beside a million", &taken, "10 ms");
        flush()?;
        let taken = self.repeat(SHORT, || Ok(()), |i| vec!["add".into(), nth(i)])?;
        line("add of one address", &taken, "10 ms");

        flush()?;
        self.run(&["import", addresses])?;
        let list = |_| ["list", "-j", "--set", "block"].map(str::to_owned).to_vec();
        let taken = self.repeat(LONG, || Ok(()), list)?;
        line("list -j of 100 000 addresses", &taken, "1 s");
        let sources = [others, addresses];
        let replace = |i: usize| vec!["import".into(), "--replace".into(), sources[i % 2].clone()];
        let taken = self.repeat(LONG, || Ok(()), replace)?;
        line("import --replace of 100 000 addresses", &taken, "-");

        let taken = self.repeat(LONG, flush, |_| vec!["import".into(), prefixes.clone()])?;
        line("import of 100 000 prefixes", &taken, "- (nft 0.9 s)");
        let list = |_| ["list", "-j", "--set", "block"].map(str::to_owned).to_vec();
        let taken = self.repeat(LONG, || Ok(()), list)?;
        line("list -j of 100 000 prefixes", &taken, "1 s");
        Ok(())
    }

    /// Runs a command so many times, each time after a preparation that is not measured.
    fn repeat(
        &self,
        times: usize,
        prepare: impl Fn() -> Outcome<()>,
        command: impl Fn(usize) -> Vec<String>,
    ) -> Outcome<Vec<Taken>> {
        (0..times)
            .map(|i| {
                prepare()?;
                let args = command(i);
                self.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect()
    }

    /// Runs one command, which must succeed.
    fn run(&self, args: &[&str]) -> Outcome<Taken> {
        let mut parent = Command::new(std::env::current_exe()?);
        parent.arg(MEASURE).arg(&self.binary).args(args);
        let output = parent.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("`palisade {}` failed", args.join(" ")).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<u64> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [elapsed, processor, kib] = numbers[..] else { return Err("not three numbers".into()) };
        let micros = Duration::from_micros;
        Ok(Taken { elapsed: micros(elapsed), processor: micros(processor), kib })
    }
}

/// The parent of one command: prints microseconds elapsed, microseconds of processor, and KiB.
fn measure(binary: String, args: impl Iterator<Item = String>) -> Outcome<()> {
    let begin = Instant::now();
    let status = Command::new(binary).args(args).stdout(Stdio::null()).status()?;
    let elapsed = begin.elapsed();
    if !status.success() {
        return Err(format!("the command ended with {status}").into());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    println!("{} {micros} {}", elapsed.as_micros(), usage.max_rss());
    Ok(())
}

fn line(what: &str, taken: &[Taken], aim: &str) {
    let median = |of: fn(&Taken) -> Duration| {
        let mut all: Vec<Duration> = taken.iter().map(of).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let least = taken.iter().map(|t| t.elapsed).min().unwrap_or_default().as_secs_f64() * 1e3;
    let most = taken.iter().map(|t| t.kib).max().unwrap_or_default();
    println!(
        "{what:<42} {:>7.1} ms {least:>7.1} ms {:>7.1} ms {:>5} MB   {aim}",
        median(|t| t.elapsed),
        median(|t| t.processor),
        most * 1024 / 1_000_000,
    );
}
