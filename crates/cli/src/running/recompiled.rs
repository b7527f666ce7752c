//! A running policy, compiled again from the text that it keeps.
//!
//! Who put it in force may have had other capabilities, or another kernel under him, than whoever
//! asks now; `meta` keeps no target, but the digest of the program. So the text is compiled in every
//! way in which it can be loaded on such a machine, until one gives that digest.

use palisade_asm::{Image, Isa};
use palisade_filter::{Access, Buffers, ByteOrder, Neighbours, Policy, Target};

use super::compiled::Compiled;
use super::meta;
use crate::machine;

/// The first of all ways to compile a policy that is as wanted; that of this machine is tried first.
/// `None` if none is, be it that the policy does not compile at all.
pub fn find(policy: &Policy, wanted: impl Fn(&Image) -> bool) -> Option<Compiled> {
    let here = machine::target().ok();
    let targets = here.into_iter().chain(targets().filter(|target| Some(*target) != here));
    let ways = targets.flat_map(|target| Neighbours::ALL.map(|neighbours| (target, neighbours)));
    ways.filter_map(|(target, neighbours)| Compiled::new(policy, target, neighbours).ok())
        .find(|compiled| wanted(&compiled.image))
}

/// The way that gives the program of a digest.
pub fn of_digest(policy: &Policy, digest: [u8; 32]) -> Option<Compiled> {
    find(policy, |image| meta::digest(image) == digest)
}

/// Every target that a program of ours is compiled for on a machine of this order of bytes.
fn targets() -> impl Iterator<Item = Target> {
    let isas = [Isa::V4, Isa::V3].into_iter();
    let forms = [
        (Buffers::Multi, Access::Pointers),
        (Buffers::Multi, Access::Helpers),
        (Buffers::Single, Access::Pointers),
        (Buffers::Single, Access::Helpers),
    ];
    isas.flat_map(move |isa| {
        forms.map(|(buffers, access)| Target { isa, order: ByteOrder::HOST, buffers, access })
    })
}
