//! `svar completions`: what a shell needs to complete svar's words.

use clap::CommandFactory;

use super::args::{Cli, CompletionsArgs};
use super::exit::{Exit, Outcome};
use super::terminal::print;

pub(super) fn run(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "svar", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
