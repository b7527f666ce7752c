//! What a later command needs to know of a running policy, kept in the frozen map `meta`.
//!
//! The map is an array of chunks; their bytes in a row are the magic, the schema version, the
//! length of the build and of the text (`u32` each, little-endian), the inode of the network
//! namespace (`u64`), the SHA-256 of the program's image, the build, the text. Nothing is believed before it is checked: a planted `meta` gives an
//! error, not a wrong answer.

use std::os::unix::fs::MetadataExt;

use palisade_asm::{ByteOrder, Image, MapDecl, MapFlags, MapKind};
use palisade_filter::Name;
use palisade_loader::{Errno, Frozen, Insert, Map, MapHandle, PinDir};
use sha2::{Digest, Sha256};

use super::pins::META;
use crate::failure::{Failure, Outcome};

/// What the maps and their values mean; raised when that changes.
pub const SCHEMA: u32 = 3;
/// The build that this program writes into `meta`.
pub const BUILD: &str = concat!("palisade ", env!("CARGO_PKG_VERSION"));

const MAGIC: &[u8; 8] = b"PALISADE";
const HEADER: usize = 8 + 3 * 4 + 8 + 32;
const CHUNK: usize = 512;
/// 16 MiB of text are more than any policy that can be compiled.
const MOST_CHUNKS: u32 = 32768;

/// The facts of a running policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Who wrote it.
    pub build: String,
    /// The network namespace whose interfaces carry it, by its inode.
    pub namespace: u64,
    /// The digest of the image.
    pub digest: [u8; 32],
    /// The policy.
    pub text: String,
}

impl Meta {
    /// The facts of a policy that is compiled to `image`, in the network namespace of the caller.
    pub fn new(image: &Image, text: &str) -> Outcome<Self> {
        let (build, text) = (BUILD.to_owned(), text.to_owned());
        Ok(Self { build, namespace: namespace()?, digest: digest(image), text })
    }

    /// The SHA-256 of the text.
    pub fn text_digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// Refuses a policy of another network namespace: its interfaces cannot be seen from here.
    pub fn of_this_namespace(&self, name: &Name) -> Outcome {
        if self.namespace == namespace()? {
            return Ok(());
        }
        Err(Failure::refused(format!("the policy `{name}` belongs to another network namespace"))
            .note("help", format!("run this there (`ip netns exec NAME palisade …`), or take another --policy-name; if that namespace is gone, remove palisade/{name} from the bpffs")))
    }

    /// A new frozen map that holds the facts.
    pub fn create(&self) -> Outcome<MapHandle> {
        store(&self.encode())
    }

    /// The facts in the map pinned in `dir`.
    pub fn open(dir: &PinDir) -> Outcome<Self> {
        let bytes = stored(MapHandle::open(dir, META)?)?;
        bytes.as_deref().and_then(decode).ok_or_else(|| foreign(dir))
    }

    fn encode(&self) -> Vec<u8> {
        let len = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = Vec::with_capacity(HEADER + self.build.len() + self.text.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&SCHEMA.to_le_bytes());
        bytes.extend_from_slice(&len(&self.build));
        bytes.extend_from_slice(&len(&self.text));
        bytes.extend_from_slice(&self.namespace.to_le_bytes());
        bytes.extend_from_slice(&self.digest);
        bytes.extend_from_slice(self.build.as_bytes());
        bytes.extend_from_slice(self.text.as_bytes());
        bytes
    }
}

fn decode(bytes: &[u8]) -> Option<Meta> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let (schema, rest) = rest.split_first_chunk::<4>()?;
    let (build, rest) = rest.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_first_chunk::<4>()?;
    let (namespace, rest) = rest.split_first_chunk::<8>()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    if magic != MAGIC || u32::from_le_bytes(*schema) != SCHEMA {
        return None;
    }
    let len = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let (build, rest) = rest.split_at_checked(len(build)?)?;
    let (text, _) = rest.split_at_checked(len(text)?)?;
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(Meta {
        build: string(build)?,
        namespace: u64::from_le_bytes(*namespace),
        digest: *digest,
        text: string(text)?,
    })
}

/// The failure of whoever finds something else in the place of facts.
pub(super) fn foreign(dir: &PinDir) -> Failure {
    Failure::refused(format!(
        "{} is not written by this version of palisade",
        dir.path().join(META).display()
    ))
    .note("help", "`palisade detach --all` with the version that wrote it, then attach again")
}

/// A new frozen map that holds these bytes.
pub(super) fn store(bytes: &[u8]) -> Outcome<MapHandle> {
    let count = u32::try_from(bytes.len().div_ceil(CHUNK)).ok().filter(|n| *n <= MOST_CHUNKS);
    let max_entries =
        count.ok_or_else(|| Failure::usage("the text of the policy is longer than 16 MiB"))?;
    let map: Map<u32, [u8; CHUNK]> = Map::new(MapHandle::create(&MapDecl {
        name: META.to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: CHUNK as u32,
        max_entries,
        flags: MapFlags::NONE,
    })?)?;
    for (key, part) in (0..).zip(bytes.chunks(CHUNK)) {
        let mut chunk = [0; CHUNK];
        chunk[..part.len()].copy_from_slice(part);
        map.insert(&key, &chunk, Insert::Any)?;
    }
    map.handle().freeze()?;
    Ok(map.handle().try_clone()?)
}

/// Whether what such a map holds begins with these bytes.
pub(super) fn begins_with(handle: MapHandle, bytes: &[u8]) -> Outcome<bool> {
    let map: Map<u32, [u8; CHUNK]> = Map::new(handle)?;
    Ok(map.get(&0)?.is_some_and(|chunk| chunk.starts_with(bytes)))
}

/// The bytes that such a map holds, and zeros behind them; `None` for a map that is not one of ours.
pub(super) fn stored(handle: MapHandle) -> Outcome<Option<Vec<u8>>> {
    let info = handle.info()?;
    let ours = info.shape.kind_name() == Some(MapKind::Array) && info.frozen != Frozen::No;
    let map: Map<u32, [u8; CHUNK]> = Map::new(handle)?;
    let mut bytes = Vec::new();
    for key in 0..info.shape.max_entries.min(MOST_CHUNKS) {
        bytes.extend_from_slice(&map.get(&key)?.unwrap_or([0; CHUNK]));
    }
    Ok(ours.then_some(bytes))
}

/// The network namespace of the calling thread, by its inode.
pub(super) fn namespace() -> Outcome<u64> {
    let found = std::fs::metadata("/proc/thread-self/ns/net");
    Ok(found
        .map_err(|error| {
            Failure::refused(format!(
                "cannot tell the network namespace: {}",
                Errno::from_io(&error)
            ))
        })?
        .ino())
}

/// The SHA-256 of an image's instructions before they are linked, with the names and shapes of the
/// maps that they refer to.
pub fn digest(image: &Image) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(image.to_bytes(ByteOrder::Little));
    for map in &image.maps {
        let MapDecl { name, kind, key_size, value_size, max_entries, flags } = map;
        hash.update(name.as_bytes());
        for number in [kind.number(), *key_size, *value_size, *max_entries, flags.bits()] {
            hash.update(number.to_le_bytes());
        }
    }
    hash.finalize().into()
}

/// A digest as it is written.
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
