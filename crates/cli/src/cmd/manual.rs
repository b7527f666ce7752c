//! `completions` and `man`: what the command line says of itself, for shells and for `man`.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Outcome;
use crate::output::Output;

/// Completions for a shell.
pub fn completions(shell: Shell, out: &mut Output) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "palisade", &mut text);
    print(&text, out)
}

/// The manual page, with a section for each command.
pub fn man(out: &mut Output) -> Outcome {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for (name, sub) in all(&command, "") {
        let page = clap_mangen::Man::new(sub.clone());
        let mut section = Vec::new();
        page.render_synopsis_section(&mut section)?;
        page.render_description_section(&mut section)?;
        page.render_options_section(&mut section)?;
        let section = String::from_utf8_lossy(&section).replace("\n.SH ", "\n.SS ");
        let section = section.strip_prefix(".SH ").map(|s| format!(".SS {s}")).unwrap_or(section);
        text.extend_from_slice(format!(".SH \"{}\"\n", name.to_uppercase()).as_bytes());
        text.extend_from_slice(section.as_bytes());
    }
    print(&text, out)
}

/// All commands below one, each by what is typed for it.
fn all<'a>(command: &'a Command, before: &str) -> Vec<(String, &'a Command)> {
    let below = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    let each = below.flat_map(|sub| {
        let name = format!("{before}{}", sub.get_name());
        let further = all(sub, &format!("{name} "));
        [(name, sub)].into_iter().chain(further)
    });
    each.collect()
}

fn print(text: &[u8], out: &mut Output) -> Outcome {
    use std::io::Write as _;
    Ok(out.writer().write_all(text)?)
}
