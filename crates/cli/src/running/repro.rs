//! What is saved for a report when the verifier refuses a program that was compiled here.

use std::fs::File;
use std::io::Write;

use palisade_filter::Artifact;
use palisade_loader::LoadError;

use crate::failure::Failure;

/// The failure, with a file beside it that holds the policy, the listing and the whole log.
pub fn refused_by_verifier(error: &LoadError, artifact: &Artifact, text: &str) -> Failure {
    let log = error.log().map(|log| log.text().to_owned()).unwrap_or_default();
    let report = format!(
        "{error}\n\n--- policy\n{text}\n--- listing\n{}\n--- verifier\n{log}\n",
        artifact.program.listing()
    );
    let failure =
        Failure::bug("the verifier refused the compiled program; this is a bug in the compiler")
            .note("kernel", error.to_string());
    let file = format!("palisade-{}.repro", std::process::id());
    // A file that is there already may be a link that somebody has laid.
    let written = File::create_new(&file).and_then(|mut file| file.write_all(report.as_bytes()));
    match written {
        Ok(()) => failure.note(
            "saved",
            format!("./{file} (policy, listing, full log): please attach it to the report"),
        ),
        Err(why) => {
            failure.note("saved", format!("nothing, for ./{file} cannot be written: {why}"))
        }
    }
}
