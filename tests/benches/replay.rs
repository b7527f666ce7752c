//! How many packets a second `replay` judges: a capture of a million packets of all sorts through the
//! policy of the web server, the process as a whole included, each packet by program and oracle.
//!
//! The binary is built as it is released. Run as anybody: `cargo bench -p palisade-tests --bench
//! replay`.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use palisade_filter::capture::{Captured, Writer};
use palisade_tests::packet::{
    ACK, Packet, SYN, arp, eth, filler, icmp, ipv4, ipv6, tcp, udp, vlan,
};
use palisade_tests::random::{Chance, frame};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PACKETS: usize = 1_000_000;
/// Frames that differ.
const KINDS: usize = 20_000;
const ROUNDS: usize = 5;
/// What is to be reached, in packets a second.
const WANTED: f64 = 500_000.0;

fn main() -> Outcome<()> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (binary, pcap) = (built()?, dir.join("million.pcap"));
    let bytes = written(&pcap)?;
    println!("{PACKETS} packets, {} MB", bytes / 1_000_000);
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/web-server.pal");
    let mut reached = true;
    for (what, option) in [("totals", Some("-q")), ("text", None), ("documents", Some("-j"))] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let mut command = Command::new(&binary);
            command.arg("replay").arg("--pcap").arg(&pcap).arg("-p").arg(&policy).args(option);
            rounds.push(timed(&mut command)?);
        }
        rounds.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (elapsed, spent) = rounds[ROUNDS / 2];
        let a_second = PACKETS as f64 / spent;
        reached &= a_second >= WANTED;
        println!(
            "{what}: {spent:.2} s of a core, {:.2} million packets a second; {elapsed:.2} s in all",
            a_second / 1e6
        );
    }
    fs::remove_file(&pcap)?;
    if reached { Ok(()) } else { Err(format!("fewer than {WANTED} packets a second").into()) }
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

/// Seconds that a command took, and those of a core that it had: other load on the machine does not
/// count there.
fn timed(command: &mut Command) -> Outcome<(f64, f64)> {
    let (start, before) = (Instant::now(), children()?);
    if !command.stdout(Stdio::null()).status()?.success() {
        return Err("the command failed".into());
    }
    Ok((start.elapsed().as_secs_f64(), children()? - before))
}

fn children() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Writes the capture; its length.
fn written(path: &Path) -> Outcome<u64> {
    let mut chance = Chance::new(7);
    let frames: Vec<Vec<u8>> = (0..KINDS).map(|at| kind(at, &mut chance)).collect();
    let mut writer = Writer::new(BufWriter::new(File::create(path)?))?;
    for at in 0..PACKETS {
        // In no order that a cache could know.
        let frame = &frames[at * 7919 % KINDS];
        writer.write(&Captured { frame, wire: u32::try_from(frame.len())?, time: None })?;
    }
    writer.into_inner().flush()?;
    Ok(fs::metadata(path)?.len())
}

/// One of the frames: nine of ten as a web server sees them, the tenth of any sort.
fn kind(at: usize, chance: &mut Chance) -> Vec<u8> {
    let from = |at: usize| ipv4().src(format!("198.51.{}.{}", at / 256 % 256, at % 256).as_str());
    let port = u16::try_from(1024 + at).unwrap_or(1024);
    let packet: Packet = match at % 10 {
        0 => eth() / from(at) / tcp(port, 443).flags(SYN),
        1 | 2 => eth() / from(at) / tcp(port, 443).flags(ACK) / filler(1400),
        3 => eth() / from(at) / tcp(443, port).flags(ACK) / filler(at % 1000),
        4 => eth() / from(at) / tcp(port, 22).flags(SYN),
        5 => eth() / from(at) / udp(53, port) / filler(100),
        6 => eth() / ipv6() / tcp(port, 80).flags(ACK) / filler(500),
        7 => eth() / vlan(5) / from(at) / udp(port, 53) / filler(40),
        8 if at % 20 == 8 => eth() / arp(1),
        8 => eth() / from(at) / icmp(8, 0) / filler(56),
        _ => return frame(chance),
    };
    packet.build()
}
