//! Object files of any origin: read, or refused with a reason.

use std::collections::BTreeSet;
use std::sync::Once;

use palisade_loader::foreign::{self, KernelTypes};

/// How type information begins, and its version.
const BTF_MAGIC: [u8; 3] = [0x9f, 0xeb, 1];

/// What is read of an object can be loaded as far as its form goes: every map has a declaration and a
/// name of its own, and reading it again gives the same; by whatever types of a kernel.
pub fn object(bytes: &[u8]) {
    quiet();
    // As if the types of the kernel were those that the object knows.
    if let Some(at) = bytes.windows(BTF_MAGIC.len()).position(|window| window == BTF_MAGIC) {
        let own = || Ok(bytes[at..].to_vec());
        judged(bytes, KernelTypes::In(&own));
    }
    judged(bytes, KernelTypes::AsCompiled);
}

fn judged(bytes: &[u8], types: KernelTypes<'_>) {
    let read = || foreign::read(bytes, None, types);
    let object = match read() {
        Ok(object) => object,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    // A program that calls itself is there twice, every other function once.
    assert!(object.image.len() * 8 <= 2 * bytes.len(), "no code comes from nowhere");
    let declared: Vec<_> = object.maps.iter().map(|map| &map.decl).collect();
    assert!(declared.iter().copied().eq(&object.image.maps));
    let names: BTreeSet<_> = declared.iter().map(|decl| decl.name.as_str()).collect();
    assert_eq!(names.len(), declared.len());
    for reloc in &object.image.relocs {
        assert!(reloc.kind.map().index() < declared.len());
        assert!(reloc.slot + 1 < object.image.len(), "a load has two halves");
    }
    let again = read().expect("it was read before");
    assert_eq!(again.image, object.image);
}

/// Keeps contained panics from whoever takes every panic for a find.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !foreign::is_contained() {
                hook(panic);
            }
        }));
    });
}
