//! How a command about a policy is typed.

use palisade_filter::Name;

use crate::args::USUAL;

/// The words of a command, with what makes it mean that policy.
pub fn typed(policy: &Name, words: &str) -> String {
    match policy.as_str() {
        USUAL => format!("palisade {words}"),
        name => format!("palisade --policy-name {name} {words}"),
    }
}
