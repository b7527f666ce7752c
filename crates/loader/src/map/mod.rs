//! Maps: made from a declaration, opened from a pin, read and edited through types.
//!
//! A [`MapHandle`] is any map; what it holds is unknown. A [`Map`] has keys and values of types
//! whose sizes were compared with the kernel's when it was made, and is never a per-CPU map (those
//! are [`PerCpuMap`](crate::PerCpuMap)). A full map is an error that leaves the map as it was.
//! Nothing here caches: every call asks the kernel.

mod error;
mod handle;

use std::marker::PhantomData;

pub use error::{BatchError, MapError, MapOp, Unmappable, View};
pub(crate) use handle::Sizes;
pub use handle::{Frozen, MapHandle, MapInfo, Shape};

use crate::Errno;
use crate::sys::Update;
use crate::walk::Walk;
use crate::wire::{Wire, bytes_of};

/// How many elements go to the kernel in one batch, so that the copies stay small.
const BATCH: usize = 16 * 1024;

/// On what condition an element is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// Whether the key is there or not.
    Any,
    /// Only if the key is not there.
    New,
    /// Only if the key is there.
    Existing,
}

impl From<Insert> for Update {
    fn from(how: Insert) -> Self {
        match how {
            Insert::Any => Update::Any,
            Insert::New => Update::New,
            Insert::Existing => Update::Existing,
        }
    }
}

/// A map whose keys are `K` and whose values are `V`, one value a key.
#[derive(Debug)]
pub struct Map<K, V> {
    handle: MapHandle,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Wire, V: Wire> Map<K, V> {
    /// Takes a map whose keys and values have the sizes of `K` and `V`; per-CPU maps are refused.
    pub fn new(handle: MapHandle) -> Result<Self, MapError> {
        handle.check_sizes(Sizes { key: K::SIZE, value: V::SIZE, per_cpu: false })?;
        Ok(Map { handle, types: PhantomData })
    }

    /// The map without its types.
    pub fn handle(&self) -> &MapHandle {
        &self.handle
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &K) -> Result<Option<V>, MapError> {
        let mut value = vec![0; V::SIZE];
        match self.handle.map().lookup(&bytes_of(key), &mut value) {
            Ok(()) => Ok(Some(V::get(&value))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.handle.refused(MapOp::Read, errno)),
        }
    }

    /// Writes the value of a key.
    pub fn insert(&self, key: &K, value: &V, how: Insert) -> Result<(), MapError> {
        self.handle
            .map()
            .update(&bytes_of(key), &bytes_of(value), how.into())
            .map_err(|errno| self.handle.not_written(errno))
    }

    /// Removes a key; whether it was there.
    pub fn remove(&self, key: &K) -> Result<bool, MapError> {
        match self.handle.map().delete(&bytes_of(key)) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(self.handle.refused(MapOp::Remove, errno)),
        }
    }

    /// All entries, in the kernel's order. An entry that is there throughout is seen; one that is
    /// edited meanwhile may be seen as it was, as it is, twice, or not at all.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { handle: &self.handle, walk: Walk::new(self.handle.map()), types: PhantomData }
    }

    /// Writes entries in order, whether their keys are there or not.
    pub fn insert_batch(&self, keys: &[K], values: &[V]) -> Result<(), BatchError> {
        if keys.len() != values.len() {
            let (keys, values) = (keys.len(), values.len());
            let name = self.handle.name().to_owned();
            return Err(BatchError { done: 0, error: MapError::Uneven { name, keys, values } });
        }
        let mut done = 0;
        for (keys, values) in keys.chunks(BATCH).zip(values.chunks(BATCH)) {
            self.handle.insert_chunk(&concatenated(keys), &concatenated(values)).map_err(
                |(errno, more)| BatchError {
                    done: done + more,
                    error: self.handle.not_written(errno),
                },
            )?;
            done += keys.len();
        }
        Ok(())
    }

    /// Removes keys; how many of them were there.
    pub fn remove_batch(&self, keys: &[K]) -> Result<usize, BatchError> {
        let (mut dealt, mut removed) = (0, 0);
        while let Some(rest) = keys.get(dealt..).filter(|rest| !rest.is_empty()) {
            let chunk = rest.get(..BATCH).unwrap_or(rest);
            let step = match self.handle.map().delete_batch(&concatenated(chunk)) {
                Ok(()) => Ok((chunk.len(), chunk.len())),
                // The batch stops at the first key that is not there; it goes on behind it.
                Err((Errno::ENOENT, gone)) => Ok((gone + 1, gone)),
                Err((errno, 0)) if lacks_batch(errno) => {
                    self.remove_one_by_one(chunk).map(|gone| (chunk.len(), gone))
                }
                Err((errno, gone)) => Err((self.handle.refused(MapOp::Remove, errno), gone)),
            };
            let (more, gone) =
                step.map_err(|(error, gone)| BatchError { done: dealt + gone, error })?;
            dealt += more;
            removed += gone;
        }
        Ok(removed)
    }

    fn remove_one_by_one(&self, keys: &[K]) -> Result<usize, (MapError, usize)> {
        let mut removed = 0;
        for (dealt, key) in keys.iter().enumerate() {
            if self.remove(key).map_err(|error| (error, dealt))? {
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Whether an error of a batch says that this kind of map, or this kernel, has no batches.
fn lacks_batch(errno: Errno) -> bool {
    matches!(errno, Errno::ENOTSUPP | Errno::EOPNOTSUPP | Errno::EINVAL)
}

fn concatenated<T: Wire>(items: &[T]) -> Vec<u8> {
    let mut out = vec![0; items.len() * T::SIZE];
    for (to, item) in out.chunks_exact_mut(T::SIZE.max(1)).zip(items) {
        item.put(to);
    }
    out
}

/// The entries of a [`Map`], read as they are asked for.
#[derive(Debug)]
pub struct Iter<'a, K, V> {
    handle: &'a MapHandle,
    walk: Walk<'a>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Wire, V: Wire> Iterator for Iter<'_, K, V> {
    type Item = Result<(K, V), MapError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.walk.next()? {
            Ok((key, value)) => Ok((K::get(key), V::get(value))),
            Err(error) => Err(self.handle.walked(error)),
        })
    }
}
