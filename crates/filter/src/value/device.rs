//! Names of network interfaces.

use std::fmt;
use std::str::FromStr;

use super::ValueError;

/// The name of a network interface, as the kernel takes it (`dev_valid_name`) and a text can hold
/// it: printable ASCII but for blanks, quotes, `/` and `:`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceName(String);

impl DeviceName {
    /// The most bytes of a name (`IFNAMSIZ` without the closing zero).
    pub const MOST: usize = 15;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DeviceName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"/:\"".contains(&b));
        let named = !matches!(text, "" | "." | "..") && text.len() <= Self::MOST;
        if plain && named {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::Device { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_the_kernel_takes() {
        for text in ["eth0", "enp1s0f0np0", "eth0.100", "br_lan", "veth-a", "a", "wlan@0", "0"] {
            assert_eq!(text.parse().map(|name: DeviceName| name.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", ".", "..", "eth0:1", "a/b", "a b", "sixteen-letters!", "\u{e4}", "a\"b", "a\tb"]
        {
            assert!(text.parse::<DeviceName>().is_err(), "{text:?}");
        }
    }
}
