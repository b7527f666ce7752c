//! What is wrong with words that are no packet.

use std::net::IpAddr;

/// Why words are no packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A word that means nothing here.
    #[error("`{word}` is no word of a packet")]
    Word {
        /// The word.
        word: String,
    },
    /// Something is missing behind a word.
    #[error("behind `{word}` {wanted} is missing")]
    Missing {
        /// The word.
        word: String,
        /// What should follow.
        wanted: &'static str,
    },
    /// What follows a word is not what should.
    #[error("`{found}` behind `{word}` is not {wanted}")]
    Value {
        /// The word.
        word: String,
        /// What follows.
        found: String,
        /// What should follow.
        wanted: &'static str,
    },
    /// Addresses of two versions of IP.
    #[error("{from} and {to} are not of one version of IP")]
    Mixed {
        /// Where the packet comes from.
        from: IpAddr,
        /// Where it goes.
        to: IpAddr,
    },
    /// A packet of IP comes from somewhere.
    #[error("`from` and an address are missing")]
    NoSource,
    /// Something that the packet has no place for.
    #[error("{what} {} only {of}", if what.ends_with('s') { "have" } else { "has" })]
    Place {
        /// What was said.
        what: &'static str,
        /// What has a place for it.
        of: &'static str,
    },
    /// A word that the other words leave no room for.
    #[error("word {at}, `{word}`: {why}")]
    Against {
        /// Where it stands, counted from 1.
        at: usize,
        /// The word.
        word: String,
        /// What it is against.
        why: String,
    },
}
