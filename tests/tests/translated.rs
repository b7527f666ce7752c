//! What the kernel makes of our programs is recognized, for every example policy on every target,
//! and what is not ours is not.

use palisade_asm::{Image, RawInsn};
use palisade_filter::{Neighbours, Policy, Target, Tenure, compile_as};
use palisade_loader::translated::{Comparison, Translated, compare};
use palisade_loader::{Buffers, LoadOptions, MapHandle, Program, Tag, TagDigest};
use palisade_tests::examples::EXAMPLES;
use palisade_tests::privilege::{Kernel, Reason, skip};

/// A program in the kernel, and what it was made of.
struct Loaded {
    image: Image,
    ids: Vec<u32>,
    tag: Tag,
    /// As the kernel shows it.
    found: Vec<RawInsn>,
}

impl Loaded {
    fn new(policy: &Policy, target: Target, neighbours: impl Into<Neighbours>) -> Option<Self> {
        let artifact = compile_as(policy, target, neighbours).expect("it compiles");
        let image = artifact.program.encode(target.isa).expect("an image");
        Self::of(image, target)
    }

    /// `None`, and a word about it, where the kernel shows no instructions.
    fn of(image: Image, target: Target) -> Option<Self> {
        let maps: Vec<MapHandle> = image
            .maps
            .iter()
            .map(|decl| MapHandle::create(decl).expect("a map can be made"))
            .collect();
        let buffers = match target.buffers {
            palisade_filter::Buffers::Single => Buffers::Single,
            palisade_filter::Buffers::Multi => Buffers::Multi,
        };
        let options = LoadOptions { name: "translated", license: c"GPL", buffers };
        let program = Program::load(&image, &maps, &options).expect("the kernel takes it");
        let ids = maps.iter().map(|map| map.info().expect("facts").id).collect();
        let tag = program.info().expect("facts").tag;
        match program.translated().expect("the kernel answers") {
            Translated::Shown(found) => Some(Self { image, ids, tag, found }),
            Translated::Withheld(why) => {
                skip(&Reason::Machine { name: "translated", said: why.to_string() });
                None
            }
        }
    }

    fn compare(&self, found: &[RawInsn]) -> Comparison {
        compare(&self.image, &self.ids, found)
    }
}

/// The policies, by name.
fn policies() -> Vec<(&'static str, Policy)> {
    let builtin = ("builtin", palisade_filter::BUILTIN);
    let others = OTHERS.iter().map(|text| (*text, *text));
    let all = EXAMPLES.iter().copied().chain([builtin]).chain(others);
    let parsed = |(name, text)| match palisade_filter::parse(text) {
        Ok(policy) => (name, policy),
        Err(wrong) => panic!("{name}: {wrong:?}"),
    };
    all.map(parsed).collect()
}

/// What the examples leave out: a program of almost nothing, one of long lists, deep headers, every
/// kind of set, counting rules.
const OTHERS: [&str; 4] = [
    "default pass\n",
    "set a net\nset s service\nset m mac { max 10 }\nkeep arp\ncount ip6\ndrop ether src in m\ndrop service in s\ndrop src in a not dst in a\npass tcp flags syn,!ack dport 22\ndefault drop\n",
    "on malformed pass\non fragment drop\ndrop ip6 proto 43\ndrop ip4 options\ndrop vlan 7 inner-vlan 8\ndrop ttl < 3\ndrop length > 1400\ndrop dscp = 46\ndefault pass\n",
    "drop tcp dport { 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39 }\ndrop ip4 src { 10.0.0.1, 10.0.0.3, 10.0.0.5, 10.0.0.7, 10.0.0.9, 10.0.0.11, 10.0.0.13, 10.0.0.15, 10.0.0.17, 10.0.0.19 }\ndefault pass\n",
];

/// A short one, which looks up nevertheless, for what is done to every instruction.
const SHORT: &str = "set m mac { max 10 }\ndrop ether src in m\ncount ip4 src 192.0.2.0/24\ndrop ip4 proto 17\ndefault pass\n";

#[test]
fn every_program_of_ours_is_recognized_and_its_tag_is_as_predicted() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let digest = TagDigest::probe().expect("it may be asked").expect("one of the two");
    for (name, policy) in policies() {
        for target in &kernel.targets {
            for beside in Neighbours::ALL {
                let Some(loaded) = Loaded::new(&policy, *target, beside) else { return };
                let tag = Tag::predict(&loaded.image, target.order, digest);
                assert_eq!(tag, loaded.tag, "{name} for {target:?}, {digest:?}");
                match loaded.compare(&loaded.found) {
                    Comparison::Same(agreement) => assert!(agreement.kept > agreement.replaced),
                    other => panic!("{name} for {target:?} {beside:?}: {other:x?}"),
                }
            }
        }
    }
}

#[test]
fn no_instruction_of_the_kernels_can_be_another_but_for_its_own_numbers() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let policy = palisade_filter::parse(SHORT).expect("a policy");
    let Some(loaded) = Loaded::new(&policy, kernel.best(), Tenure::OnTrial) else { return };
    let Comparison::Same(agreement) = loaded.compare(&loaded.found) else { panic!("recognized") };
    let mut unseen = Vec::new();
    let changes: [fn(&mut RawInsn); 4] = [
        |raw| raw.op ^= 0x10,
        |raw| raw.regs ^= 0x02,
        |raw| raw.off ^= 0x01,
        |raw| raw.imm ^= 0x01,
    ];
    for at in 0..loaded.found.len() {
        for change in changes {
            let mut found = loaded.found.clone();
            change(&mut found[at]);
            // A test that always jumps is one that the verifier may have decided.
            let decided = found[at].op == 0x05 && loaded.found[at].op != 0x05;
            let barrier = loaded.found[at].op == 0xc2;
            if !decided && !barrier && matches!(loaded.compare(&found), Comparison::Same(_)) {
                unseen.push(loaded.found[at]);
            }
        }
    }
    // Addresses of functions and of the tick counter, offsets in the kernel's structs, a mask.
    let own = |raw: &&RawInsn| matches!(raw.op, 0x85 | 0x18 | 0x00 | 0x07 | 0x54 | 0x79 | 0x61);
    assert_eq!(unseen.iter().filter(own).count(), unseen.len(), "{unseen:x?}");
    // Each has to be the same wherever it stands, so that only what stands once can be changed.
    assert!(unseen.len() < 12, "{unseen:x?} of {agreement:?}");
}

#[test]
fn what_is_left_out_or_put_in_is_seen() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let policy = palisade_filter::parse(SHORT).expect("a policy");
    let Some(loaded) = Loaded::new(&policy, kernel.best(), Tenure::Standing) else { return };
    // Barriers, which the kernel puts in for loaders without CAP_PERFMON, are its own.
    let barrier = |at: &usize| loaded.found[*at].op == 0xc2;
    for at in (0..loaded.found.len()).filter(|at| !barrier(at)) {
        let (mut less, mut more) = (loaded.found.clone(), loaded.found.clone());
        let gone = less.remove(at);
        more.insert(at, gone);
        for found in [less, more] {
            assert!(!matches!(loaded.compare(&found), Comparison::Same(_)), "{at}: {gone:x?}");
        }
    }
}
