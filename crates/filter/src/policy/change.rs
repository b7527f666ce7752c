//! Actions that change the packet: what each does, and what it implies of the packets it is for.
//!
//! An action is for the packets that it can do right. What it needs of them it implies, as terms
//! beside those of the rule: a packet that lacks it meets the next rule, as one that the author's own
//! terms leave out. Nothing is changed by halves.

use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

use super::{
    Balance, Choice, End, Match, Protocol, Quantity, Redirect, Relation, Tag, Term, Test, Tunnel,
    Verdict,
};
use crate::value::{AddressRange, Family, Mac, Prefix};

/// What is done to a packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Sent back as it is, its Ethernet addresses exchanged.
    Reflect,
    /// An echo request is answered: addresses exchanged, the type that of a reply, hops anew.
    Reply,
    /// Addresses and ports are replaced, then it passes.
    Rewrite(Rewrite),
    /// The outermost VLAN tag is taken off, then it passes.
    Pop,
    /// A VLAN tag with this identifier is put before all others, then it passes.
    Push(u16),
    /// Sent out through another interface.
    Redirect(Redirect),
    /// Given to the AF_XDP socket of its receive queue; those of this queue alone, where one is given.
    Deliver(Option<u16>),
    /// Its destination becomes one of some backends, and it is sent back.
    Balance(Balance),
    /// It is put behind another IP header, and sent back.
    Tunnel(Tunnel),
    /// It is sent on, as the kernel's routes say.
    Route,
}

/// What is replaced; the addresses are of one family, and something is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// The source address.
    pub src: Option<IpAddr>,
    /// The destination address.
    pub dst: Option<IpAddr>,
    /// The source port.
    pub sport: Option<u16>,
    /// The destination port.
    pub dport: Option<u16>,
}

impl Rewrite {
    /// The family of its addresses, if it has any.
    pub fn family(&self) -> Option<Family> {
        let addr = self.src.or(self.dst)?;
        Some(if addr.is_ipv4() { Family::V4 } else { Family::V6 })
    }

    /// Whether it replaces a port.
    pub const fn has_ports(&self) -> bool {
        self.sport.is_some() || self.dport.is_some()
    }
}

/// The time to live, or hop limit, of a reply.
pub const REPLY_HOPS: u8 = 64;

/// Addresses that no reply goes to and none comes from: those of no host, of this host, of groups
/// and of all hosts.
const UNANSWERED: [&str; 6] =
    ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/128", "::1/128", "ff00::/8"];

impl Change {
    /// The verdict behind it.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Reflect | Self::Reply | Self::Balance(_) | Self::Tunnel(_) => Verdict::Tx,
            Self::Rewrite(_) | Self::Pop | Self::Push(_) => Verdict::Pass,
            Self::Redirect(_) | Self::Deliver(_) | Self::Route => Verdict::Redirect,
        }
    }

    /// The word that begins the statement.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Reflect => "reflect",
            Self::Reply => "reply",
            Self::Rewrite(_) => "rewrite",
            Self::Pop | Self::Push(_) => "vlan",
            Self::Redirect(_) => "redirect",
            Self::Deliver(_) => "deliver",
            Self::Balance(_) => "balance",
            Self::Tunnel(_) => "tunnel",
            Self::Route => "route",
        }
    }

    /// What it implies of a packet, as terms beside those of its rule.
    pub fn implied(&self) -> Vec<Term> {
        match self {
            Self::Reflect => unicast(),
            Self::Reply => reply(),
            Self::Rewrite(rewrite) => rewritten(*rewrite),
            Self::Pop => vec![Term::Test(Test::Tagged(Tag::Outer))],
            Self::Deliver(queue) => {
                queue.iter().map(|queue| Term::Test(Test::Queue(*queue))).collect()
            }
            Self::Push(_) | Self::Redirect(_) => Vec::new(),
            Self::Balance(balance) => balanced(balance.family()),
            Self::Tunnel(tunnel) => tunnelled(tunnel),
            Self::Route => routed(),
        }
    }

    /// How many things it may make of one packet, one after the other: by how many packets its rule
    /// has decided before.
    pub fn turns(&self) -> u64 {
        match self {
            Self::Balance(balance) if balance.choice() == Choice::Turns => {
                balance.backends().len() as u64
            }
            Self::Balance(_)
            | Self::Reflect
            | Self::Reply
            | Self::Rewrite(_)
            | Self::Pop
            | Self::Push(_)
            | Self::Redirect(_)
            | Self::Deliver(_)
            | Self::Tunnel(_)
            | Self::Route => 1,
        }
    }

    /// Which packets it is for, for messages.
    pub fn about(&self) -> &'static str {
        match self {
            Self::Reflect => "frames between two stations",
            Self::Reply => "ICMP and ICMPv6 echo requests that are no fragments",
            Self::Rewrite(rewrite) => match (rewrite.has_ports(), rewrite.src, rewrite.dst) {
                (true, None, None) => "TCP and UDP packets that are no fragments",
                (true, ..) => "TCP and UDP packets of the family of the new address",
                (false, ..) => "TCP, UDP and ICMP packets of the family of the new address",
            },
            Self::Pop => "frames with a VLAN tag",
            Self::Route => {
                "IP packets from a host, with hops left, without options and without a VLAN tag"
            }
            Self::Deliver(Some(_)) => "frames that come in on that queue",
            Self::Push(_) | Self::Redirect(_) | Self::Deliver(None) => "all frames",
            Self::Tunnel(_) => "IP packets without a VLAN tag that fit into the tunnel",
            Self::Balance(balance) => match balance.family() {
                Family::V4 => "TCP, UDP and ICMP packets over IPv4 between two stations",
                Family::V6 => {
                    "TCP, UDP and ICMPv6 packets and fragments over IPv6 between two stations"
                }
            },
        }
    }
}

/// Neither end of the Ethernet header is a group: what is sent back comes from one station and goes
/// to one.
fn unicast() -> Vec<Term> {
    [End::Source, End::Destination].map(|end| Term::Test(Test::Unicast(end))).into()
}

fn reply() -> Vec<Term> {
    let echo = [(Test::Icmp, 8), (Test::Icmp6, 128)]
        .map(|(protocol, kind)| vec![protocol, Test::IcmpType { kind, code: Some(0) }]);
    let mut terms = vec![any(echo), not(Test::Fragment), not(Test::Options)];
    terms.extend([End::Source, End::Destination].map(of_a_host));
    terms.extend(unicast());
    terms
}

/// Of fragments only the first has what a checksum is in, and the others would go elsewhere.
fn rewritten(rewrite: Rewrite) -> Vec<Term> {
    let mut protocols = vec![Test::Protocol(Protocol::TCP), Test::Protocol(Protocol::UDP)];
    let family = rewrite.family();
    match family {
        Some(Family::V4) if !rewrite.has_ports() => protocols.push(Test::Icmp),
        Some(Family::V6) if !rewrite.has_ports() => protocols.push(Test::Icmp6),
        Some(_) | None => {}
    }
    let family = family.map(|family| Term::Test(Test::Family(family)));
    let others = [any(protocols.into_iter().map(|one| vec![one])), not(Test::Fragment)];
    family.into_iter().chain(others).collect()
}

/// Of IPv6, a later fragment has no protocol that could be believed.
fn balanced(family: Family) -> Vec<Term> {
    let of_family = match family {
        Family::V4 => vec![Test::Icmp],
        Family::V6 => vec![Test::Icmp6, Test::Fragment],
    };
    let protocols = [Protocol::TCP, Protocol::UDP].map(Test::Protocol).into_iter();
    let mut terms = vec![Term::Test(Test::Family(family))];
    terms.push(any(protocols.chain(of_family).map(|one| vec![one])));
    terms.extend(unicast());
    terms
}

/// What is too long stays as it is, for others to answer; so does what has tags.
fn tunnelled(tunnel: &Tunnel) -> Vec<Term> {
    let fits = Test::Number(Quantity::Length, Relation::Below, tunnel.longest() + 1);
    let destination = Test::Unicast(End::Destination);
    vec![Term::Test(fits), not(Test::Tagged(Tag::Outer)), Term::Test(destination)]
}

/// The address at one end is none that no host answers.
fn of_a_host(end: End) -> Term {
    let unanswered = UNANSWERED.map(|text| text.parse::<AddressRange>().expect("a prefix"));
    not(Test::Address(end, unanswered.into_iter().collect()))
}

/// What a router answers, or looks at more closely, is the stack's; so is what comes from an address
/// that no host has, because the kernel's answer does not ask where a packet comes from.
fn routed() -> Vec<Term> {
    let hops = Test::Number(Quantity::Ttl, Relation::Above, 1);
    let destination = Test::Unicast(End::Destination);
    let tags = not(Test::Tagged(Tag::Outer));
    let source = of_a_host(End::Source);
    vec![Term::Test(hops), not(Test::Options), source, tags, Term::Test(destination)]
}

/// Whether an address is one that a single host has, and not only for itself.
pub fn is_of_a_host(addr: IpAddr) -> bool {
    let unanswered = UNANSWERED.map(|text| text.parse::<Prefix>().expect("a prefix"));
    !unanswered.iter().any(|prefix| prefix.contains(addr))
}

/// Whether an Ethernet address is that of one station.
pub fn is_of_a_station(mac: Mac) -> bool {
    mac.0[0] & 1 == 0 && mac.0 != [0; 6]
}

fn not(test: Test) -> Term {
    Term::Not(Box::new(Term::Test(test)))
}

fn any(all: impl IntoIterator<Item = Vec<Test>>) -> Term {
    let one = |tests: Vec<Test>| Match::new(tests.into_iter().map(Term::Test).collect());
    Term::Any(all.into_iter().map(|tests| one(tests).expect("no contradiction")).collect())
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Reflect | Self::Reply | Self::Route => Ok(()),
            Self::Rewrite(rewrite) => rewrite.fmt(f),
            Self::Pop => f.write_str(" pop"),
            Self::Push(id) => write!(f, " push {id}"),
            Self::Redirect(redirect) => redirect.fmt(f),
            Self::Deliver(Some(queue)) => write!(f, " {queue}"),
            Self::Deliver(None) => Ok(()),
            Self::Balance(balance) => balance.fmt(f),
            Self::Tunnel(tunnel) => tunnel.fmt(f),
        }
    }
}

/// What is replaced, each behind a blank.
impl Display for Rewrite {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let addresses = [("src", self.src), ("dst", self.dst)];
        let ports = [("sport", self.sport), ("dport", self.dport)];
        let addresses = addresses.map(|(word, addr)| addr.map(|addr| format!("{word} {addr}")));
        let ports = ports.map(|(word, port)| port.map(|port| format!("{word} {port}")));
        let all: Vec<String> = addresses.into_iter().chain(ports).flatten().collect();
        write!(f, " {}", all.join(", "))
    }
}
