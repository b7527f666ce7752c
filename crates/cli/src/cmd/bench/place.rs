//! Where floods are sent: a namespace of the sender, and for each contender a lane, which is a pair
//! of interfaces that leads into a namespace of its own.
//!
//! A frame that a contender lets pass reaches a UDP port at which nobody listens, and the kernel
//! counts it there: that count is the judge of every contender, whatever it is made of. Nothing of
//! the host is touched, and all of it ends with the process.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use palisade_loader::netns::{self, NetNs, NsError, VethEnd, VethOptions};
use palisade_loader::xdp::{self, Expect, Mode};
use palisade_loader::{IfIndex, LiveRun, Program, link};

use super::frames::{RECEIVER, RECEIVER_MAC};
use super::machine_time::timed;
use super::refused;
use crate::failure::{Failure, Outcome};

/// Where the private bpf file system is mounted.
pub const BPFFS: &str = "/sys/fs/bpf";
/// Frames that the kernel handles at a time; fewer than a veth's ring holds.
const BATCH: u32 = 64;

/// Moves this thread into mounts of its own, with a bpf file system, and into a fresh network
/// namespace. Where it does that again, what was before ends with it.
pub fn enter() -> Outcome<NetNs> {
    let entered = netns::private_mounts()
        .and_then(|()| netns::mount_bpffs(Path::new(BPFFS)))
        .and_then(|()| NetNs::private());
    entered.map_err(|error| {
        Failure::refused(format!("cannot make a private network namespace: {error}")).note(
            "help",
            "`palisade bench` needs root (CAP_SYS_ADMIN for the namespaces); it touches nothing of this host",
        )
    })
}

/// A failure to work in a namespace.
pub fn in_namespace(error: NsError) -> Failure {
    refused("work in a private namespace", error)
}

/// A pair of interfaces from the sender to a receiver.
pub struct Lane {
    receiver: NetNs,
    near: IfIndex,
    far: IfIndex,
    far_name: String,
}

/// What came of a flood.
pub struct Flood {
    /// How long the sender's processor took for it, the receiver's work included.
    pub took: Duration,
    /// Frames that came to the far end.
    pub received: u64,
    /// Frames that got through to the port.
    pub passed: u64,
}

impl Lane {
    /// A lane out of the namespace of the sender.
    pub fn new(sender: &NetNs) -> Outcome<Self> {
        // The interfaces of a lane that is no more may be there for a while.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let receiver = NetNs::new().map_err(in_namespace)?;
        let (near_name, far_name) = (format!("near{number}"), format!("far{number}"));
        let ends =
            (VethEnd { ns: sender, name: &near_name }, VethEnd { ns: &receiver, name: &far_name });
        let made = netns::veth_pair(ends.0, ends.1, VethOptions::default());
        let (near, far) = made.map_err(in_namespace)?;
        let lane = Self { receiver, near, far, far_name };
        // Nothing is to be sent but the flood: no solicitation, no report.
        set(&format!("ipv6/conf/{near_name}/disable_ipv6"), "1")?;
        lane.within(|| set("ipv6/conf/all/disable_ipv6", "1"))??;
        // Sources that no route leads to are as good as any.
        for name in ["all", "default", &lane.far_name] {
            lane.within(|| set(&format!("ipv4/conf/{name}/rp_filter"), "0"))??;
        }
        let ready = (lane.receiver.set_mac(far, RECEIVER_MAC))
            .and_then(|()| lane.receiver.add_address(far, IpAddr::V4(RECEIVER), 24))
            .and_then(|()| sender.set_up(near))
            .and_then(|()| lane.receiver.set_up(far));
        ready.map_err(in_namespace)?;
        Ok(lane)
    }

    /// The interface of the sender.
    pub fn near(&self) -> IfIndex {
        self.near
    }

    /// The name of the interface of the receiver.
    pub fn far_name(&self) -> &str {
        &self.far_name
    }

    /// Does something in the receiver's namespace.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Outcome<T> {
        self.receiver.run(work).map_err(in_namespace)
    }

    /// Puts a program on the far end, in the place of what is there.
    pub fn attach(&self, program: &Program) -> Outcome {
        Ok(self.within(|| xdp::attach(self.far, program, Mode::Native, Expect::Anything))??)
    }

    /// Has the far end take frames without a program.
    pub fn open(&self) -> Outcome {
        let opened = self.within(|| link::gather_received(&self.far_name))?;
        opened.map_err(|errno| refused("turn on GRO at a private interface", errno))
    }

    /// Sends frames, and waits until no more are under way.
    pub fn flood(&self, generator: &Program, packet: &[u8], repeat: u32) -> Outcome<Flood> {
        let (received, passed) = (self.settled()?, self.passed()?);
        let run = LiveRun { packet, repeat, batch: BATCH, ingress: None };
        let mut each = Duration::ZERO;
        let waking = timed(|| {
            each = generator.run_live(&run).map_err(|errno| {
                refused("send live frames", errno).note("help", "that takes Linux 5.18 or later")
            })?;
            Ok(())
        })?;
        // The kernel's clock leaves out what it takes to begin and to end, this one what other
        // processes took in between.
        let took = waking.min(each.saturating_mul(repeat));
        let (received, passed) = (self.settled()? - received, self.passed()? - passed);
        Ok(Flood { took, received, passed })
    }

    /// How many frames have come to the far end, once no more are under way.
    fn settled(&self) -> Outcome<u64> {
        let mut seen = self.received()?;
        loop {
            std::thread::sleep(Duration::from_millis(1));
            let now = self.received()?;
            if now == seen {
                return Ok(now);
            }
            seen = now;
        }
    }

    fn received(&self) -> Outcome<u64> {
        let table = self.told("dev")?;
        let far = self.far_name.as_str();
        let line =
            table.lines().find_map(|line| line.trim_start().strip_prefix(far)?.strip_prefix(':'));
        // Bytes, then packets.
        number(line.and_then(|fields| fields.split_whitespace().nth(1)), "dev")
    }

    /// How many datagrams have come to a port at which nobody listens.
    fn passed(&self) -> Outcome<u64> {
        let table = self.told("snmp")?;
        let mut lines = table.lines().filter_map(|line| line.strip_prefix("Udp: "));
        let (names, numbers) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
        let place = names.split(' ').position(|name| name == "NoPorts");
        number(place.and_then(|place| numbers.split(' ').nth(place)), "snmp")
    }

    fn told(&self, name: &str) -> Outcome<String> {
        let path = format!("/proc/thread-self/net/{name}");
        let text = self.within(|| fs::read_to_string(&path))?;
        text.map_err(|error| refused(&format!("read {path}"), error))
    }
}

fn number(text: Option<&str>, table: &str) -> Outcome<u64> {
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::refused(format!("/proc/net/{table} does not say what it should")))
}

/// Writes a setting of the namespace that the calling thread is in.
fn set(what: &str, value: &str) -> Outcome {
    let path = Path::new("/proc/sys/net").join(what);
    // A kernel without IPv6 has nothing to turn off.
    if !path.exists() && what.starts_with("ipv6") {
        return Ok(());
    }
    fs::write(&path, value).map_err(|error| refused(&format!("set {}", path.display()), error))
}
