//! Many items brought into their order.
//!
//! A million of them are compared by numbers that are made of each once. What is in order already
//! costs one pass.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::{Item, Mac, Service};

/// The place of an item in the order of items, quicker to compare than they are.
pub fn rank(item: &Item) -> (u8, u128, u8) {
    match item {
        Item::Net(prefix) => match prefix.addr() {
            IpAddr::V4(addr) => (0, addr.to_bits().into(), prefix.len()),
            IpAddr::V6(addr) => (1, addr.to_bits(), prefix.len()),
        },
        Item::Service(Service { transport, ports }) => {
            let ports = u128::from(ports.first()) << 16 | u128::from(ports.last());
            (2, (*transport as u128) << 32 | ports, 0)
        }
        Item::Mac(Mac([a, b, c, d, e, f])) => {
            (3, u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]).into(), 0)
        }
    }
}

/// All in the order of their items, each item once: of those that have the same, the first stays.
pub fn in_order<T: Copy>(all: Vec<T>, item: impl Fn(&T) -> Item) -> Vec<T> {
    if all.is_sorted_by(|a, b| rank(&item(a)) < rank(&item(b))) {
        return all;
    }
    let places = places(all.len(), &|place| item(&all[place]));
    places.into_iter().map(|place| all[place]).collect()
}

/// Both in one order, each in the order of its items, each item once: what stands alone, and what is
/// of one item.
pub fn side_by_side<'a, 'b, A, B>(
    mut left: &'a [A],
    mut right: &'b [B],
    left_item: impl Fn(&A) -> Item,
    right_item: impl Fn(&B) -> Item,
) -> impl Iterator<Item = (Option<&'a A>, Option<&'b B>)> {
    std::iter::from_fn(move || {
        let order = match (left.first(), right.first()) {
            (Some(a), Some(b)) => rank(&left_item(a)).cmp(&rank(&right_item(b))),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let a = if order.is_le() { left.split_off_first() } else { None };
        let b = if order.is_ge() { right.split_off_first() } else { None };
        Some((a, b))
    })
}

/// The places of items in their order, without those of which there is one before.
fn places(count: usize, item: &dyn Fn(usize) -> Item) -> Vec<usize> {
    let mut keys: Vec<Key> = (0..count).map(|place| Key::new(&item(place), place)).collect();
    keys.sort_unstable();
    let mut places = Vec::with_capacity(count);
    for alike in keys.chunk_by_mut(|a, b| a.beginning() == b.beginning()) {
        if let [only] = alike {
            places.push(only.place());
            continue;
        }
        let rank = |key: &Key| rank(&item(key.place()));
        alike.sort_unstable_by_key(|key| (rank(key), key.place()));
        let each = alike.chunk_by(|a, b| rank(a) == rank(b));
        places.extend(each.filter_map(|same| same.first()).map(|first| first.place()));
    }
    places
}

/// What the rank of an item begins with, and below it the item's place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    /// Bits of a place.
    const PLACE: u32 = 56;

    fn new(item: &Item, place: usize) -> Self {
        let (kind, bits, len) = rank(item);
        let begins = match item {
            Item::Net(prefix) if prefix.addr().is_ipv4() => bits << 8 | u128::from(len),
            // What is behind the first half of an address is compared where that is the same.
            Item::Net(_) => bits >> 64,
            Item::Service(_) | Item::Mac(_) => bits,
        };
        Self((u128::from(kind) << 64 | begins) << Self::PLACE | place as u128)
    }

    fn beginning(self) -> u128 {
        self.0 >> Self::PLACE
    }

    fn place(self) -> usize {
        (self.0 & ((1 << Self::PLACE) - 1)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(texts: &[&str]) -> Vec<Item> {
        texts.iter().map(|text| text.parse().expect("an item")).collect()
    }

    fn mixed() -> Vec<Item> {
        items(&[
            "10.0.0.0/8",
            "10.0.0.0",
            "9.9.9.9",
            "10.0.0.0/9",
            "::/0",
            "2001:db8::1",
            "2001:db8::/64",
            "2001:db8::/32",
            "2001:db8::1:0:0:0/65",
            "tcp/80",
            "tcp/80-90",
            "udp/1",
            "any/53",
            "sctp/7",
            "02:00:00:00:00:01",
            "ff:ff:ff:ff:ff:ff",
        ])
    }

    #[test]
    fn ranks_are_in_the_order_of_items() {
        let mut items = mixed();
        items.sort();
        assert!(items.is_sorted_by_key(rank));
        items.sort_by_key(rank);
        assert!(items.is_sorted());
    }

    #[test]
    fn the_first_of_those_that_are_alike_stays() {
        let twice: Vec<(Item, usize)> =
            mixed().into_iter().chain(mixed()).chain(mixed().into_iter().rev()).zip(0..).collect();
        let ordered = in_order(twice, |(item, _)| *item);
        let mut wanted: Vec<(Item, usize)> = mixed().into_iter().zip(0..).collect();
        wanted.sort();
        assert_eq!(ordered, wanted);
        assert_eq!(in_order(wanted.clone(), |(item, _)| *item), wanted);
        assert!(in_order(Vec::new(), |item: &Item| *item).is_empty());
    }

    #[test]
    fn what_stands_side_by_side_is_of_one_item() {
        let (left, right) = (items(&["9.9.9.9", "::1", "tcp/1"]), items(&["::1", "::2", "tcp/1"]));
        let both = side_by_side(&left, &right, |item| *item, |item| *item);
        let both: Vec<_> = both.map(|(a, b)| (a.copied(), b.copied())).collect();
        let [nine, one, tcp] = [left[0], left[1], left[2]].map(Some);
        let wanted = [(nine, None), (one, one), (None, Some(right[1])), (tcp, tcp)];
        assert_eq!(both, wanted);
    }
}
