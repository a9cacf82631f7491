//! `svar schema`: the JSON Schema of playbooks or scenarios, for editors and other programs.

use crate::cli::args::{SchemaArgs, SchemaOf};
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::print;

pub(crate) fn run(args: &SchemaArgs) -> Outcome {
    let schema = match args.of {
        SchemaOf::Playbook => svar_language::playbook::schema(),
        SchemaOf::Scenario => crate::cli::input::scenario::scenario_schema().to_owned(),
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
