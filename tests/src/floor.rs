//! What a run must have executed at least, by `tests/floor`: a test that tries less says nothing.

/// The least count of that name.
pub fn least(name: &str) -> u64 {
    let lines = include_str!("../floor").lines().filter(|line| !line.starts_with('#'));
    let mut counts = lines.filter_map(|line| line.rsplit_once(": "));
    let found = counts.find(|(own, _)| *own == name);
    let (_, count) = found.unwrap_or_else(|| panic!("`tests/floor` has no `{name}`"));
    count.parse().expect("a count")
}
