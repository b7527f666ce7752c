//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

use super::ValueError;

/// An Ethernet address, in the order of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = ValueError;

    /// Six pairs of hexadecimal digits with colons between them.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::Mac { text: text.to_owned() };
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(wrong)?;
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            *byte = u8::from_str_radix(part, 16).ok().filter(|_| digits).ok_or_else(wrong)?;
        }
        if parts.next().is_none() { Ok(Self(bytes)) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ethernet_address_prints_as_it_is_written_in_lower_case() {
        let mac: Mac = "02:00:5E:10:00:0f".parse().expect("an address");
        assert_eq!(mac.to_string(), "02:00:5e:10:00:0f");
    }

    #[test]
    fn what_is_not_six_pairs_of_digits_is_refused() {
        for text in
            ["", "02:00:5e:10:00", "02:00:5e:10:00:0f:00", "2:0:5e:10:0:f", "+2:00:5e:10:00:0f"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text:?}");
        }
    }
}
