//! The pinned program: its tag, its name, its instructions as the kernel has rewritten them.

use palisade_asm::{ByteOrder, Image, decode_image};
use palisade_loader::translated::{Comparison, Difference, Translated, compare};
use palisade_loader::{ProgramInfo, Tag, TagDigest, kept_name};
use serde_json::json;

use super::Found;
use super::report::{Check, Report};
use crate::output::human;
use crate::running::before;
use crate::running::compiled::Compiled;
use crate::running::install::program_name;
use crate::running::program::program_id;

/// The tags that kernels give to an image on this machine.
pub fn predicted(image: &Image) -> [Tag; 2] {
    TagDigest::ALL.map(|digest| Tag::predict(image, ByteOrder::HOST, digest))
}

impl Found<'_> {
    /// Compares the program with the one that the text compiles to.
    pub(super) fn program(&self, report: &mut Report) {
        let Some(info) = &self.info else { return };
        report.program.insert("id".to_owned(), info.id.into());
        report.program.insert("tag".to_owned(), info.tag.to_string().into());
        report.program.insert("name".to_owned(), info.name.clone().into());
        let Some(made) = &self.made else {
            let what = "program tag";
            report.push(Check::untold(what, "no text to compile").between(info.tag, "unknown"));
            return;
        };
        let asked = ask(report, made);
        report.push(self.tag(info, made, asked));
        report.push(Check::same(
            "program name",
            &info.name,
            kept_name(&program_name(&self.at.name)),
        ));
        report.push(self.instructions(info, made));
    }

    fn tag(&self, info: &ProgramInfo, made: &Compiled, digest: Asked) -> Check {
        let what = "program tag";
        let [sha1, sha256] = predicted(&made.image);
        let check = match digest {
            Asked::Told(digest) => {
                let wanted = Tag::predict(&made.image, ByteOrder::HOST, digest);
                let by = match digest {
                    TagDigest::Sha1 => "SHA-1, as Linux before 6.18 makes it",
                    TagDigest::Sha256 => "SHA-256, as Linux makes it from 6.18 on",
                };
                Check::same(what, info.tag, wanted).detail(by)
            }
            Asked::Neither => {
                let why = "this kernel's tags begin neither SHA-1 nor SHA-256";
                Check::untold(what, why).between(info.tag, format_args!("{sha1} or {sha256}"))
            }
            // Either of the two is proof enough.
            Asked::Refused if [sha1, sha256].contains(&info.tag) => Check::ok(what, info.tag),
            Asked::Refused => Check::same(what, info.tag, format_args!("{sha1} or {sha256}")),
        };
        match self.is_before(info.id) {
            true => check.or("it is the program of the policy before"),
            false => check.or("the program is not the one that the text in meta compiles to"),
        }
    }

    /// Whether it is the program that a return would lead to.
    fn is_before(&self, id: u32) -> bool {
        let kept = before::kept(self.at).ok().flatten();
        kept.is_some_and(|(_, program)| program_id(&program).is_ok_and(|kept| kept == id))
    }

    fn instructions(&self, info: &ProgramInfo, made: &Compiled) -> Check {
        let what = "instructions";
        let Some(program) = &self.program else { return Check::untold(what, "no program") };
        let found = match program.translated() {
            Ok(Translated::Shown(found)) => found,
            Ok(Translated::Withheld(why)) => return Check::untold(what, why).spare(),
            Err(errno) => return Check::untold(what, errno).spare(),
        };
        let maps = made.map_numbers(info);
        let image = Image { maps: self.grown(&made.image.maps), ..made.image.clone() };
        match compare(&image, &maps, &found) {
            Comparison::Same(alike) => Check::ok(
                what,
                format_args!(
                    "all {} in their places, as the verifier rewrote them to {}",
                    human::grouped((alike.kept + alike.replaced + alike.removed) as u64),
                    human::grouped(found.len() as u64)
                ),
            ),
            Comparison::Differs(at) => differing(Check::differs(what, at.reason), made, &at),
            Comparison::Unknown(at) => differing(Check::untold(what, at.reason), made, &at).spare(),
        }
    }
}

/// The check with what stands in both programs where they part.
fn differing(check: Check, made: &Compiled, at: &Difference) -> Check {
    let found = at.found.map_or("nothing".to_owned(), |raw| {
        let bytes = human::hex(&raw.to_bytes(ByteOrder::HOST));
        format!("{bytes} at {}", at.found_slot)
    });
    check.between(found, ours(&made.image, at.slot))
}

/// The instruction at a slot with the line of the policy that asked for it.
fn ours(image: &Image, slot: usize) -> String {
    let Some(program) = decode_image(image).ok() else { return format!("slot {slot}") };
    let listing = program.listing();
    let Some(line) =
        listing.lines().find(|line| (line.slot..line.slot + line.slots).contains(&slot))
    else {
        return "the end".to_owned();
    };
    let note = image.note_at(slot).map_or(String::new(), |note| format!(" ({note})"));
    format!("`{}` at {slot}{note}", line.text)
}

/// What came of asking the kernel how it makes tags.
enum Asked {
    Told(TagDigest),
    Neither,
    Refused,
}

/// Asks, and notes the answer with what was predicted.
fn ask(report: &mut Report, made: &Compiled) -> Asked {
    let asked = match TagDigest::probe() {
        Ok(Some(digest)) => Asked::Told(digest),
        Ok(None) => Asked::Neither,
        Err(_) => Asked::Refused,
    };
    let predicted = match asked {
        Asked::Told(digest) => {
            report.program.insert("digest".to_owned(), digest.name().into());
            Some(Tag::predict(&made.image, ByteOrder::HOST, digest).to_string())
        }
        Asked::Neither | Asked::Refused => None,
    };
    report.program.insert("predicted".to_owned(), json!(predicted));
    asked
}

impl Compiled {
    /// The place of each map among those that the program uses, in the order of their first use, by
    /// which the kernel numbers them; `None` for one that no instruction names.
    pub(super) fn first_uses(&self) -> Vec<Option<usize>> {
        let mut places = vec![None; self.image.maps.len()];
        let mut next = 0;
        for reloc in &self.image.relocs {
            if let Some(place @ None) = places.get_mut(reloc.kind.map().index()) {
                *place = Some(next);
                next += 1;
            }
        }
        places
    }

    /// The number of each map, as the program uses it; zero, which no map has, for one that it does
    /// not use.
    fn map_numbers(&self, info: &ProgramInfo) -> Vec<u32> {
        let number = |place: Option<usize>| place.and_then(|at| info.map_ids.get(at)).copied();
        self.first_uses().into_iter().map(|place| number(place).unwrap_or(0)).collect()
    }
}
