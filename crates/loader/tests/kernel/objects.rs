//! Numbers of what lives in the kernel: told while it does, and not after.

use palisade_asm::MapKind;
use palisade_loader::{MapHandle, ObjectId, ObjectKind};

use crate::ground::{decl, kernel, program};

#[test]
fn an_object_is_listed_by_its_number_and_name_while_it_lives() {
    kernel(|_| {
        let program = program("counted");
        let map = MapHandle::create(&decl("numbered", MapKind::Hash, 4, 8)).expect("created");
        let of = |kind, id| ObjectId { kind, id };
        let program_id = of(ObjectKind::Program, program.info().expect("told").id);
        let map_id = of(ObjectKind::Map, map.info().expect("told").id);
        for (object, name) in [(program_id, "counted"), (map_id, "numbered")] {
            assert!(ObjectId::all(object.kind).expect("listed").contains(&object));
            assert_eq!(object.is_alive(), Ok(true), "{object}");
            assert_eq!(object.name().expect("told").as_deref(), Some(name));
        }
        drop((program, map));
        for object in [program_id, map_id] {
            assert_eq!(object.is_alive(), Ok(false), "{object}");
            assert_eq!(object.name(), Ok(None), "{object}");
        }
        let links = ObjectId::all(ObjectKind::Link).expect("listed");
        assert!(links.iter().all(|link| link.kind == ObjectKind::Link));
        assert_eq!(of(ObjectKind::Program, 0).is_alive(), Ok(false));
    });
}
