//! The lists that are imported, as each editor reads them, in files that only memory holds.

use std::ffi::CString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use palisade_filter::value::{Family, Prefix};

use super::super::peers::{self, listed};
use super::super::refused;
use crate::failure::{Failure, Outcome};

/// Two lists of one sort and size.
pub struct Lists {
    pub first: List,
    pub second: List,
    /// An entry that is added and deleted.
    pub one: String,
    pub size: usize,
}

/// A list in every form.
pub struct List {
    pub plain: Memory,
    /// A new set for `ipset restore`, and one that takes the place of another.
    pub ipset: [Memory; 2],
    /// The same for `nft -f`.
    pub nft: [Memory; 2],
}

impl Lists {
    pub fn new(first: Vec<Prefix>, second: Vec<Prefix>) -> Outcome<Self> {
        let one = match first.first().map(Prefix::family) {
            Some(Family::V6) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x4b, 0x1d)),
            Some(Family::V4) | None => IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)),
        };
        Ok(Self {
            size: first.len(),
            first: List::new(&first)?,
            second: List::new(&second)?,
            one: one.to_string(),
        })
    }
}

impl List {
    fn new(entries: &[Prefix]) -> Outcome<Self> {
        let mut plain = String::new();
        for entry in entries {
            // Writing to a string succeeds.
            let _ = writeln!(plain, "{entry}");
        }
        let swap = peers::ipset("other", entries) + "swap bench other\ndestroy other\n";
        let (six, all) = (entries.first().is_some_and(|e| e.addr().is_ipv6()), listed(entries));
        let kind = if six { "ipv6_addr" } else { "ipv4_addr" };
        // It takes no entries that overlap, unless it may join them.
        let exact = entries.iter().all(Prefix::is_host);
        let flags = if exact { "" } else { "flags interval; auto-merge;" };
        let made = format!(
            "table inet bench {{\n set s {{ type {kind}; {flags} elements = {{ {all} }} }}\n}}\n"
        );
        let replaced = format!("flush set inet bench s\nadd element inet bench s {{ {all} }}\n");
        Ok(Self {
            plain: Memory::of(&plain)?,
            ipset: [Memory::of(&peers::ipset("bench", entries))?, Memory::of(&swap)?],
            nft: [Memory::of(&made)?, Memory::of(&replaced)?],
        })
    }
}

/// A file that nothing is left of.
pub struct Memory(File);

impl Memory {
    pub fn of(text: &str) -> Outcome<Self> {
        let failed = |error: &dyn std::fmt::Display| refused("hold a list in memory", error);
        let name =
            CString::new("palisade-bench").map_err(|_| Failure::bug("a name with a zero"))?;
        let fd = memfd_create(name.as_c_str(), MFdFlags::MFD_CLOEXEC);
        let mut file = File::from(fd.map_err(|errno| failed(&errno))?);
        file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        Ok(Self(file))
    }

    /// Where a child finds it as long as this process lives.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}
