//! `svar completions`: what a shell needs to complete svar's words.

use clap::CommandFactory;

use crate::cli::args::{Cli, CompletionsArgs};
use crate::cli::output::exit::{Exit, Outcome};
use crate::cli::output::terminal::print;

pub(crate) fn run(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "svar", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
