//! `svar schema`: the JSON Schema of playbooks or scenarios, for editors and other programs.

use super::args::{SchemaArgs, SchemaOf};
use super::exit::{Exit, Failure, Outcome};
use super::terminal::print;

pub(super) fn run(args: &SchemaArgs) -> Outcome {
    let schema = match args.of {
        SchemaOf::Playbook => svar_language::playbook::schema(),
        SchemaOf::Scenario => super::scenario::scenario_schema().to_owned(),
    };
    match &args.output {
        None => print(&schema)?,
        Some(path) => std::fs::write(path, &schema).map_err(|error| {
            Failure::refused(format!("`{}` can't be written: {error}", path.display()))
                .help("choose a folder that exists and that you may write to")
        })?,
    }
    Ok(Exit::Done)
}
