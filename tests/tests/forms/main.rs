//! The forms of the language, each held against packets.
//!
//! [`table`] has a row for every form, with the five cases of each; [`shapes`] knows which forms
//! there are. Policies and frames by chance are before all judges in `differential/`; [`tables`]
//! looks into long lists, [`hits`] at what entries count, [`properties`] at what the
//! planner may not change. [`wire`] is for what no test run shows.

mod hits;
mod properties;
mod shapes;
mod table;
mod tables;
mod wire;

use std::str::FromStr;

/// A number from the environment.
fn number<T: FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
