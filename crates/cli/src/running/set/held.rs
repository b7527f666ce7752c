//! What a set holds of an entry, but for `service` sets; of a `mac` or `host` set, as its map holds it.

use palisade_filter::Item;
use palisade_filter::structure::{ENTRY_SIZE, Origin, Stamp};
use palisade_loader::Wire;

use super::{End, Entry, Now};

/// The value of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Packets that hit it.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What it says of itself: the word of a [`Stamp`].
    pub(super) stamp: u64,
    /// Until when it matches: as long as anything around it.
    pub until: End,
    /// When it ends itself.
    pub ends: End,
}

const _: () = assert!(Held::SIZE == ENTRY_SIZE as usize);

impl Wire for Held {
    const SIZE: usize = <[u64; 5]>::SIZE;

    fn put(&self, out: &mut [u8]) {
        let Self { packets, bytes, stamp, until, ends } = *self;
        [packets, bytes, stamp, until.word(), ends.word()].put(out);
    }

    fn get(bytes: &[u8]) -> Self {
        let [packets, bytes, stamp, until, ends] = <[u64; 5]>::get(bytes);
        let [until, ends] = [until, ends].map(End::of);
        Self { packets, bytes, stamp, until, ends }
    }
}

impl Held {
    /// The value of an entry that nothing is around.
    pub fn of(entry: &Entry) -> Self {
        let Entry { item, packets, bytes, added, ends, origin } = *entry;
        let len = match item {
            Item::Net(prefix) => prefix.len(),
            Item::Service(_) | Item::Mac(_) => 0,
        };
        let stamp = Stamp { len, origin, added }.word();
        Self { packets, bytes, stamp, until: ends, ends }
    }

    /// What it says of itself.
    pub fn stamp(&self) -> Stamp {
        Stamp::of(self.stamp)
    }

    /// The same, no more the policy's own where the other one was added by hand.
    pub fn taken_by(self, other: Self) -> Self {
        match (self.stamp().origin, other.stamp().origin) {
            (Origin::Declared, Origin::Added | Origin::Banned) => {
                Self { stamp: Stamp { origin: Origin::Added, ..self.stamp() }.word(), ..self }
            }
            (Origin::Added | Origin::Banned, _) | (Origin::Declared, Origin::Declared) => self,
        }
    }

    /// The entry of which this is the value; one that a program put in is as if somebody had added it.
    pub fn entry(&self, item: Item, now: Now) -> Entry {
        let Self { packets, bytes, stamp: _, until: _, ends } = *self;
        let (added, origin) = match self.stamp() {
            Stamp { added, origin: Origin::Banned, .. } => (now.second_since(added), Origin::Added),
            Stamp { added, origin: origin @ (Origin::Added | Origin::Declared), .. } => {
                (added, origin)
            }
        };
        Entry { item, packets, bytes, added, ends, origin }
    }
}
