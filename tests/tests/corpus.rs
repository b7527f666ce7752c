//! Every file that the fuzzer found worth keeping, put to what its target checks.

use std::fs;
use std::path::{Path, PathBuf};

use palisade_tests::fuzzed;

/// The files of a target's corpus, in order.
fn corpus(target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Puts all files to `check`, and says which one failed.
fn replay(target: &str, least: usize, check: fn(&[u8])) {
    let files = corpus(target);
    assert!(files.len() >= least, "{} files in the corpus of `{target}`", files.len());
    for file in files {
        let bytes = fs::read(&file).expect("a file of the corpus");
        let failed = std::panic::catch_unwind(|| check(&bytes)).is_err();
        assert!(!failed, "{}", file.display());
    }
}

#[test]
fn every_target_is_built_replayed_and_told_of() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let read = |path: PathBuf| fs::read_to_string(&path).expect("a file of the repository");
    let manifest = read(fuzz.join("Cargo.toml"));
    let page = read(fuzz.join("../docs/fuzzing.md"));
    let sources = fs::read_dir(fuzz.join("fuzz_targets")).expect("the targets");
    let mut targets = 0;
    for source in sources {
        let path = source.expect("a target").path();
        let target = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
        assert!(read(path.clone()).contains(&format!("fuzzed::{target}(bytes)")), "{target}");
        assert!(page.contains(&format!("\n| `{target}` |")), "{target} in docs/fuzzing.md");
        assert!(include_str!("corpus.rs").contains(&format!("replay(\"{target}\", ")), "{target}");
        targets += 1;
    }
    assert!(targets >= 11, "{targets} targets");
}

#[test]
fn the_corpus_of_policies_parses_prints_and_compiles() {
    replay("policy", 100, fuzzed::policy);
}

#[test]
fn the_corpus_of_imports_reads_prints_and_is_read_back() {
    replay("import", 100, fuzzed::import);
}

#[test]
fn the_corpus_of_assembly_is_read_printed_and_encoded() {
    replay("assembly", 10, fuzzed::assembly);
}

#[test]
fn the_corpus_of_code_is_decoded_encoded_and_run_to_an_end() {
    replay("code", 80, fuzzed::code);
}

#[test]
fn the_corpus_of_programs_near_the_border_never_traps_where_it_is_accepted() {
    replay("border", 50, fuzzed::border);
}

#[test]
fn the_corpus_of_objects_is_read_or_refused() {
    replay("object", 10, fuzzed::object);
}

#[test]
fn the_corpus_of_captures_is_read_or_refused_and_written_back() {
    replay("capture", 10, fuzzed::capture);
}

#[test]
fn a_capture_that_is_broken_anywhere_is_read_or_refused() {
    for file in corpus("capture") {
        let whole = fs::read(&file).expect("a file of the corpus");
        for at in 0..whole.len() {
            fuzzed::capture(&whole[..at]);
            let mut flipped = whole.clone();
            for flip in [0x01, 0x80, 0xff] {
                flipped[at] = whole[at] ^ flip;
                fuzzed::capture(&flipped);
            }
        }
    }
}

#[test]
fn the_corpus_of_frames_is_decided_by_the_interpreter_as_by_the_oracle() {
    replay("packet", 90, fuzzed::packet);
}

#[test]
fn the_corpus_of_chances_makes_policies_on_which_all_judges_agree() {
    replay("verdict", 40, fuzzed::verdict);
}

#[test]
fn the_corpus_of_netlink_answers_is_read_or_refused() {
    replay("netlink", 90, fuzzed::netlink);
}

#[test]
fn the_corpus_of_logs_gives_reasons_that_stand_in_them() {
    replay("log", 15, fuzzed::log);
}

#[test]
fn the_corpus_of_translated_code_is_compared_to_an_end() {
    replay("translated", 6, fuzzed::translated);
}
