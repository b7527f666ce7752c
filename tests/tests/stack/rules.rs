//! The policies that sets are put to: each blocks what it is told by, or allows nothing else.

use palisade_tests::lab::{Lab, NEAR};

/// How a rule tells the traffic that it is about.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// What a table calls it.
    pub name: &'static str,
    /// The policy.
    pub text: &'static str,
    /// What is added to its sets once it is attached.
    pub items: &'static [&'static str],
    /// Which frames it is about.
    pub about: About,
}

/// Which sets of frames a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// All, for all go to the two ports.
    Ports,
    /// Those of the two addresses.
    Addresses,
}

/// How the filter is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver.
    Native,
    /// In the stack, in front of everything else.
    Generic,
}

/// The policies that block.
pub const BLOCK: [Rule; 8] = [
    Rule {
        name: "port",
        text: "drop udp dport 53\ndrop tcp dport 80\ndefault pass\n",
        items: &[],
        about: About::Ports,
    },
    Rule {
        name: "service set",
        text: "set ports service\ndrop service in ports\ndefault pass\n",
        items: &["udp/53", "tcp/80"],
        about: About::Ports,
    },
    Rule {
        name: "protocol",
        text: "drop udp\ndrop tcp\ndefault pass\n",
        items: &[],
        about: About::Ports,
    },
    Rule {
        name: "not a range of ports",
        text: "pass not ( udp dport 40-60 or tcp dport 1-1023 )\ndefault drop\n",
        items: &[],
        about: About::Ports,
    },
    Rule {
        name: "address",
        text: "drop src 198.51.100.7\ndrop src 2001:db8::7\ndefault pass\n",
        items: &[],
        about: About::Addresses,
    },
    Rule {
        name: "prefix",
        text: "drop src { 198.51.100.0/24, 2001:db8::/64 }\ndefault pass\n",
        items: &[],
        about: About::Addresses,
    },
    Rule {
        name: "set of addresses and prefixes",
        text: "set block net\ndrop src in block\ndefault pass\n",
        items: &["198.51.100.7", "2001:db8::/64"],
        about: About::Addresses,
    },
    Rule {
        name: "built-in policy, both kinds of sets",
        text: "set allow net\nset block net\nset ports service\nkeep arp\nkeep nd\n\
               pass src in allow\ndrop src in block\ndrop service in ports\ndefault pass\n",
        items: &["198.51.100.0/24", "2001:db8::7", "udp/53", "tcp/80"],
        about: About::Ports,
    },
];

/// The default-deny policies.
pub const ALLOW: [Rule; 2] = [
    Rule {
        name: "port",
        text: "keep arp\nkeep nd\npass udp dport 53\npass tcp dport 80\npass ethertype 0x88b5\n\
               on fragment pass\ndefault drop\n",
        items: &[],
        about: About::Ports,
    },
    Rule {
        name: "address",
        text: "keep arp\nkeep nd\npass src { 198.51.100.7, 2001:db8::7 }\npass ethertype 0x88b5\n\
               default drop\n",
        items: &[],
        about: About::Addresses,
    },
];

impl Rule {
    /// Attaches the policy with the tool, as a user would.
    pub fn attach(&self, lab: &Lab, mode: Mode) {
        let flag = match mode {
            Mode::Native => "native",
            Mode::Generic => "generic",
        };
        lab.palisade_with(&["attach", NEAR, "-p", "-", "--mode", flag], self.text).ok();
        if !self.items.is_empty() {
            lab.palisade(&[&["add"], self.items].concat()).ok();
        }
    }
}
