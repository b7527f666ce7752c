//! The directions that hold the repository together: who may import whom, where `unsafe` may
//! stand, that no C is compiled, and that bytes depend on the policy and the target alone.
//!
//! What a crate may import is written down here once; manifests and sources are compared with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_filter::{Access, Buffers, ByteOrder, Target, compile, parse};

/// Every member, the name it has in paths, its folder, and which members it may import.
#[rustfmt::skip] // One line per crate.
const MEMBERS: [(&str, &str, &str, &[&str]); 5] = [
    ("palisade-asm",    "palisade_asm",    "crates/asm",    &[]),
    ("palisade-filter", "palisade_filter", "crates/filter", &["palisade-asm"]),
    ("palisade-loader", "palisade_loader", "crates/loader", &["palisade-asm"]),
    ("palisade",        "palisade",        "crates/cli",    &["palisade-asm", "palisade-filter", "palisade-loader"]),
    ("palisade-tests",  "palisade_tests",  "tests",         &["palisade-asm", "palisade-filter", "palisade-loader", "palisade"]),
];

/// Where all of the repository's unsafe code is.
const UNSAFE: &str = "crates/loader/src/sys";

/// Packages that compile C or bind to it, or whose presence means that something does.
const C: [&str; 5] = ["cc", "cmake", "bindgen", "openssl-sys", "libbpf-sys"];

/// Names of files that say nothing of what is in them.
const NAMELESS: [&str; 5] = ["util", "utils", "common", "helpers", "misc"];

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests lie in the repository").to_owned()
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// Every file of Rust below a folder of the repository, with its path from there.
fn sources(folder: &str) -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("below the root").display().to_string();
                found.push((name, std::fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    found.sort();
    found
}

/// The words of the code of a source, each with its line: comments and literals left out.
fn words(source: &str) -> Vec<(usize, String)> {
    let (code, mut words) = (blank_what_is_no_code(source), Vec::new());
    for (line, text) in (1..).zip(code.lines()) {
        let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.extend(parts.filter(|word| !word.is_empty()).map(|word| (line, word.to_owned())));
    }
    words
}

/// The source with nothing in the place of its comments and literals, its lines where they were.
fn blank_what_is_no_code(source: &str) -> String {
    let (mut rest, mut code) = (source, String::new());
    while let Some(next) = rest.chars().next() {
        let skipped = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => raw_string(rest),
            '"' => string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        let (skip, keep) = if skipped == 0 { (next.len_utf8(), true) } else { (skipped, false) };
        let (gone, left) = rest.split_at(skip);
        code.extend(gone.chars().filter(|c| keep || *c == '\n'));
        rest = left;
    }
    code
}

/// The length of the raw string that the text begins with; 0 if it begins with none.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let (open, close) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
    text[open..].find(&close).map_or(text.len(), |end| open + end + close.len())
}

/// The length of the string that the text begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of the character that the text begins with; 0 if that is a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            chars.next();
            chars.find(|(_, c)| *c == '\'').map_or(text.len(), |(at, _)| at + 1)
        }
        _ => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
    }
}

#[test]
fn manifests_name_only_what_a_crate_may_import() {
    let metadata: serde_json::Value = serde_json::from_str(&cargo(&[
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]))
    .expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let named: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for (name, ..) in MEMBERS {
        assert!(named.contains(&name), "`{name}` is not a member");
    }
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        let (.., may) = MEMBERS.iter().find(|(member, ..)| *member == name).unwrap_or_else(|| {
            panic!("`{name}` is a member of which this test does not know what it may import")
        });
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let dependency = dependency["name"].as_str().expect("a name");
            let ours = MEMBERS.iter().any(|(member, ..)| *member == dependency);
            assert!(!ours || may.contains(&dependency), "`{name}` may not import `{dependency}`");
        }
    }
}

#[test]
fn sources_name_only_what_their_crate_may_import() {
    let mut wrong = Vec::new();
    for (name, own_path, folder, may) in MEMBERS {
        for (file, source) in sources(folder) {
            for (line, word) in words(&source) {
                let Some((other, ..)) = MEMBERS.iter().find(|(_, path, ..)| *path == word) else {
                    continue;
                };
                // The tool's own name is a word like any other; nobody can import a binary.
                if *other != "palisade" && word != own_path && !may.contains(other) {
                    wrong.push(format!("{file}:{line}: `{name}` may not import `{other}`"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the oracle may import of its crate: what a policy is, and what it is made of. It is a second
/// reading of the language only as long as it shares nothing with the first.
const ORACLE_MAY: [&str; 2] = ["policy", "value"];

/// The modules of their own crate that a source names, each with its line.
fn own_modules(source: &str) -> Vec<(usize, String)> {
    let words = words(source);
    let pairs = words.windows(2).filter(|pair| pair[0].1 == "crate");
    pairs.map(|pair| pair[1].clone()).collect()
}

#[test]
fn the_oracle_shares_nothing_with_planner_and_generator() {
    let (mut named, mut wrong) = (0, Vec::new());
    for (file, source) in sources("crates/filter/src/oracle") {
        for (line, module) in own_modules(&source) {
            named += 1;
            if !ORACLE_MAY.contains(&module.as_str()) {
                wrong.push(format!("{file}:{line}: the oracle may not import `{module}`"));
            }
        }
        let others = words(&source).into_iter().filter(|(_, word)| word == "palisade_asm");
        wrong.extend(others.map(|(line, _)| format!("{file}:{line}: the oracle knows no code")));
        // From a test module of its folder, two steps up is still in it.
        let up = source.lines().filter(|line| line.contains("super::super::super"));
        wrong.extend(up.map(|line| format!("{file}: `{line}` leaves the oracle")));
    }
    for folder in ["crates/filter/src/plan", "crates/filter/src/emit"] {
        for (file, source) in sources(folder) {
            let named = own_modules(&source).into_iter().filter(|(_, module)| module == "oracle");
            wrong.extend(named.map(|(line, _)| format!("{file}:{line}: imports the oracle")));
        }
    }
    assert!(named > 20, "only {named} imports of the oracle were seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_one_folder_and_forbidden_where_none_is_needed() {
    let mut wrong = Vec::new();
    for folder in ["crates", "tests", "fuzz"] {
        for (file, source) in sources(folder).iter().filter(|(file, _)| !file.starts_with(UNSAFE)) {
            let lines = words(source).into_iter().filter(|(_, word)| word == "unsafe");
            wrong.extend(lines.map(|(line, _)| format!("{file}:{line}: outside {UNSAFE}")));
        }
    }
    let sys = sources(UNSAFE);
    assert!(sys.iter().any(|(_, source)| words(source).iter().any(|(_, word)| word == "unsafe")));
    for krate in ["crates/asm", "crates/filter", "tests"] {
        let source =
            std::fs::read_to_string(root().join(krate).join("src/lib.rs")).expect("lib.rs");
        if !blank_what_is_no_code(&source).contains("#![forbid(unsafe_code)]") {
            wrong.push(format!("{krate} does not forbid unsafe code"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_named_after_what_is_in_them() {
    for folder in ["crates", "tests", "fuzz"] {
        for (file, _) in sources(folder) {
            let mut parts = Path::new(&file).components().filter_map(|part| {
                Path::new(part.as_os_str()).file_stem().and_then(|stem| stem.to_str())
            });
            assert!(!parts.any(|part| NAMELESS.contains(&part)), "{file} says nothing by its name");
        }
    }
}

#[test]
fn nothing_that_compiles_c_is_in_the_tool() {
    let tree = cargo(&[
        "tree",
        "--package",
        "palisade",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--offline",
        "--format",
        "{p}",
    ]);
    let packages: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains(&"palisade-asm"), "{tree}");
    for package in C {
        assert!(
            !packages.contains(&package),
            "`{package}` is in the tree of dependencies:\n{tree}"
        );
    }
}

/// A bug that a test makes must not be something that a product can be built with.
#[test]
fn the_product_has_no_switch_but_the_one_for_object_files() {
    let mut switches = Vec::new();
    for (name, _, folder, _) in MEMBERS {
        let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml"));
        let manifest = manifest.expect("a manifest");
        let features = manifest.split("[features]").nth(1).unwrap_or_default();
        let features = features.split("\n[").next().unwrap_or_default();
        let named = features.lines().filter_map(|line| line.split_once(" = "));
        switches.extend(named.map(|(feature, _)| (name, feature.to_owned())));
    }
    assert_eq!(switches, [("palisade-asm", "elf".to_owned())]);
    for (path, source) in sources("crates") {
        assert!(!source.contains("museum") && !source.contains("palisade_tests"), "{path}");
    }
}

#[test]
fn the_same_policy_and_target_give_the_same_bytes() {
    let mut images: BTreeMap<String, usize> = BTreeMap::new();
    let policies = [
        palisade_filter::BUILTIN,
        "drop src 192.0.2.0/24 dport 1-9\non fragment drop\ndefault pass\n",
    ];
    for text in policies {
        for buffers in [Buffers::Single, Buffers::Multi] {
            for access in [Access::Pointers, Access::Helpers] {
                for order in [ByteOrder::Little, ByteOrder::Big] {
                    let target = Target { buffers, access, order, ..Target::FLOOR };
                    let image = || {
                        let artifact = compile(&parse(text).expect("a policy"), target);
                        artifact.expect("a program").program.encode(target.isa).expect("an image")
                    };
                    assert_eq!(image(), image());
                    *images.entry(format!("{:?}", image().code)).or_default() += 1;
                }
            }
        }
    }
    // Pointers or helpers, this order or that, each has its own bytes; one buffer or several differ
    // only where pointers see the first one alone.
    assert_eq!(images.len(), policies.len() * (4 + 2), "{:?}", images.values());
}

#[test]
fn comments_and_literals_are_no_code() {
    let source = "a /* unsafe */ 'x' b // unsafe\n\"unsafe \\\" unsafe\" c<'d>('\\'', '\"')\nr#\"\" unsafe\"# e";
    let words: Vec<(usize, String)> = words(source);
    let wanted = [(1, "a"), (1, "b"), (2, "c"), (2, "d"), (3, "e")];
    assert_eq!(words, wanted.map(|(line, word)| (line, word.to_owned())));
}
