//! Which program of an object is meant.

use palisade_loader::Buffers;
use palisade_loader::foreign::ForeignError;

use super::{compiled, read};

#[test]
fn a_program_is_chosen_by_its_function_or_by_a_section_with_no_other() {
    let Some(object) = compiled("stats.c", &[]) else { return };
    let bytes = object.bytes();
    let name =
        |section| read(&bytes, Some(section)).map(|object| (object.name.function, object.buffers));
    assert_eq!(name("xdp_drop_func").expect("chosen"), ("xdp_drop_func".into(), Buffers::Single));
    assert_eq!(name("xdp.frags").expect("chosen"), ("xdp_large_func".into(), Buffers::Multi));
    let several = [None, Some("xdp")].map(|section| read(&bytes, section).expect_err("several"));
    assert_eq!(
        several.map(|error| error.to_string()),
        [
            "the object has several programs: `behind_a_map` in section `xdp/devmap`, \
             `xdp_drop_func` in section `xdp`, `xdp_large_func` in section `xdp.frags`, \
             `xdp_pass_func` in section `xdp`; say which with `--section`",
            "the object has several programs: `xdp_drop_func` in section `xdp`, `xdp_pass_func` in \
             section `xdp`; say which with `--section`",
        ]
    );
    let error = name("xdp_none").expect_err("there is none");
    assert!(
        matches!(&error, ForeignError::Unknown { programs, .. } if programs.len() == 5),
        "{error}"
    );
}

#[test]
fn what_is_no_program_for_an_interface_is_refused_by_name() {
    let Some(object) = compiled("stats.c", &[]) else { return };
    let bytes = object.bytes();
    let refused = |section| read(&bytes, Some(section)).expect_err("refused").to_string();
    assert_eq!(
        refused("classify"),
        "`classify` in section `tc` is not an XDP program: those are in sections `xdp` and `xdp.frags`"
    );
    assert!(refused("tc").starts_with("`classify` in section `tc` is not an XDP program"));
    assert!(refused("xdp/devmap").contains("run by a map that redirects to it"));
}
