//! What the sets of a lab's policy hold, as the tool tells it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, NEAR};

/// An entry as the tool lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The item.
    pub item: String,
    /// The packets that hit it.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How long a packet that was sent may take until it is counted.
const PATIENCE: Duration = Duration::from_secs(5);

impl Lab {
    /// Puts the built-in policy on the near end.
    #[track_caller]
    pub fn filter(&self) {
        self.palisade(&["attach", NEAR]).ok();
    }

    /// Puts a policy on the near end.
    #[track_caller]
    pub fn filter_by(&self, policy: &str) {
        self.palisade_with(&["attach", NEAR, "-p", "/dev/stdin"], policy).ok();
    }

    /// The entries of a set, in the order of the listing.
    #[track_caller]
    pub fn entries(&self, set: &str) -> Vec<Entry> {
        let document = self.palisade(&["list", "-j", "--set", set]).json();
        let entries = document["sets"][set]["entries"].as_array().expect("entries");
        let number = |entry: &Value, key: &str| entry[key].as_u64().expect("a count");
        let entry = |entry: &Value| Entry {
            item: entry["item"].as_str().expect("an item").to_owned(),
            packets: number(entry, "packets"),
            bytes: number(entry, "bytes"),
        };
        entries.iter().map(entry).collect()
    }

    /// The items of a set, in the order of the listing.
    #[track_caller]
    pub fn items(&self, set: &str) -> Vec<String> {
        self.entries(set).into_iter().map(|entry| entry.item).collect()
    }

    /// The packets and bytes of an item that is in a set.
    #[track_caller]
    pub fn hits(&self, set: &str, item: &str) -> (u64, u64) {
        let entries = self.entries(set);
        let found = entries.iter().find(|entry| entry.item == item);
        let found = found.unwrap_or_else(|| panic!("{item} is not among {entries:?}"));
        (found.packets, found.bytes)
    }

    /// Waits until an item has been hit so often, and checks that it is not hit more often.
    #[track_caller]
    pub fn expect_hits(&self, set: &str, item: &str, packets: u64) {
        let end = Instant::now() + PATIENCE;
        let mut seen = self.hits(set, item).0;
        while seen < packets && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
            seen = self.hits(set, item).0;
        }
        assert_eq!(seen, packets, "hits of {item} in `{set}`");
    }
}
