//! What `status` says of objects that were loaded: which file, which program of it, where it is
//! attached and what its maps are. What they count is for whoever wrote them to say.

use palisade_filter::Name;
use palisade_loader::{Link, MapInfo, ProgramInfo};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Outcome};
use crate::output::{Output, human};
use crate::running::meta;
use crate::running::object::Loaded;
use crate::running::program::Carrier;

/// An object and what the kernel tells of it.
pub struct Seen {
    loaded: Loaded,
    info: Option<ProgramInfo>,
    interfaces: Vec<Carrier>,
    maps: Vec<(String, MapInfo)>,
}

impl Seen {
    /// Asks the kernel about an object.
    pub fn of(loaded: Loaded) -> Outcome<Self> {
        let info = loaded.program.as_ref().map(|program| program.info()).transpose();
        let info = info
            .map_err(|errno| Failure::refused(format!("cannot describe the program: {errno}")))?;
        let interfaces = loaded.interfaces()?;
        let handles = loaded.maps()?;
        let maps = handles.iter().map(|map| Ok((map.name().to_owned(), map.info()?)));
        let maps = maps.collect::<Outcome<_>>()?;
        Ok(Self { loaded, info, interfaces, maps })
    }

    /// The name it is pinned under.
    pub fn name(&self) -> &Name {
        &self.loaded.at.name
    }

    /// Whether an interface carries it.
    pub fn is_on(&self, link: &Link) -> bool {
        self.interfaces.iter().any(|carrier| carrier.link.index == link.index)
    }

    /// All of it as JSON; the keys of a policy's status are there, and empty where it has none.
    pub fn json(&self) -> Value {
        let facts = &self.loaded.facts;
        let interface = |Carrier { link, mode }: &Carrier| json!({"name": link.name, "ifindex": link.index.number(), "mode": mode.to_string()});
        let interfaces: Vec<Value> = self.interfaces.iter().map(interface).collect();
        let program = self.info.as_ref().map(|info| {
            json!({
                "id": info.id, "name": info.name, "tag": info.tag.to_string(),
                "instructions": info.instructions,
            })
        });
        let maps: Map<String, Value> =
            self.maps.iter().map(|(name, info)| (name.clone(), map_json(info))).collect();
        json!({
            "policy": self.loaded.at.name.as_str(),
            "object": {
                "file": facts.file, "section": facts.program.section,
                "function": facts.program.function, "digest": meta::hex(&facts.digest),
                "build": facts.build,
            },
            "program": program,
            "interfaces": interfaces,
            "sets": {},
            "verdicts": {},
            "maps": maps,
        })
    }

    /// All of it as text.
    pub fn say(&self, out: &mut Output) -> Outcome {
        let facts = &self.loaded.facts;
        let program = human::printable(&facts.program.to_string());
        out.say(format_args!("object `{}`, {program}", self.loaded.at.name))?;
        let (file, digest) = (human::printable(&facts.file), meta::hex(&facts.digest));
        out.say(format_args!("file {file}, SHA-256 {digest}"))?;
        match &self.info {
            Some(info) => out.say(format_args!(
                "program {} «{}», tag {}, {} instructions",
                info.id,
                human::printable(&info.name),
                info.tag,
                info.instructions
            ))?,
            None => out.say("no program: its load was cut short; load it again or detach it")?,
        }
        if self.interfaces.is_empty() {
            match facts.of_this_namespace(self.name()) {
                Ok(()) => out.say("attached nowhere")?,
                Err(elsewhere) => out.say(elsewhere.headline())?,
            }
        }
        for Carrier { link, mode } in &self.interfaces {
            let name = human::printable(&link.name);
            out.say(format_args!("  {name} (ifindex {}), {mode} mode", link.index))?;
        }
        let rows: Vec<Vec<String>> =
            self.maps.iter().map(|(name, info)| map_row(name, info)).collect();
        if !rows.is_empty() {
            out.say("maps:")?;
        }
        human::table(&rows, &[2]).into_iter().try_for_each(|line| out.say(line))
    }

    /// A line about it, beside a policy.
    pub fn say_briefly(&self, out: &mut Output) -> Outcome {
        let names: Vec<String> =
            self.interfaces.iter().map(|carrier| human::printable(&carrier.link.name)).collect();
        let place = if names.is_empty() { "nowhere".to_owned() } else { names.join(", ") };
        let file = human::printable(&self.loaded.facts.file);
        out.say(format_args!("  {} ({file}), attached to {place}", self.loaded.at.name))
    }
}

fn map_json(info: &MapInfo) -> Value {
    let shape = &info.shape;
    json!({
        "kind": kind(info), "key": shape.key_size, "value": shape.value_size,
        "max": shape.max_entries, "id": info.id, "memory": info.memory,
    })
}

fn kind(info: &MapInfo) -> String {
    let known = info.shape.kind_name().map(|kind| kind.name().to_owned());
    known.unwrap_or_else(|| format!("kind {}", info.shape.kind))
}

fn map_row(name: &str, info: &MapInfo) -> Vec<String> {
    let shape = &info.shape;
    vec![
        format!("  {name}"),
        kind(info),
        human::counted(shape.max_entries.into(), "entry", "entries"),
        format!("{} bytes to {} bytes", shape.key_size, shape.value_size),
    ]
}
