//! `tunnel SRC to DST mac MAC [mtu N]`: what does not fit is reported at its word.

use super::words::{Refusal, Step, Words};
use super::{Reader, unless_mistaken};
use crate::diag::Diagnostic;
use crate::policy::{NoTunnel, Tunnel};
use crate::value::Family;

impl<'a> Reader<'a> {
    /// The ends, the station that takes the frames, and the longest packet.
    pub fn tunnel(&mut self, words: &mut Words<'a>) -> Step<Tunnel> {
        const WHAT: &str = "a tunnel ends at one address";
        let from = words.place().start;
        let src = unless_mistaken(self.host(WHAT, words))?;
        wanted("to", words)?;
        let start = words.place().start;
        let dst = unless_mistaken(self.host(WHAT, words))?;
        let (ends, end) = (from..words.end(), start..words.end());
        wanted("mac", words)?;
        let mac = unless_mistaken(self.station(words))?;
        let family = dst.or(src).map_or(Family::V4, Family::of);
        let mtu = match words.take("mtu") {
            true => {
                let least = Tunnel::least_mtu(family).into();
                unless_mistaken(self.number("mtu", least..=65535, words))?
            }
            false => Some(Tunnel::MTU.into()),
        };
        let mtu = mtu.and_then(|mtu| u16::try_from(mtu).ok());
        let (Some(src), Some(dst), Some(mac), Some(mtu)) = (src, dst, mac, mtu) else {
            return Err(Refusal::Said);
        };
        Tunnel::new(src, dst, mac, mtu).map_err(|unfit| {
            let at = match unfit {
                NoTunnel::Families => end,
                NoTunnel::NoHost | NoTunnel::OneEnd | NoTunnel::NoStation | NoTunnel::Mtu(_) => {
                    ends
                }
            };
            Diagnostic::new(at, unfit.to_string()).into()
        })
    }
}

/// The next word, which must be this one.
fn wanted(word: &'static str, words: &mut Words<'_>) -> Result<(), Diagnostic> {
    if words.take(word) { Ok(()) } else { Err(words.expected(&format!("`{word}`"))) }
}
