//! `svar schema`: prints the JSON Schema of playbooks or scenarios, for editors and other programs.
//! The schema is JSON, so there is no `--format`.

use crate::cli::args::{SchemaArgs, SchemaOf};
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::print;

pub(crate) fn run(args: &SchemaArgs) -> CommandResult {
    let schema = match args.of {
        SchemaOf::Playbook => svar_language::playbook::committed_schema(),
        SchemaOf::Scenario => crate::cli::input::scenario::scenario_schema().to_owned(),
    };
    match &args.output {
        None => print(&schema)?,
        Some(path) => std::fs::write(path, &schema).map_err(|error| {
            CommandError::refused(format!("cannot write `{}`: {error}", path.display()))
                .help("use a folder that exists and is writable")
        })?,
    }
    Ok(Exit::Success)
}
