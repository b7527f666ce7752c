//! `apply`: another policy takes the place of the one in force, at once or on trial.

use palisade_filter::value::Timeout;
use palisade_filter::{Mode, Name};
use serde_json::{Map, Value, json};

use super::attach::say_mode;
use crate::args::{Apply, Global};
use crate::failure::Outcome;
use crate::judging::Fit;
use crate::output::{Output, human};
use crate::running::contents::Fate;
use crate::running::exchange::Replaced;
use crate::running::guard;
use crate::running::home::PolicyDir;
use crate::running::install::{Prepared, Wanted};
use crate::running::publish::{self, Writing};
use crate::running::set::Declared;
use crate::running::trial::Trial;
use crate::running::typed::typed;

/// Reads, checks, and puts in force; or says what that would change.
pub fn run(global: &Global, args: &Apply, out: &mut Output) -> Outcome {
    let Fit { source, lists } = Fit::read(&args.file)?;
    let Writing { at, undone, .. } = &publish::to_change(&global.bpffs, &global.policy_name)?;
    if at.program()?.is_none() {
        return Err(at.no_program());
    }
    let trial = args.confirm.map(Timeout::duration);
    let wanted = Wanted { lists: Some(&lists), trial, ..Wanted::new(&source.text, &source.policy) };
    let prepared = Prepared::new(at, wanted)?;
    let mut notes: Vec<String> = undone.map(publish::tell_undone).into_iter().collect();
    if !prepared.is_in_force()
        && let Some(cut) = guard::cut(&source.policy, &prepared.sets, Some(&lists))?
    {
        let harmless = at.mode()? != Mode::Enforce || trial.is_some();
        if !harmless && !args.force {
            return Err(cut.refused("`--confirm 60s` puts the policy on trial, after which the kernel goes back by itself; `--force` if being cut off is meant"));
        }
        notes.push(cut.in_words());
    }
    if let (true, Some(Trial::On { left })) = (prepared.is_in_force(), at.trial()?)
        && prepared.trial_anew().is_none()
    {
        let left = left.as_secs();
        notes.push(format!(
            "it is on trial for {left} s more: `{}` keeps it",
            typed(&at.name, "confirm")
        ));
    }
    let mut change = Change::of(&prepared, notes, args)?;
    if args.dry_run {
        prepared.rehearse()?;
    } else {
        change.replaced = prepared.install()?.replaced;
    }
    change.report(at, out)
}

/// What an apply changes, or would.
struct Change {
    dry_run: bool,
    /// How long it is on trial.
    trial: Option<Timeout>,
    /// That very policy is in force already.
    unchanged: bool,
    /// Where the program is replaced.
    replaced: Replaced,
    /// The sets of the new policy, by name.
    sets: Vec<(String, Fate)>,
    /// Sets of the old one that are gone.
    dropped: Vec<String>,
    notes: Vec<String>,
}

impl Change {
    fn of(prepared: &Prepared<'_>, notes: Vec<String>, args: &Apply) -> Outcome<Self> {
        let sets: Vec<(String, Fate)> = prepared
            .sets
            .iter()
            .map(|planned| (planned.declared.name.to_string(), planned.fate))
            .collect();
        let goes_on = |name: &str| {
            sets.iter().any(|(new, fate)| new == name && !matches!(fate, Fate::Made { .. }))
        };
        let old = prepared.old.iter().flat_map(|old| old.policy.sets());
        let dropped = old.map(|set| set.name.to_string()).filter(|name| !goes_on(name)).collect();
        let unchanged = prepared.is_in_force();
        Ok(Self {
            dry_run: args.dry_run,
            trial: args.confirm.filter(|_| !unchanged || prepared.trial_anew().is_some()),
            unchanged,
            replaced: prepared.to_replace()?,
            sets,
            dropped,
            notes,
        })
    }

    fn report(&self, at: &PolicyDir, out: &mut Output) -> Outcome {
        let mode = at.mode()?;
        out.json(&self.json(at, mode))?;
        for note in &self.notes {
            out.say(format_args!("note: {note}"))?;
        }
        let name = &at.name;
        if self.unchanged {
            let changes =
                if self.trial.is_some() { "only its trial changes" } else { "nothing changes" };
            out.say(format_args!("policy `{name}` is that already; {changes}"))?;
            self.say_trial(name, out)?;
            return say_mode(name, mode, out);
        }
        let is = if self.dry_run { "would be replaced" } else { "replaced" };
        let places = self.replaced.places();
        for place in &places {
            out.say(format_args!("policy `{name}` {is} {place}, without a gap"))?;
        }
        if places.is_empty() {
            out.say(format_args!("policy `{name}` {is}; it is attached nowhere"))?;
        }
        for (set, fate) in &self.sets {
            self.say_set(set, *fate, out)?;
        }
        for set in &self.dropped {
            out.say(format_args!(
                "  set `{set}` {}",
                if self.dry_run { "would go" } else { "is gone" }
            ))?;
        }
        self.say_trial(name, out)?;
        say_mode(name, mode, out)
    }

    fn say_trial(&self, policy: &Name, out: &mut Output) -> Outcome {
        let Some(time) = self.trial else { return Ok(()) };
        let is = if self.dry_run { "would be" } else { "is" };
        out.say(format_args!(
            "it {is} on trial for {time}: `{}` keeps it, else the kernel goes back by itself",
            typed(policy, "confirm")
        ))
    }

    fn say_set(&self, set: &str, fate: Fate, out: &mut Output) -> Outcome {
        let text = match fate {
            Fate::Carried => return Ok(()),
            Fate::Made { new: 0 } => "is new".to_owned(),
            Fate::Made { new } => format!("is new, with {}", entries(new)),
            Fate::Remade(Declared { new: 0, gone: 0 }) => {
                "goes on as it is declared now".to_owned()
            }
            Fate::Remade(Declared { new, gone }) => {
                format!("goes on with {} more and {} less", entries(new), entries(gone))
            }
        };
        out.say(format_args!("  set `{set}` {text}"))
    }

    fn json(&self, at: &PolicyDir, mode: Mode) -> Value {
        let sets: Map<String, Value> = self
            .sets
            .iter()
            .map(|(name, fate)| {
                let (word, new, gone) = match *fate {
                    Fate::Carried => ("carried", 0, 0),
                    Fate::Remade(Declared { new, gone }) => ("remade", new, gone),
                    Fate::Made { new } => ("made", new, 0),
                };
                (name.clone(), json!({"fate": word, "new": new, "gone": gone}))
            })
            .collect();
        json!({
            "policy": at.name.as_str(),
            "mode": mode.word(),
            "dry_run": self.dry_run,
            "unchanged": self.unchanged,
            "replaced": self.replaced.names(),
            "behind": self.replaced.policies(),
            "sets": sets,
            "dropped": self.dropped,
            "trial": self.trial.map(|time| json!({"seconds": time.as_secs()})),
            "notes": self.notes,
        })
    }
}

fn entries(count: usize) -> String {
    human::counted(count as u64, "entry", "entries")
}
