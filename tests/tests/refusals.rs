//! Every instruction that a rule asked for says so when the verifier refuses it.
//!
//! The compiler's programs are not refused, so each of them is spoiled here in one instruction,
//! which then reads beyond the stack.

use palisade_asm::btf::ProgramBtf;
use palisade_asm::{ByteOrder, Image, Line, RawInsn, decode_image};
use palisade_filter::{Target, compile, parse};
use palisade_loader::{Buffers, Errno, LoadError, LoadOptions, MapHandle, Program};
use palisade_tests::privilege::Kernel;

const POLICY: &str = "\
set block net { max 64 }
set ports service { max 64 }
keep arp
pass src 192.0.2.0/24 dport 53

drop src in block
count udp length > 1200
drop service in ports as listed
drop ip6 ttl < 3
default pass
";

/// The lines of the rules.
const RULES: &[(u32, &str)] = &[
    (4, "pass src 192.0.2.0/24 dport 53"),
    (6, "drop src in block"),
    (7, "count udp length > 1200"),
    (8, "drop service in ports as listed"),
    (9, "drop ip6 ttl < 3"),
];

/// The program of the policy, and its maps.
fn compiled(target: Target) -> (Image, Vec<MapHandle>) {
    let policy = parse(POLICY).expect("a policy");
    let artifact = compile(&policy, target).expect("a program");
    let image = artifact.program.encode(target.isa).expect("an image");
    let maps = image.maps.iter().map(|decl| MapHandle::create(decl).expect("a map")).collect();
    (image, maps)
}

/// The slots of the instructions that a line asked for, but for those that lead elsewhere: without
/// them other code would not be reached, which is refused before anything else is looked at.
fn slots_of(image: &Image, line: u32) -> Vec<usize> {
    let program = decode_image(image).expect("it decodes");
    let listing = program.listing();
    let asked = |found: &Line<'_>| {
        let insn = &program.insns()[found.at];
        let leads_on = insn.falls_through() && insn.jump().is_none() && found.slots == 1;
        leads_on && program.note_at(found.at).and_then(|note| note.line) == Some(line)
    };
    listing.lines().filter(asked).map(|found| found.slot).collect()
}

/// The refusal of the image with a read beyond the stack in that slot.
fn refusal(image: &Image, maps: &[MapHandle], slot: usize, load: Load) -> LoadError {
    let mut image = image.clone();
    image.code[slot] = RawInsn::new(0x79, 0, 10, -520, 0);
    load(&image, maps).expect_err("the verifier refuses it")
}

type Load = fn(&Image, &[MapHandle]) -> Result<Program, LoadError>;

const OPTIONS: LoadOptions<'_> =
    LoadOptions { name: "spoiled", license: c"GPL", buffers: Buffers::Single };

fn plain(image: &Image, maps: &[MapHandle]) -> Result<Program, LoadError> {
    Program::load(image, maps, &OPTIONS)
}

fn described(image: &Image, maps: &[MapHandle]) -> Result<Program, LoadError> {
    let btf = ProgramBtf::new(image, "spoiled.pal", ByteOrder::HOST).expect("type information");
    Program::load_described(image, maps, &OPTIONS, &btf)
}

#[test]
fn a_refusal_names_the_rule_its_line_and_the_instruction() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let (image, maps) = compiled(kernel.best());
    for (line, rule) in RULES {
        let slots = slots_of(&image, *line);
        assert!(!slots.is_empty(), "line {line} asked for nothing");
        for slot in slots {
            let error = refusal(&image, &maps, slot, plain);
            let blamed = error.blamed().unwrap_or_else(|| panic!("{error}"));
            assert_eq!(blamed.slot, slot, "{error}");
            assert_eq!(blamed.text.as_deref(), Some("r0 = *(u64 *)(r10 -520)"), "{error}");
            assert_eq!(error.errno(), Some(Errno::EACCES));
            let text = error.to_string();
            assert!(text.contains(&format!("(line {line}: {rule})")), "{text}");
            assert!(text.contains("invalid read from stack R10 off=-520 size=8"), "{text}");
        }
    }
}

#[test]
fn the_log_of_a_program_that_says_where_it_comes_from_has_the_rule_before_the_instruction() {
    let Some(kernel) = Kernel::or_skip() else { return };
    let (image, maps) = compiled(kernel.best());
    for (line, rule) in RULES {
        let slot = slots_of(&image, *line)[0];
        let error = refusal(&image, &maps, slot, described);
        assert_eq!(error.blamed().map(|blamed| blamed.slot), Some(slot), "{error}");
        let log = error.log().expect("a log");
        let source =
            log.lines().rfind(|line| line.starts_with("; ")).expect("a line of the source");
        assert!(source.contains(rule), "{source}");
        assert!(error.to_string().contains("\"invalid read from stack"), "{error}");
    }
}
