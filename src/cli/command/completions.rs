//! `svar completions`: prints completions for a shell. They are a script for that shell, so there
//! is no `--format`.

use clap::CommandFactory;

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::output::exit::{CommandResult, Exit};
use crate::cli::output::terminal::print;

pub(crate) fn run(args: &CompletionsArgs) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "svar", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
