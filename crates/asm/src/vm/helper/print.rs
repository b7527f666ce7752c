//! `bpf_trace_printk`: text with up to three numbers in it.

use std::fmt::Write;

use super::{EINVAL, argument, bytes, negative, size};
use crate::reg::{R1, R2, R3, R4, R5};
use crate::vm::number::{low, wide};
use crate::vm::outcome::MOST_KEPT;
use crate::vm::run::Machine;
use crate::vm::trap::Tried;

/// Prints, and gives the length of the text.
pub(super) fn call(machine: &mut Machine<'_>) -> Tried<u64> {
    let format = bytes(machine, R1, size(machine, R2, 1)?)?.to_vec();
    let mut arguments = [R3, R4, R5].into_iter();
    let Some(format) = format.strip_suffix(&[0]) else { return Ok(negative(EINVAL)) };
    let Ok(format) = std::str::from_utf8(format) else { return Ok(negative(EINVAL)) };
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let (conversion, after) = conversion(after);
        rest = after;
        if conversion == Conversion::Percent {
            text.push('%');
            continue;
        }
        let (Some(reg), true) = (arguments.next(), conversion != Conversion::Unknown) else {
            return Ok(negative(EINVAL));
        };
        conversion.print(&mut text, argument(machine, reg)?);
    }
    text.push_str(rest);
    let len = wide(text.len());
    if machine.effects.printed.len() < MOST_KEPT {
        machine.effects.printed.push(text);
    }
    Ok(len)
}

/// How a number is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conversion {
    Percent,
    Signed,
    Unsigned,
    Hex,
    SignedLong,
    UnsignedLong,
    HexLong,
    Unknown,
}

/// The conversion that a text begins with, and what follows it.
fn conversion(text: &str) -> (Conversion, &str) {
    use Conversion::{Hex, HexLong, Percent, Signed, SignedLong, Unsigned, UnsignedLong};
    const KNOWN: [(&str, Conversion); 13] = [
        ("%", Percent),
        ("d", Signed),
        ("i", Signed),
        ("u", Unsigned),
        ("x", Hex),
        ("ld", SignedLong),
        ("li", SignedLong),
        ("lu", UnsignedLong),
        ("lx", HexLong),
        ("lld", SignedLong),
        ("lli", SignedLong),
        ("llu", UnsignedLong),
        ("llx", HexLong),
    ];
    let known =
        KNOWN.iter().find_map(|(name, conversion)| Some((*conversion, text.strip_prefix(name)?)));
    known.unwrap_or((Conversion::Unknown, text))
}

impl Conversion {
    fn print(self, text: &mut String, number: u64) {
        let half = low(number);
        // A string takes every text.
        let _ = match self {
            Self::Signed => write!(text, "{}", half.cast_signed()),
            Self::Unsigned => write!(text, "{half}"),
            Self::Hex => write!(text, "{half:x}"),
            Self::SignedLong => write!(text, "{}", number.cast_signed()),
            Self::UnsignedLong => write!(text, "{number}"),
            Self::HexLong => write!(text, "{number:x}"),
            Self::Percent | Self::Unknown => Ok(()),
        };
    }
}
