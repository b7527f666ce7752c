//! Encoding loses nothing: whatever the assembler finishes comes back from its image.

mod random;

use palisade_asm::ByteOrder::{self, Big, Little};
use palisade_asm::{Insn, Isa, RawInsn, SLOT_BYTES, decode, decode_image};
use proptest::prelude::*;

use random::{assemble, source};

fn read(order: ByteOrder, bytes: &[u8]) -> Vec<RawInsn> {
    let slots = bytes.as_chunks::<SLOT_BYTES>().0;
    slots.iter().map(|slot| RawInsn::from_bytes(order, *slot)).collect()
}

proptest! {
    #[test]
    fn an_image_decodes_to_the_program_it_was_encoded_from(source in source()) {
        let program = assemble(&source);
        let image = program.encode(Isa::V4).unwrap();
        let decoded = decode_image(&image).unwrap();
        prop_assert_eq!(&decoded, &program);
        prop_assert_eq!(decoded.encode(Isa::V4).unwrap(), image);
    }

    #[test]
    fn bytes_of_either_order_read_back_as_the_code(source in source()) {
        let image = assemble(&source).encode(Isa::V4).unwrap();
        prop_assert_eq!(&read(Little, &image.to_bytes(Little)), &image.code);
        prop_assert_eq!(&read(Big, &image.to_bytes(Big)), &image.code);
    }

    #[test]
    fn notes_follow_their_instructions(source in source()) {
        let program = assemble(&source);
        let image = program.encode(Isa::V4).unwrap();
        let mut slot = 0;
        for (at, insn) in program.insns().iter().enumerate() {
            prop_assert_eq!(program.note_at(at), image.note_at(slot), "slot {}", slot);
            slot += if matches!(insn, Insn::LoadImm64 { .. }) { 2 } else { 1 };
        }
        prop_assert_eq!(slot, image.len());
    }

    #[test]
    fn the_same_source_gives_the_same_bytes(source in source()) {
        let bytes = || assemble(&source).encode(Isa::V4).unwrap().to_bytes(Little);
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn decoding_never_panics(slots in prop::collection::vec(any::<[u8; SLOT_BYTES]>(), 0..12)) {
        let code: Vec<RawInsn> = slots.iter().map(|slot| RawInsn::from_bytes(Little, *slot)).collect();
        if let Ok(program) = decode(&code) {
            prop_assert!(program.encode(Isa::V4).is_ok());
            prop_assert!(!program.listing().to_string().is_empty());
        }
    }

    #[test]
    fn a_program_with_bytes_changed_decodes_to_one_that_encodes_or_to_an_error(
        source in source(),
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = assemble(&source).encode(Isa::V4).unwrap().to_bytes(Little);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(program) = decode(&read(Little, &bytes)) {
            let again = decode_image(&program.encode(Isa::V4).unwrap());
            prop_assert_eq!(again, Ok(program));
        }
    }
}
