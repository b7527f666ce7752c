//! `dump --format dot|svg`: the control-flow graph, to be looked at.

use std::io::Write;

use crate::cmd::dump::Dumped;
use crate::failure::Outcome;
use crate::output::Output;

/// The graph in the language of Graphviz.
pub fn dot(dumped: &Dumped, out: &mut Output) -> Outcome {
    dumped.remark("// ", out.writer())?;
    let program = dumped.program()?;
    Ok(write!(out.writer(), "{}", program.graph().dot(&dumped.of))?)
}

/// The graph as a picture, with what a reader must know under its title.
pub fn svg(dumped: &Dumped, out: &mut Output) -> Outcome {
    let mut remarks = Vec::new();
    dumped.remark("", &mut remarks)?;
    let remarks = String::from_utf8_lossy(&remarks);
    let program = dumped.program()?;
    let graph = program.graph();
    let picture = remarks.lines().fold(graph.svg(&dumped.of), |svg, line| svg.remarked(line));
    Ok(write!(out.writer(), "{picture}")?)
}
