//! What can be typed: the commands, their options and their help.

mod bench;
mod chain;
mod code;
mod events;
mod monitor;
mod next;
mod packets;
mod receive;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use palisade_filter::import::Format;
use palisade_filter::value::Timeout;
use palisade_filter::{Item, Name};
use palisade_loader::xdp::Mode;

use crate::failure::{Failure, Outcome};
use crate::running::next::Named;

pub use bench::{Bench, Peer, Subject};
pub use chain::Chain;
pub use code::{Asm, CodeFormat, Disasm, Dump, DumpFormat, DumpTarget, Exec, bytes_of_hex};
pub use events::Events;
pub use monitor::Monitor;
pub use next::{Next, NextAction};
pub use packets::{Explain, Replay};
pub use receive::Receive;

/// A packet filter for Linux: policies compiled to eBPF in pure Rust, held at XDP.
#[derive(Parser, Debug)]
#[command(
    name = "palisade",
    version,
    about,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done; 1 the answer is no; 2 a mistake in what was asked; \
                  3 the system refused; 70 a bug of palisade."
)]
pub struct Cli {
    /// What every command shares.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The name of the policy that is meant where none is said.
pub const USUAL: &str = "main";

/// What every command shares.
#[derive(Args, Debug)]
pub struct Global {
    /// The policy that is meant, where several are in force
    #[arg(long, global = true, value_name = "NAME", default_value = USUAL)]
    pub policy_name: Name,
    /// Where the bpf file system is mounted; the environment's PALISADE_BPFFS says it too
    #[arg(long, global = true, value_name = "DIR", default_value_os_t = bpffs())]
    pub bpffs: PathBuf,
    /// Print one JSON document (streams: one a line)
    #[arg(short, long, global = true)]
    pub json: bool,
    /// Print errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Global {
    /// Refuses a policy's name to a command that finds its policies by something else.
    pub fn refuse_name(&self, by: &str) -> Outcome {
        if self.policy_name.as_str() == USUAL {
            return Ok(());
        }
        Err(Failure::usage("`--policy-name` says nothing here").note("help", by))
    }
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Compile a policy, load it and attach it to interfaces
    Attach(Attach),
    /// Detach the policy from interfaces
    Detach(Detach),
    /// Put a policy in the place of the one in force, without a gap; sets that both have go on
    Apply(Apply),
    /// Keep the policy that is on trial
    Confirm,
    /// Go back to the policy before the last `apply` or `attach -p`
    ///
    /// Sets that both policies have keep what was edited meanwhile. Whether your own session gets
    /// through the policy before is not asked.
    Rollback,
    /// Add entries to a set
    Add(Add),
    /// Delete entries from a set
    Del(Del),
    /// Tell whether an address or a service is covered, and by which entry
    Get(Get),
    /// List the entries of sets with their hits
    List(List),
    /// Empty a set
    Flush(Flush),
    /// Add the entries of a file to a set; all of them or none
    ///
    /// Of an item that the file names twice the first one counts, with its time and its counters.
    Import(Import),
    /// Print the entries of sets, as `import` reads them
    Export(Export),
    /// Show what is attached where, the sets and the verdicts
    Status(Status),
    /// Show packets per second by verdict and by rule
    Stats(Stats),
    /// Count what the kernel tells of XDP: exceptions, redirects and their errors, what bulks lose
    ///
    /// Of every XDP program on this machine, in all network namespaces, whoever loaded it. Programs at
    /// the kernel's tracepoints count until the command ends; nothing stays behind. See docs/monitor.md.
    Monitor(Monitor),
    /// Print the packets that rules with `event` report, a line each, or write them as a capture
    ///
    /// What was reported before and not read yet comes first. One reader at a time; what is lost or over
    /// the rate is told on standard error. See docs/events.md.
    Events(Events),
    /// Put policies in force one behind the other: what one passes goes on to the next; or show them
    ///
    /// The first is attached to the interface, each other one stands in the slot of the one before it.
    /// Each is a policy of its own, under the name of its file: `palisade --policy-name NAME` edits,
    /// applies, watches, attests and detaches it alone. See docs/next.md.
    Chain(Chain),
    /// Show, set or clear the program that gets what the policy passes
    ///
    /// What ends in pass, for whatever reason, is counted and goes on to that XDP program by tail call;
    /// without one, to the stack. `apply`, trials, `mode` and edits leave it as it is. See docs/next.md.
    Next(Next),
    /// Show or set what the program does with its verdicts
    Mode(ModeArgs),
    /// Compile a policy offline, run its own tests, and say what it would cost
    Check(Check),
    /// Show what applying a policy would change
    Diff(Diff),
    /// Tell why a packet fares as it does: its fields, each rule that is asked, and what decides
    ///
    /// By the policy in force and what its sets hold, or by one in a file and what it declares. With
    /// `-q` and without `-j`, only the verdict is printed.
    Explain(Explain),
    /// Put the packets of a capture to a policy, with no kernel: verdict and rule of each, and totals
    ///
    /// Sets hold what the policy declares: elements, and the entries of files. Of a packet that the
    /// capture has cut, the missing bytes are taken for zeros; where they are among its headers, the
    /// verdict is uncertain, and said to be. With `-q` and without `-j`,
    /// only the totals are printed.
    Replay(Replay),
    /// Print the program of a file or of the policy in force, each part under the line that asked for it
    Dump(Dump),
    /// Tell whether the kernel runs exactly what the policy says
    Attest(Attest),
    /// Assemble text to code
    Asm(Asm),
    /// Print code of any origin as text
    Disasm(Disasm),
    /// Run code of any origin on a packet, with no kernel: verdict and registers
    ///
    /// Maps begin empty and clocks stand at zero; with `--pcap`, maps stay from packet to packet, and
    /// bytes that a capture has cut off are zeros. A program that does what the kernel's verifier
    /// exists to prevent is stopped there: the instruction and the reason are told, with exit code 1.
    Exec(Exec),
    /// Load somebody else's XDP object and attach it to an interface
    Load(Load),
    /// Take the packets of an interface around the stack into memory: count, capture or send them back
    ///
    /// Through AF_XDP sockets, one for each queue. Where packets go through a policy with `deliver`, the
    /// command gets what that one delivers, and the rest goes where the policy says. Where the interface
    /// carries no XDP program, one of the command's own brings what comes to the queues, which does not
    /// reach the stack then; other queues are left to it. It is taken off when the command ends, however
    /// it ends. Any other XDP program is left alone, and the command refused. See docs/receive.md.
    Receive(Receive),
    /// See it work: a private network namespace, an attacker, a friend; nothing of this host is touched
    Try,
    /// Measure what filtering costs here: live floods, look-ups, edits, rules; nothing of this host is touched
    ///
    /// In namespaces of its own, as root. What is compared takes turns, so that whatever else the machine does
    /// meets all alike; the figures that count are ratios of the same run. See docs/performance.md.
    Bench(Bench),
    /// Check what this machine offers, with the command that mends each shortcoming
    Doctor(Doctor),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `attach`.
#[derive(Args, Debug)]
#[command(
    override_usage = "palisade attach [OPTIONS] <DEV>...\n       palisade --policy-name <NAME> attach [OPTIONS] --behind <POLICY> [DEV]..."
)]
pub struct Attach {
    /// The interfaces
    #[arg(required_unless_present = "behind", value_name = "DEV")]
    pub devices: Vec<String>,
    /// The policy; without it, the one in force, else the built-in one with the sets `allow`, `block` and `ports`
    #[arg(short, long, value_name = "FILE.pal")]
    pub policy: Option<PathBuf>,
    /// In which mode; `auto` tries native, falls back to generic, and says so
    #[arg(long, value_enum, default_value_t = AttachMode::Auto)]
    pub mode: AttachMode,
    /// Let this group edit the sets
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Replace an XDP program of somebody else
    #[arg(long)]
    pub take_over: bool,
    /// Hand what passes on to the XDP program pinned there; `none` makes a slot and leaves it empty, for `palisade next set`
    #[arg(long, value_name = "PIN")]
    pub next: Option<Named>,
    /// Load the policy for frames in one buffer, so that it can go on to programs without `xdp.frags`; drivers refuse that on interfaces with a large MTU
    #[arg(long, requires = "next")]
    pub one_buffer: bool,
    /// Let the policy come behind that one, which is in force: it gets what that one passes
    #[arg(long, value_name = "POLICY")]
    pub behind: Option<Name>,
    /// Go on even if the policy would cut off your own session
    #[arg(long)]
    pub force: bool,
}

/// `apply`.
#[derive(Args, Debug)]
pub struct Apply {
    /// The policy; `-` is standard input
    #[arg(value_name = "FILE.pal")]
    pub file: PathBuf,
    /// Put it on trial: unless `palisade confirm` comes within this time, the kernel goes back to the policy before
    #[arg(long, value_name = "TIME")]
    pub confirm: Option<Timeout>,
    /// Do everything but put it in force, and say what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Go on even if the policy would cut off your own session
    #[arg(long)]
    pub force: bool,
}

/// `--mode` of `attach`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachMode {
    /// Native, else generic
    Auto,
    /// In the driver
    Native,
    /// In the stack, behind the driver
    Generic,
    /// In the card
    Offload,
}

impl AttachMode {
    /// The modes that are tried, in order.
    pub fn modes(self) -> &'static [Mode] {
        match self {
            Self::Auto => &[Mode::Native, Mode::Generic],
            Self::Native => &[Mode::Native],
            Self::Generic => &[Mode::Generic],
            Self::Offload => &[Mode::Offload],
        }
    }
}

/// `detach`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("which").required(true).args(["devices", "all"]))]
pub struct Detach {
    /// The interfaces
    #[arg(value_name = "DEV")]
    pub devices: Vec<String>,
    /// All interfaces that carry the policy
    #[arg(long)]
    pub all: bool,
    /// Keep the sets and the program when the last interface is detached
    #[arg(long)]
    pub keep: bool,
}

/// `add`.
#[derive(Args, Debug)]
pub struct Add {
    /// Addresses, prefixes (10.0.0.0/8), services (tcp/80, udp/53, any/53, tcp/8000-8099) or Ethernet addresses
    #[arg(required = true, value_name = "ITEM")]
    pub items: Vec<Item>,
    /// The set; without it, `block` for addresses, `ports` for services and `macs` for Ethernet addresses
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
    /// How long the entries stay: 90s, 15m, 1h, 7d, not counting time in suspend; without it, as the set is declared, else for good
    ///
    /// An entry that is there already gets the time that a new one would get.
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Timeout>,
}

/// `del`.
#[derive(Args, Debug)]
pub struct Del {
    /// The entries, as they are listed
    #[arg(required = true, value_name = "ITEM")]
    pub items: Vec<Item>,
    /// The set; without it, `block` for addresses, `ports` for services and `macs` for Ethernet addresses
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
}

/// `get`.
#[derive(Args, Debug)]
pub struct Get {
    /// An address, a prefix, a service or an Ethernet address
    #[arg(value_name = "ITEM")]
    pub item: Item,
    /// The set; without it, every set that can hold the item
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
}

/// `flush`.
#[derive(Args, Debug)]
pub struct Flush {
    /// The set; it has to be named where the policy has several
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
}

/// `list`.
#[derive(Args, Debug)]
pub struct List {
    /// The set; without it, all of the policy
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
}

/// `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// The file; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The set; without it, the one that the file names, else `block` for addresses, `ports` for services and `macs` for Ethernet addresses
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
    /// How long entries stay whose time the file does not tell; without it, as the set is declared, else for good
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Timeout>,
    /// How the file is written: auto, list, json, ipset, nft
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: Format,
    /// Put the file in the place of what the set holds; every packet sees the old set or the new one
    #[arg(long)]
    pub replace: bool,
    /// Read and check the file and say what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// The set; without it, all of the policy
    #[arg(long, value_name = "NAME")]
    pub set: Option<Name>,
    /// `json` keeps counters and what is left of each entry's time; `list` is one entry a line
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub format: ExportFormat,
}

/// `--format` of `export`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Entries with their counters
    Json,
    /// One entry a line
    List,
}

/// `status`.
#[derive(Args, Debug)]
pub struct Status {
    /// One interface only
    #[arg(value_name = "DEV")]
    pub device: Option<String>,
}

/// `stats`.
#[derive(Args, Debug)]
pub struct Stats {
    /// How long each measurement lasts
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub interval: Duration,
    /// How many measurements; without it, until interrupted
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// `mode`.
#[derive(Args, Debug)]
pub struct ModeArgs {
    /// `enforce` carries verdicts out, `shadow` counts what would be dropped and drops nothing, `off` passes everything
    #[arg(value_enum)]
    pub mode: Option<FilterMode>,
}

/// The argument of `mode`.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterMode {
    /// Verdicts are carried out
    Enforce,
    /// What would be dropped is counted and passed
    Shadow,
    /// Everything passes
    Off,
}

/// `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// The policy; `-` is standard input
    #[arg(value_name = "FILE.pal")]
    pub file: PathBuf,
}

/// `diff`.
#[derive(Args, Debug)]
pub struct Diff {
    /// The policy to compare with the one in force; `-` is standard input
    #[arg(value_name = "FILE.pal")]
    pub file: PathBuf,
}

/// `attest`.
#[derive(Args, Debug)]
pub struct Attest {
    /// One interface only
    #[arg(value_name = "DEV")]
    pub device: Option<String>,
}

/// `load`.
#[derive(Args, Debug)]
pub struct Load {
    /// The object file
    #[arg(value_name = "FILE.o")]
    pub file: PathBuf,
    /// The interface
    #[arg(value_name = "DEV")]
    pub device: String,
    /// The program, by its section or function, where the object has several
    #[arg(long, value_name = "NAME")]
    pub section: Option<String>,
    /// The name that it is pinned and listed under; without it, the file's
    #[arg(long, value_name = "NAME")]
    pub name: Option<Name>,
    /// In which mode; `auto` tries native, falls back to generic, and says so
    #[arg(long, value_enum, default_value_t = AttachMode::Auto)]
    pub mode: AttachMode,
    /// Replace an XDP program of somebody else
    #[arg(long)]
    pub take_over: bool,
}

/// `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// The interfaces to look at; without them, all but loopback
    #[arg(value_name = "DEV")]
    pub devices: Vec<String>,
}

/// What the environment says, unless it says nothing.
fn bpffs() -> PathBuf {
    let said = std::env::var_os("PALISADE_BPFFS").filter(|dir| !dir.is_empty());
    said.map_or_else(|| "/sys/fs/bpf".into(), PathBuf::from)
}

/// A time such as `500ms`, `1s` or `1.5s`: at least 10 ms, at most a day.
fn interval(text: &str) -> Result<Duration, String> {
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(ms), _) => (ms, 0.001),
        (None, Some(s)) => (s, 1.0),
        (None, None) => (text, 1.0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| plain).map(|n| n * scale);
    match seconds {
        Some(s) if (0.01..=86400.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        Some(_) => Err("a time from 10ms to 86400s".to_owned()),
        None => Err("a time such as 500ms, 1s or 2.5s".to_owned()),
    }
}
