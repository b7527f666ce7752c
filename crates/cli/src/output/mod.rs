//! What commands print, and how: text for people, or one JSON document.

pub mod human;

use std::fmt;
use std::io::{self, Write};

use serde_json::Value;

use crate::args::Global;
use crate::failure::Outcome;

/// Where output goes and in which form.
pub struct Output {
    form: Form,
    stdout: io::BufWriter<io::StdoutLock<'static>>,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text for people.
    Text,
    /// Nothing but errors.
    Quiet,
    /// JSON.
    Json,
}

impl Output {
    /// Standard output, in the form that was asked for.
    pub fn new(global: &Global) -> Self {
        let form = match (global.json, global.quiet) {
            (true, _) => Form::Json,
            (false, true) => Form::Quiet,
            (false, false) => Form::Text,
        };
        Self::in_form(form)
    }

    /// Standard output for the steps of a command whose own document is `of`'s: text as `of` wants
    /// it, and no documents.
    pub fn for_steps(of: &Self) -> Self {
        Self::in_form(if of.form == Form::Json { Form::Quiet } else { of.form })
    }

    fn in_form(form: Form) -> Self {
        Self { form, stdout: io::BufWriter::with_capacity(1 << 16, io::stdout().lock()) }
    }

    /// The form.
    pub fn form(&self) -> Form {
        self.form
    }

    /// A line of text, where text is wanted.
    pub fn say(&mut self, line: impl fmt::Display) -> Outcome {
        if self.form == Form::Text {
            writeln!(self.stdout, "{line}")?;
        }
        Ok(())
    }

    /// A JSON document on a line, where JSON is wanted.
    pub fn json(&mut self, document: &Value) -> Outcome {
        if self.form == Form::Json {
            writeln!(self.stdout, "{document}")?;
        }
        Ok(())
    }

    /// The writer itself, for what is the command's whole purpose to print.
    pub fn writer(&mut self) -> &mut impl Write {
        &mut self.stdout
    }

    /// Sends on what is held back.
    pub fn flush(&mut self) -> Outcome {
        Ok(self.stdout.flush()?)
    }
}
