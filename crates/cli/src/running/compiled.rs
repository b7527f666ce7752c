//! A policy as the program that is loaded for it here.

use palisade_asm::Image;
use palisade_filter::{Artifact, Neighbours, Policy, Target};

use crate::failure::{Failure, Outcome};

/// A policy, compiled and encoded.
pub struct Compiled {
    /// The program with its maps.
    pub artifact: Artifact,
    /// The program as it is loaded.
    pub image: Image,
    /// What it is for.
    pub target: Target,
    /// The programs that it hands packets to.
    pub neighbours: Neighbours,
}

impl Compiled {
    /// Compiles a policy for a target, beside some programs.
    pub fn new(
        policy: &Policy,
        target: Target,
        neighbours: impl Into<Neighbours>,
    ) -> Outcome<Self> {
        let neighbours = neighbours.into();
        let artifact = palisade_filter::compile_as(policy, target, neighbours)?;
        let image = artifact
            .program
            .encode(target.isa)
            .map_err(|error| Failure::bug(format!("the program cannot be encoded: {error}")))?;
        Ok(Self { artifact, image, target, neighbours })
    }
}
