//! `status`: what is attached where, how full the sets are, what the verdicts were, and the policy
//! itself; and the objects that were loaded, each as what it is.

mod object;

use palisade_filter::plan::Decider;
use palisade_filter::{Mode, Name, Verdict, structure};
use palisade_loader::{Link, ProgramInfo, link};
use serde_json::{Map, Value, json};

use crate::args::{Global, Status};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::counters::{Count, Reading};
use crate::running::home::PolicyDir;
use crate::running::in_force::Running;
use crate::running::look::look;
use crate::running::meta;
use crate::running::next::Seen as Next;
use crate::running::object::Loaded;
use crate::running::outlets;
use crate::running::program::{Carrier, describe_program};
use crate::running::reach::{InFront, Reach};
use crate::running::trial::{Trial, wall_time};
use crate::running::typed::typed;
use object::Seen;

/// Shows the policy, or what an interface carries.
pub fn run(global: &Global, args: &Status, out: &mut Output) -> Outcome {
    let named = args.device.as_deref().map(link::by_name).transpose()?;
    if let Some(loaded) = Loaded::meant(&global.bpffs, &global.policy_name, named.as_slice())? {
        return show(&Seen::of(loaded)?, named.as_ref(), args, out);
    }
    let objects = match named {
        Some(_) => Vec::new(),
        None => Loaded::all(&global.bpffs)?,
    };
    let objects: Vec<Seen> = objects.into_iter().map(Seen::of).collect::<Outcome<_>>()?;
    if let Err(failure) = PolicyDir::found(&global.bpffs, &global.policy_name) {
        if objects.is_empty() {
            return Err(with_stranger(failure, args)?);
        }
        return objects_alone(&objects, out);
    }
    look(global, |at, look| {
        let running = Running::get(at)?;
        let interfaces = interfaces(&running, args)?;
        let facts = Facts::of(&running, interfaces)?;
        look.confirm()?;
        let mut document = facts.json(&running);
        if !objects.is_empty() {
            document["objects"] = objects.iter().map(Seen::json).collect();
        }
        out.json(&document)?;
        facts.say(&running, out)?;
        if !objects.is_empty() {
            out.say("loaded besides, of other files:")?;
        }
        objects.iter().try_for_each(|seen| seen.say_briefly(out))
    })
}

/// Shows an object, if the device that is asked for carries it.
fn show(seen: &Seen, named: Option<&Link>, args: &Status, out: &mut Output) -> Outcome {
    if let Some(link) = named.filter(|link| !seen.is_on(link)) {
        let failure =
            Failure::no(format!("{} does not carry the object `{}`", link.name, seen.name()));
        return Err(with_stranger(failure, args)?);
    }
    out.json(&seen.json())?;
    seen.say(out)
}

/// Shows the objects where no policy is in force.
fn objects_alone(objects: &[Seen], out: &mut Output) -> Outcome {
    let all: Vec<Value> = objects.iter().map(Seen::json).collect();
    out.json(&json!({"objects": all}))?;
    out.say("no policy is in force")?;
    objects.iter().try_for_each(|seen| seen.say(out))
}

/// The interfaces that carry the policy, of those that are asked for.
fn interfaces(running: &Running<'_>, args: &Status) -> Outcome<Vec<Carrier>> {
    let mut interfaces = running.interfaces()?;
    if let Some(name) = &args.device {
        let wanted = link::by_name(name)?;
        interfaces.retain(|carrier| carrier.link.index == wanted.index);
        if interfaces.is_empty() {
            let failure =
                Failure::no(format!("{name} does not carry the policy `{}`", running.at.name));
            return Err(with_stranger(failure, args)?);
        }
    }
    Ok(interfaces)
}

/// The failure, with what the interface carries instead.
fn with_stranger(failure: Failure, args: &Status) -> Outcome<Failure> {
    let Some(name) = &args.device else { return Ok(failure) };
    Ok(match link::by_name(name)?.xdp {
        Some(attached) => failure.note(
            "found",
            format!("{} in {} mode", describe_program(attached.program_id), attached.mode),
        ),
        None => failure.note("found", "no XDP program at all"),
    })
}

struct Facts {
    info: ProgramInfo,
    mode: Mode,
    trial: Option<Trial>,
    next: Next,
    interfaces: Vec<Carrier>,
    fronts: Vec<InFront>,
    sets: Vec<SetFacts>,
    /// Where packets are redirected to: names, and numbers where they are there.
    outlets: Vec<(String, Option<u32>)>,
    reading: Reading,
}

struct SetFacts {
    name: String,
    kind: palisade_filter::SetKind,
    entries: u64,
    max: u32,
    memory: u64,
}

impl Facts {
    fn of(running: &Running<'_>, interfaces: Vec<Carrier>) -> Outcome<Self> {
        let info = running
            .program
            .info()
            .map_err(|errno| Failure::refused(format!("cannot describe the program: {errno}")))?;
        let mut sets = Vec::new();
        for declared in running.policy.sets() {
            let set = running.at.set(&declared.name)?;
            sets.push(SetFacts {
                name: declared.name.to_string(),
                kind: set.kind(),
                entries: set.len()?,
                max: set.max(),
                memory: set.memory()?,
            });
        }
        let reading = running.counters()?.read()?;
        let trial = match &running.at.undone {
            Some(undone) => Some(Trial::Over { since: undone.since }),
            None => running.at.trial()?,
        };
        let next = Next::of(running.at, &running.program)?;
        let (mode, fronts, outlets) =
            (running.at.mode()?, running.in_front()?, outlets::held(running)?);
        Ok(Self { info, mode, trial, next, interfaces, fronts, sets, outlets, reading })
    }

    fn json(&self, running: &Running<'_>) -> Value {
        let interfaces: Vec<Value> = self
            .interfaces
            .iter()
            .map(|Carrier { link, mode }| {
                json!({"name": link.name, "ifindex": link.index.number(), "mode": mode.to_string()})
            })
            .collect();
        let sets: Map<String, Value> = self
            .sets
            .iter()
            .map(|s| {
                let value = json!({
                    "type": s.kind.word(), "entries": s.entries, "max": s.max,
                    "structure": structure::describe(s.kind), "memory": s.memory,
                });
                (s.name.clone(), value)
            })
            .collect();
        json!({
            "policy": running.at.name.as_str(),
            "mode": self.mode.word(),
            "build": running.meta.build,
            "digest": meta::hex(&running.meta.text_digest()),
            "text": running.meta.text,
            "trial": self.trial.map(trial_json),
            "program": {
                "id": self.info.id, "digest": meta::hex(&running.meta.digest), "name": self.info.name, "tag": self.info.tag.to_string(),
                "instructions": self.info.instructions,
            },
            "interfaces": interfaces,
            "behind": self.fronts.iter().map(|front| front.policy.as_str()).collect::<Vec<_>>(),
            "reached": self.is_reached(),
            "next": self.next.json(),
            "sets": sets,
            "redirects": self.redirects(),
            "verdicts": verdicts_json(&by_verdict(running, &self.reading)),
            "would_drop": count_json(would_drop(&self.reading)),
        })
    }

    /// Whether any packet comes there.
    fn is_reached(&self) -> bool {
        !self.interfaces.is_empty() || self.fronts.iter().any(|front| front.reach == Reach::Reached)
    }

    fn redirects(&self) -> Value {
        let one = |(name, number): &(String, Option<u32>)| (name.clone(), json!(number));
        self.outlets.iter().map(one).collect::<Map<_, _>>().into()
    }

    fn say(&self, running: &Running<'_>, out: &mut Output) -> Outcome {
        let Facts { info, mode, .. } = self;
        out.say(format_args!("policy `{}`, mode {mode}", running.at.name))?;
        if *mode != Mode::Enforce {
            let enforce = typed(&running.at.name, "mode enforce");
            out.say(format_args!("NOTHING IS DROPPED; `{enforce}` changes that"))?;
        }
        if let Some(trial) = self.trial {
            out.say(trial_text(&running.at.name, trial))?;
        }
        out.say(format_args!(
            "program {} «{}», tag {}, {} instructions",
            info.id,
            human::printable(&info.name),
            info.tag,
            info.instructions
        ))?;
        if !self.is_reached() {
            out.say("attached nowhere: NOTHING IS FILTERED")?;
        }
        for Carrier { link, mode } in &self.interfaces {
            out.say(format_args!(
                "  {} (ifindex {}), {} mode",
                human::printable(&link.name),
                link.index,
                mode
            ))?;
        }
        for InFront { policy, reach } in &self.fronts {
            let which = match reach {
                Reach::Reached => "which hands on what it passes",
                Reach::Nowhere => "to which no interface leads",
            };
            out.say(format_args!("  behind policy `{policy}`, {which}"))?;
        }
        if !matches!(self.next, Next::Stack) {
            out.say(format_args!("next: {}", self.next.words()))?;
        }
        let sets: Vec<Vec<String>> = self
            .sets
            .iter()
            .map(|s| {
                vec![
                    format!("  {}", s.name),
                    s.kind.word().to_owned(),
                    format!("{} of {}", human::grouped(s.entries), human::grouped(s.max.into())),
                    human::bytes(s.memory),
                    structure::describe(s.kind).to_owned(),
                ]
            })
            .collect();
        out.say("sets:")?;
        for line in human::table(&sets, &[2, 3]) {
            out.say(line)?;
        }
        if !self.outlets.is_empty() {
            out.say("redirects to:")?;
        }
        for (name, number) in &self.outlets {
            let name = human::printable(name);
            match number {
                Some(number) => out.say(format_args!("  {name} (ifindex {number})"))?,
                None => out.say(format_args!(
                    "  {name}: NOT THERE, what goes there is lost; `{}` looks for it again",
                    typed(&running.at.name, "apply")
                ))?,
            }
        }
        out.say("packets:")?;
        for line in human::table(&self.packets(running), &[1, 2]) {
            out.say(line)?;
        }
        out.say(format_args!("text, SHA-256 {}:", meta::hex(&running.meta.text_digest())))?;
        for line in running.meta.text.lines() {
            out.say(format_args!("  {}", human::printable(&line.replace('\t', "    "))))?;
        }
        Ok(())
    }

    /// A line for each verdict, and below it the rows that led to it.
    fn packets(&self, running: &Running<'_>) -> Vec<Vec<String>> {
        let line = |name: String, count: Count| {
            vec![name, human::grouped(count.packets), human::bytes(count.bytes)]
        };
        let mut lines = Vec::new();
        let shown = |v: &Verdict, count: &Count| {
            matches!(v, Verdict::Drop | Verdict::Pass) || count.packets > 0
        };
        let totals = by_verdict(running, &self.reading);
        for (verdict, total) in totals.into_iter().filter(|(v, count)| shown(v, count)) {
            lines.push(line(format!("  {verdict}"), total));
            for (row, count) in running.rows.iter().zip(&self.reading.enforced) {
                let counts = matches!(
                    row.decider,
                    Decider::Keep | Decider::Rule | Decider::Default | Decider::Fragment
                );
                if row.verdict == Some(verdict) && (counts || count.packets > 0) {
                    lines.push(line(format!("    {}", row_name(row)), *count));
                }
            }
        }
        let shadowed = would_drop(&self.reading);
        if shadowed.packets > 0 {
            let name = format!("  passed in shadow mode, {}", in_shadow(running));
            lines.push(line(name, shadowed));
        }
        lines
    }
}

fn trial_json(trial: Trial) -> Value {
    match trial {
        Trial::On { left } => json!({"state": "on trial", "seconds_left": left.as_secs()}),
        Trial::Confirmed => json!({"state": "confirmed"}),
        Trial::Over { since } => json!({
            "state": "ended", "seconds_ago": since.as_secs(), "ended": wall_time(since),
        }),
    }
}

fn trial_text(policy: &Name, trial: Trial) -> String {
    match trial {
        Trial::On { left } => format!(
            "ON TRIAL for {} s more: `{}` keeps it, else the kernel goes back by itself",
            left.as_secs(),
            typed(policy, "confirm")
        ),
        Trial::Confirmed => {
            "its trial is confirmed; its program still asks for the time".to_owned()
        }
        Trial::Over { since } => format!(
            "a trial ended unconfirmed {} s ago; this is the policy before, in force again",
            since.as_secs()
        ),
    }
}

/// What a row is called: its line and statement, or its class.
pub fn row_name(row: &palisade_filter::Row) -> String {
    match (row.decider, row.line) {
        (Decider::Malformed(class), _) => format!("malformed: {}", class.name()),
        (_, Some(line)) => format!("line {line}: {}", row.text),
        (_, None) => row.text.clone(),
    }
}

/// Packets and bytes by verdict, as they were carried out.
pub fn by_verdict(running: &Running<'_>, reading: &Reading) -> Vec<(Verdict, Count)> {
    Verdict::ALL
        .into_iter()
        .map(|verdict| {
            let rows = running.rows.iter().zip(&reading.enforced);
            let enforced =
                rows.filter(|(row, _)| row.verdict == Some(verdict)).map(|(_, count)| *count);
            let mut total = enforced.fold(Count::default(), |all, count| all + count);
            if verdict == Verdict::Pass {
                total = total + would_drop(reading);
            }
            (verdict, total)
        })
        .collect()
}

/// What would become of what shadow mode let pass, in words.
pub fn in_shadow(running: &Running<'_>) -> &'static str {
    let changes = running.rows.iter().any(|row| row.change.is_some());
    if changes { "would drop or change" } else { "would drop" }
}

/// What shadow mode let pass.
pub fn would_drop(reading: &Reading) -> Count {
    reading.shadowed.iter().fold(Count::default(), |all, count| all + *count)
}

fn verdicts_json(verdicts: &[(Verdict, Count)]) -> Value {
    verdicts
        .iter()
        .map(|(v, count)| (v.word().to_owned(), count_json(*count)))
        .collect::<Map<_, _>>()
        .into()
}

fn count_json(count: Count) -> Value {
    json!({"packets": count.packets, "bytes": count.bytes})
}
