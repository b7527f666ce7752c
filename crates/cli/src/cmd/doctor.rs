//! `doctor`: what this machine offers, and the command that mends each shortcoming.

use std::fs;

use palisade_loader::link::{self, Link, VlanOffload};
use palisade_loader::xdp::Mode;
use palisade_loader::{Capabilities, Capability, Errno, PinDir, PinError, Support};
use serde_json::{Value, json};

use crate::args::{Doctor, Global};
use crate::failure::{Failure, Outcome};
use crate::machine;
use crate::output::{Output, human};
use crate::running::home::PolicyDir;

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// As it should be.
    Fine,
    /// It works, with a drawback.
    Mind,
    /// It does not work.
    Bad,
    /// Nobody could tell.
    Unknown,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Mind => "mind",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

struct Finding {
    grade: Grade,
    subject: String,
    text: String,
    mend: Option<String>,
}

impl Finding {
    fn new(grade: Grade, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { grade, subject: subject.into(), text: text.into(), mend: None }
    }

    fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

/// Looks at everything, and answers no if something does not work.
pub fn run(global: &Global, args: &Doctor, out: &mut Output) -> Outcome {
    // The memory limit first: the probes of the others may raise it.
    let mut findings = vec![memory(), capabilities(), jit(), bpffs(global)];
    findings.extend(kernel());
    let ours = our_programs(global);
    for link in links(args)? {
        findings.extend(interface(&link, ours.as_deref()));
    }
    let shown: Vec<Value> = findings
        .iter()
        .map(|f| json!({"grade": f.grade.word(), "subject": f.subject, "text": f.text, "mend": f.mend}))
        .collect();
    out.json(&json!({"findings": shown}))?;
    for finding in &findings {
        let Finding { grade, subject, text, mend } = finding;
        out.say(format_args!("{:<8}{}: {text}", grade.word(), human::printable(subject)))?;
        if let Some(mend) = mend {
            out.say(format_args!("        mend it: {mend}"))?;
        }
    }
    match findings.iter().filter(|f| f.grade == Grade::Bad).count() {
        0 => Ok(()),
        bad => Err(Failure::no(format!("{bad} of {} findings are bad", findings.len()))),
    }
}

fn links(args: &Doctor) -> Outcome<Vec<Link>> {
    if args.devices.is_empty() {
        return Ok(link::list()?.into_iter().filter(|link| link.name != "lo").collect());
    }
    args.devices.iter().map(|name| Ok(link::by_name(name)?)).collect()
}

fn capabilities() -> Finding {
    let wanted = [Capability::Bpf, Capability::NetAdmin, Capability::Perfmon];
    let subject = "capabilities";
    let Ok(held) = Capabilities::current() else {
        return Finding::new(Grade::Unknown, subject, "/proc does not tell");
    };
    let names =
        |list: &[Capability]| list.iter().map(Capability::to_string).collect::<Vec<_>>().join(", ");
    let missing = held.missing(&wanted);
    let have: Vec<Capability> = wanted.into_iter().filter(|c| held.has(*c)).collect();
    match missing.as_slice() {
        [] => Finding::new(Grade::Fine, subject, format!("{} held", names(&have))),
        [Capability::Perfmon] => Finding::new(
            Grade::Mind,
            subject,
            "CAP_PERFMON is missing: the length of each frame is asked of the kernel, which takes longer; before Linux 6.1 nothing can be attached",
        )
        .mend("sudo, or AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON in the unit"),
        missing => Finding::new(
            Grade::Bad,
            subject,
            format!("{} missing: nothing can be attached; sets can be edited by the group of `attach --group`", names(missing)),
        )
        .mend("sudo, or AmbientCapabilities=CAP_BPF CAP_NET_ADMIN CAP_PERFMON in the unit"),
    }
}

fn jit() -> Finding {
    let path = "/proc/sys/net/core/bpf_jit_enable";
    match (fs::read_to_string(path).as_deref().map(str::trim), machine::features().jit) {
        (_, Support::Yes) => Finding::new(Grade::Fine, "JIT", "programs become machine code"),
        (Ok("0"), _) => {
            Finding::new(Grade::Mind, "JIT", "off: programs are interpreted, several times slower")
                .mend("sysctl -w net.core.bpf_jit_enable=1")
        }
        (_, Support::No) => {
            Finding::new(Grade::Mind, "JIT", "the kernel has none for this machine")
        }
        (_, Support::Unknown(errno)) => {
            Finding::new(Grade::Unknown, "JIT", format!("could not be tried: {errno}"))
        }
    }
}

fn bpffs(global: &Global) -> Finding {
    let path = global.bpffs.display();
    let subject = format!("bpffs at {path}");
    match PinDir::open_root(&global.bpffs) {
        Ok(_) => Finding::new(Grade::Fine, subject, "mounted"),
        Err(PinError::NotBpffs { .. }) => Finding::new(Grade::Bad, subject, "not mounted")
            .mend(format!("mount -t bpf bpf {path}")),
        Err(PinError::NoDirectory { .. }) => {
            Finding::new(Grade::Bad, subject, "there is no such directory")
                .mend(format!("mkdir -p {path} && mount -t bpf bpf {path}"))
        }
        Err(error) => Finding::new(Grade::Bad, subject, error.to_string()),
    }
}

fn memory() -> Finding {
    let subject = "memory limit";
    match nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_MEMLOCK) {
        Ok((_, hard)) if hard == nix::libc::RLIM_INFINITY => {
            Finding::new(Grade::Fine, subject, "none on locked memory")
        }
        Ok((_, hard)) => Finding::new(
            Grade::Fine,
            subject,
            format!(
                "{} of locked memory; only kernels before 5.11 count maps against it",
                human::bytes(hard)
            ),
        ),
        Err(errno) => Finding::new(Grade::Unknown, subject, Errno::from(errno).to_string()),
    }
}

fn kernel() -> Vec<Finding> {
    let features = machine::features();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let loads = match features.packet_access {
        Support::Yes => Finding::new(
            Grade::Fine,
            "kernel",
            format!("{release} loads programs that read packets"),
        ),
        Support::No => Finding::new(
            Grade::Bad,
            "kernel",
            format!("{release} does not load programs that read packets"),
        )
        .mend("Linux 5.10 or later; before 6.1 CAP_PERFMON is needed as well"),
        Support::Unknown(errno) => {
            Finding::new(Grade::Unknown, "kernel", format!("{release}: {errno}"))
        }
    };
    let frames = match features.multi_buffer {
        Support::Yes => Finding::new(
            Grade::Fine,
            "frames in several buffers",
            "taken: large MTUs work where the driver lets them",
        ),
        Support::No => Finding::new(
            Grade::Mind,
            "frames in several buffers",
            format!(
                "not before Linux 5.18: interfaces with an MTU above {SINGLE_BUFFER_MTU} may refuse native mode"
            ),
        ),
        Support::Unknown(errno) => {
            Finding::new(Grade::Unknown, "frames in several buffers", errno.to_string())
        }
    };
    vec![loads, frames]
}

/// A page less headroom (256), tailroom (320) and an Ethernet header: what a frame in one buffer
/// can hold with pages of 4096 bytes.
const SINGLE_BUFFER_MTU: u32 = 4096 - 256 - 320 - 14;

/// The numbers of the programs that are pinned as policies; `None` if the pins cannot be read.
fn our_programs(global: &Global) -> Option<Vec<u32>> {
    let mut ids = Vec::new();
    for at in PolicyDir::all(&global.bpffs).ok()?.iter().filter(|at| !at.is_object()) {
        for program in at.program().ok()?.into_iter().chain(at.on_the_way().ok()?) {
            ids.push(program.info().ok()?.id);
        }
    }
    Some(ids)
}

fn interface(link: &Link, ours: Option<&[u32]>) -> Vec<Finding> {
    let mut findings = vec![attached(link, ours)];
    let native = link.xdp.is_some_and(|xdp| xdp.mode == Mode::Native);
    if link.mtu > SINGLE_BUFFER_MTU && !native {
        let (name, mtu) = (&link.name, link.mtu);
        let text = format!(
            "MTU {mtu} is above {SINGLE_BUFFER_MTU}: a driver without frames in several buffers refuses native mode"
        );
        findings.push(
            Finding::new(Grade::Mind, name, text)
                .mend(format!("ip link set {name} mtu {SINGLE_BUFFER_MTU}")),
        );
    }
    match link::rx_vlan_offload(&link.name) {
        Ok(VlanOffload::Off) | Err(Errno::EOPNOTSUPP) => {}
        Ok(VlanOffload::On) => findings.push(
            Finding::new(
                Grade::Mind,
                &link.name,
                "rx-vlan-offload is on: the card takes the outer VLAN tag away before the filter sees it",
            )
            .mend(format!("ethtool -K {} rx-vlan-offload off", link.name)),
        ),
        Err(errno) => findings.push(Finding::new(
            Grade::Unknown,
            &link.name,
            format!("rx-vlan-offload cannot be asked for: {errno}"),
        )),
    }
    findings
}

fn attached(link: &Link, ours: Option<&[u32]>) -> Finding {
    let name = &link.name;
    match (link.xdp, ours) {
        (None, _) => Finding::new(Grade::Fine, name, "no XDP program attached"),
        (Some(xdp), None) => Finding::new(
            Grade::Unknown,
            name,
            format!("carries a program in {} mode; whose cannot be told without the right to read the pins", xdp.mode),
        ),
        (Some(xdp), Some(ours)) if !ours.contains(&xdp.program_id) => Finding::new(
            Grade::Mind,
            name,
            format!("carries a program that is not of a policy here, in {} mode", xdp.mode),
        )
        .mend(format!("palisade attach --take-over {name}, if it may go")),
        (Some(xdp), Some(_)) if xdp.mode == Mode::Generic => Finding::new(
            Grade::Mind,
            name,
            "filtered in generic mode, behind the driver and slower",
        )
        .mend(format!("palisade detach --keep {name} && palisade attach --mode native {name}, if the driver can")),
        (Some(xdp), Some(_)) => Finding::new(Grade::Fine, name, format!("filtered, {} mode active", xdp.mode)),
    }
}
