//! Values of which every CPU has its own: counters that programs add to without locking.
//!
//! The kernel keeps one for every *possible* CPU, online or not, at steps of eight bytes. A
//! [`PerCpu`] always holds exactly that many. How many CPUs are possible is read from sysfs; where
//! that cannot be read there is no guessing, since a buffer too short would be overrun.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::OnceLock;

use crate::Errno;
use crate::map::{Insert, MapError, MapHandle, MapOp, Sizes};
use crate::walk::Walk;
use crate::wire::{Wire, bytes_of};

/// The list of CPUs that may ever run.
const POSSIBLE: &str = "/sys/devices/system/cpu/possible";
/// More CPUs than any kernel is built for; a list that names more is nonsense.
const MOST: usize = 1 << 16;

/// Why the number of possible CPUs is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuError {
    /// The list could not be read.
    #[error("cannot read {POSSIBLE}: {errno}; is /sys mounted?")]
    Unreadable {
        /// What the kernel said.
        errno: Errno,
    },
    /// The list is not one of numbers and ranges.
    #[error("cannot make sense of `{text}` in {POSSIBLE}")]
    Malformed {
        /// What was read.
        text: String,
    },
}

/// How many CPUs may ever run on this machine; it never changes while the machine is up.
pub fn possible_cpus() -> Result<usize, CpuError> {
    static COUNT: OnceLock<usize> = OnceLock::new();
    if let Some(count) = COUNT.get() {
        return Ok(*count);
    }
    let text = std::fs::read_to_string(Path::new(POSSIBLE))
        .map_err(|error| CpuError::Unreadable { errno: Errno::from_io(&error) })?;
    let count =
        count_cpus(&text).ok_or_else(|| CpuError::Malformed { text: text.trim().to_owned() })?;
    Ok(*COUNT.get_or_init(|| count))
}

/// One more than the greatest number of a CPU that may ever run on this machine: numbers may be left
/// out.
pub fn cpu_numbers() -> Result<usize, CpuError> {
    let text = std::fs::read_to_string(Path::new(POSSIBLE))
        .map_err(|error| CpuError::Unreadable { errno: Errno::from_io(&error) })?;
    let malformed = || CpuError::Malformed { text: text.trim().to_owned() };
    count_cpus(&text).and_then(|_| greatest(&text)?.checked_add(1)).ok_or_else(malformed)
}

/// The numbers of the CPUs that may ever run on this machine, in the order in which a [`PerCpu`] has
/// their values.
pub fn cpu_list() -> Result<Vec<usize>, CpuError> {
    let text = std::fs::read_to_string(Path::new(POSSIBLE))
        .map_err(|error| CpuError::Unreadable { errno: Errno::from_io(&error) })?;
    listed(&text).ok_or_else(|| CpuError::Malformed { text: text.trim().to_owned() })
}

/// The numbers in such a list.
fn listed(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::with_capacity(count_cpus(list)?);
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The greatest number in such a list.
fn greatest(list: &str) -> Option<usize> {
    let last = |range: &str| range.rsplit('-').next()?.parse::<usize>().ok();
    list.trim().split(',').filter_map(last).max()
}

/// The CPUs in a list such as `0-3,8-11`; `None` when it is not one.
pub(crate) fn count_cpus(list: &str) -> Option<usize> {
    let mut count = 0usize;
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    (1..=MOST).contains(&count).then_some(count)
}

/// One value for every possible CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerCpu<V>(Box<[V]>);

impl<V> PerCpu<V> {
    /// The values, in the order of CPU numbers.
    pub fn iter(&self) -> std::slice::Iter<'_, V> {
        self.0.iter()
    }
}

impl<V: Clone> PerCpu<V> {
    /// The same value for every CPU.
    pub fn of(value: V) -> Result<Self, CpuError> {
        Ok(PerCpu(vec![value; possible_cpus()?].into()))
    }

    /// `first` for the first CPU and `others` for every other one.
    pub fn first(first: V, others: V) -> Result<Self, CpuError> {
        let mut values = Self::of(others)?;
        if let Some(value) = values.0.first_mut() {
            *value = first;
        }
        Ok(values)
    }
}

impl<'a, V> IntoIterator for &'a PerCpu<V> {
    type Item = &'a V;
    type IntoIter = std::slice::Iter<'a, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PerCpu<u64> {
    /// The sum over all CPUs; it wraps as a counter does.
    pub fn sum(&self) -> u64 {
        self.iter().fold(0, |sum, one| sum.wrapping_add(*one))
    }
}

impl<const N: usize> PerCpu<[u64; N]> {
    /// The sums over all CPUs, place by place; they wrap as counters do.
    pub fn sum(&self) -> [u64; N] {
        self.iter().fold([0; N], |sums, one| {
            std::array::from_fn(|i| {
                let (sum, one) = (sums.get(i), one.get(i));
                sum.copied().unwrap_or(0).wrapping_add(one.copied().unwrap_or(0))
            })
        })
    }
}

/// The distance between two CPUs' values.
fn stride<V: Wire>() -> usize {
    V::SIZE.next_multiple_of(8)
}

fn read<V: Wire>(bytes: &[u8]) -> PerCpu<V> {
    let each = bytes.chunks_exact(stride::<V>().max(8));
    PerCpu(each.map(|one| V::get(one.get(..V::SIZE).unwrap_or(one))).collect())
}

fn write<V: Wire>(values: &PerCpu<V>) -> Vec<u8> {
    let mut out = vec![0; values.0.len() * stride::<V>()];
    for (to, one) in out.chunks_exact_mut(stride::<V>().max(8)).zip(values) {
        if let Some(to) = to.get_mut(..V::SIZE) {
            one.put(to);
        }
    }
    out
}

/// A per-CPU array or hash whose keys are `K` and whose values are `V`.
#[derive(Debug)]
pub struct PerCpuMap<K, V> {
    handle: MapHandle,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Wire, V: Wire> PerCpuMap<K, V> {
    /// Takes a per-CPU map whose keys and values have the sizes of `K` and `V`.
    pub fn new(handle: MapHandle) -> Result<Self, MapError> {
        handle.check_sizes(Sizes { key: K::SIZE, value: V::SIZE, per_cpu: true })?;
        Ok(PerCpuMap { handle, types: PhantomData })
    }

    /// The map without its types.
    pub fn handle(&self) -> &MapHandle {
        &self.handle
    }

    /// The values of a key, if it is there.
    pub fn get(&self, key: &K) -> Result<Option<PerCpu<V>>, MapError> {
        let mut bytes = vec![0; self.handle.map().value_len()];
        match self.handle.map().lookup(&bytes_of(key), &mut bytes) {
            Ok(()) => Ok(Some(read(&bytes))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.handle.refused(MapOp::Read, errno)),
        }
    }

    /// Writes the values of a key, for all CPUs.
    pub fn set(&self, key: &K, values: &PerCpu<V>, how: Insert) -> Result<(), MapError> {
        self.handle
            .map()
            .update(&bytes_of(key), &write(values), how.into())
            .map_err(|errno| self.handle.not_written(errno))
    }

    /// Removes a key of a hash; whether it was there.
    pub fn remove(&self, key: &K) -> Result<bool, MapError> {
        match self.handle.map().delete(&bytes_of(key)) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.handle.refused(MapOp::Remove, errno)),
        }
    }

    /// All entries, in the kernel's order, an array's by index; edits made meanwhile may be seen or
    /// not, as with [`Map::iter`](crate::Map::iter).
    pub fn iter(&self) -> PerCpuIter<'_, K, V> {
        PerCpuIter { handle: &self.handle, walk: Walk::new(self.handle.map()), types: PhantomData }
    }
}

impl<V: Wire> PerCpuMap<u32, V> {
    /// All elements of an array, by index.
    pub fn get_all(&self) -> Result<Vec<PerCpu<V>>, MapError> {
        self.iter().map(|entry| entry.map(|(_, values)| values)).collect()
    }
}

/// The entries of a [`PerCpuMap`], read as they are asked for.
#[derive(Debug)]
pub struct PerCpuIter<'a, K, V> {
    handle: &'a MapHandle,
    walk: Walk<'a>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Wire, V: Wire> Iterator for PerCpuIter<'_, K, V> {
    type Item = Result<(K, PerCpu<V>), MapError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.walk.next()? {
            Ok((key, values)) => Ok((K::get(key), read(values))),
            Err(error) => Err(self.handle.walked(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_is_counted_and_nonsense_is_none() {
        assert_eq!(count_cpus("0-3,8-11\n"), Some(8));
        assert_eq!(count_cpus("0"), Some(1));
        assert_eq!(count_cpus("0,2,4-5"), Some(4));
        assert_eq!(listed("0,2,4-5"), Some(vec![0, 2, 4, 5]));
        assert_eq!(
            [greatest("0-3,8-11\n"), greatest("0"), greatest("4-5,2")],
            [Some(11), Some(0), Some(5)]
        );
        for odd in
            ["", "\n", "0-", "-3", "3-1", "0-3,", "a", "0-18446744073709551615", "0-99999999"]
        {
            assert_eq!(count_cpus(odd), None, "{odd:?}");
            assert_eq!(listed(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn small_values_take_eight_bytes_each() {
        let values = PerCpu(Box::from([1u32, 2]));
        let bytes = write(&values);
        assert_eq!(bytes.len(), 16);
        assert_eq!(read::<u32>(&bytes), values);
    }

    #[test]
    fn sums_are_taken_place_by_place_and_wrap() {
        assert_eq!(PerCpu(Box::from([u64::MAX, 3])).sum(), 2);
        assert_eq!(PerCpu(Box::from([[1u64, 10], [2, 20]])).sum(), [3, 30]);
    }
}
