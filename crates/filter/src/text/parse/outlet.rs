//! The actions that send packets elsewhere: `redirect DEV [mac MAC]` and `deliver [N]`.

use super::Reader;
use super::meant::TERMS;
use super::values::said;
use super::words::{Refusal, Step, Word, Words};
use crate::diag::Diagnostic;
use crate::policy::{Change, QUEUES, Redirect};
use crate::text::lex::Kind;
use crate::text::{WORDS, is_plain};
use crate::value::DeviceName;

/// What `redirect` needs.
const DEVICE: &str = "the name of an interface";

impl<'a> Reader<'a> {
    /// An interface, and the address that frames go to from there.
    pub fn redirect(&mut self, words: &mut Words<'a>) -> Step<Redirect> {
        let device = match self.device(words) {
            Err(Refusal::Mistake(wrong)) => return Err(wrong.into()),
            device => device,
        };
        let mac = if words.take("mac") { Some(self.station(words)?) } else { None };
        Ok(Redirect { device: device?, mac })
    }

    /// A queue, or none where each packet is for the socket of its own.
    pub fn deliver(&mut self, words: &mut Words<'a>) -> Step<Change> {
        let number = words.peek().filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let queue = match number {
            Some(_) => Some(self.number("deliver", 0..=u32::from(QUEUES) - 1, words)?),
            None => None,
        };
        let queue = queue.map(|queue| u16::try_from(queue).unwrap_or_default());
        Ok(Change::Deliver(queue))
    }

    /// A word that is none of the language, or any name in quotes.
    fn device(&mut self, words: &mut Words<'a>) -> Step<DeviceName> {
        let before = *words;
        let name = match words.next() {
            Some((Kind::Word, Word { text, .. })) if WORDS.contains(&text) => {
                return Err(no_device(text, &before).into());
            }
            Some((Kind::Word, word)) => word,
            Some((Kind::String, Word { text, span })) => {
                Word { text: text.trim_matches('"'), span }
            }
            Some((Kind::Mark, _)) | None => return Err(before.expected(DEVICE).into()),
        };
        name.text.parse().map_err(|why| {
            self.wrong.add(said(why, &name.span));
            Refusal::Said
        })
    }
}

/// What to say of a word of the language where the name of an interface is due.
fn no_device(found: &str, words: &Words<'_>) -> Diagnostic {
    debug_assert!(!is_plain(found));
    let wrong = words.expected(DEVICE);
    if TERMS.contains(&found) {
        return wrong.help(format!(
            "write `redirect DEV {found} …`; an interface that is called so stands in quotes: `redirect \"{found}\"`"
        ));
    }
    wrong.help(format!("an interface that is called so stands in quotes: `redirect \"{found}\"`"))
}
