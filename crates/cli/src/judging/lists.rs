//! What the text of a policy puts into its sets: elements, and the entries of files.

use std::collections::BTreeMap;

use palisade_filter::diag::Diagnostic;
use palisade_filter::import::{self, Format, Group, Stay};
use palisade_filter::oracle::Declared;
use palisade_filter::policy::{Set, SetFile};
use palisade_filter::value::in_order;
use palisade_filter::{Item, Name, Policy};

use super::source::{MOST_LIST, Source, bounded, regular};
use crate::failure::{Failure, Outcome};

/// What the text itself puts into each set, its elements and the entries of its file: in order, each
/// once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lists(BTreeMap<Name, Vec<Item>>);

/// Reads what the text puts into its sets.
pub fn declared(source: &Source) -> Outcome<Lists> {
    let mut lists = BTreeMap::new();
    let mut mistakes = Vec::new();
    for set in source.policy.sets() {
        let mut items = set.elements.clone();
        if let Some(file) = &set.file {
            match list(source, set, file)? {
                Ok(read) => items.extend(read),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let items = in_order(items, |item| *item);
        if let (Some(file), true) = (&set.file, items.len() > set.max as usize) {
            let (all, max) = (items.len(), set.max);
            let many = format!("that makes {all} entries of `{}`, which takes {max}", set.name);
            mistakes.push(Diagnostic::new(file.span.clone(), many));
        }
        lists.insert(set.name.clone(), items);
    }
    source.wrong(mistakes)?;
    Ok(Lists(lists))
}

/// The entries of a set's file. A mistake inside the file is the outer failure; one of the file as a
/// whole is told at its place in the policy.
fn list(source: &Source, set: &Set, file: &SetFile) -> Outcome<Result<Vec<Item>, Diagnostic>> {
    let path = source.dir.join(&file.path);
    let name = path.display().to_string();
    let here = |message: String| Ok(Err(Diagnostic::new(file.span.clone(), message)));
    let bytes = match regular(&path).and_then(|file| bounded(file, MOST_LIST)) {
        Ok(bytes) => bytes,
        Err(why) => return here(why.in_words(&name)),
    };
    let read = import::read(&bytes, Format::Auto)
        .map_err(|wrong| Failure::text(&name, &String::from_utf8_lossy(&bytes), &wrong))?;
    if let Some(item) = read.groups.iter().find_map(timed) {
        return here(format!(
            "{name} says when `{item}` ends; of a file of a set that is for `timeout` to say"
        ));
    }
    let stray = |item: &&Item| !set.kind.takes(item);
    if let Some(item) = read.groups.iter().flat_map(|group| &group.items).find(stray) {
        let (holds, is) = (set.kind.word(), item.kind().word());
        return here(format!(
            "{name} holds `{item}`, of a {is} set; `{}` is a {holds} set",
            set.name
        ));
    }
    Ok(Ok(read.groups.into_iter().flat_map(|group| group.items).collect()))
}

/// An item that ends at a time that its file tells.
fn timed(group: &Group) -> Option<Item> {
    let ends = |stay: &Stay| matches!(stay, Stay::For(_) | Stay::Until(_));
    group.items.iter().zip(&group.stays).find(|(_, stay)| ends(stay)).map(|(item, _)| *item)
}

impl Lists {
    /// The lists as the contents of the sets of their policy.
    pub fn contents(&self, policy: &Policy) -> Declared {
        Declared::with(policy, |set| self.of(&set.name).to_vec())
    }

    /// What is put into a set.
    pub fn of(&self, set: &Name) -> &[Item] {
        self.0.get(set).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_list_that_is_missing_is_shown_where_the_policy_names_it() {
        let text = "set s net { file \"none.txt\" }\ndrop src in s\ndefault pass\n";
        let source = Source::parse("p.pal", text.to_owned(), PathBuf::from("/nowhere"));
        let wrong = declared(&source.expect("a policy")).expect_err("it is missing").to_string();
        assert!(wrong.contains("cannot read /nowhere/none.txt: ENOENT"), "{wrong}");
        assert!(wrong.contains("p.pal:1:"), "{wrong}");
    }
}
