//! Which pins a policy has, and what each of them is called.
//!
//! ```text
//! <bpffs>/palisade/<policy>/prog           the program
//! <bpffs>/palisade/<policy>/maps/<name>    its maps: a set's under its name, and `<set>:<part>`;
//!                                          its own under names that begin with `_`, which no set's
//!                                          does: those that `palisade_filter::plan` names
//! <bpffs>/palisade/<policy>/meta           what a later command needs to know
//! <bpffs>/palisade/<policy>/old:/…         prog, maps and meta of the policy before, for a return
//! <bpffs>/palisade/<policy>/back:/…        the same, while a return to it is under way
//! <bpffs>/palisade/<policy>/next:/…        prog, new maps and meta of a change that is prepared, and
//!                                          below `before` what becomes `old:`
//! <bpffs>/palisade/<policy>/commit:/…      the same, while it moves into place
//! ```
//!
//! Who moves them, and in which order, is told by `publish.rs` and `before.rs`. A loaded object has
//! the first three.

/// The directory of all policies.
pub const HOME: &str = "palisade";
/// The program.
pub const PROGRAM: &str = "prog";
/// The directory of the maps.
pub const MAPS: &str = "maps";
/// What a later command needs to know.
pub const META: &str = "meta";
/// Where the policy before is kept.
pub const OLD: &str = "old:";
/// The same while a return to it is under way.
pub const BACK: &str = "back:";
/// Where the pins of a change are prepared.
pub const NEXT: &str = "next:";
/// From where they move into place.
pub const COMMIT: &str = "commit:";
/// In both of them: what becomes `old:`.
pub const STAGED_BEFORE: &str = "before";

/// Directories with a program that is about to take the place of the one in force.
pub const ON_THE_WAY: [&str; 3] = [NEXT, COMMIT, BACK];
/// Directories with maps beside those of the program in force.
pub const BESIDE: [&str; 4] = [OLD, BACK, NEXT, COMMIT];
