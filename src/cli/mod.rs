//! The command line: the subcommands, their output and the exit codes.
//!
//! Results go to standard output, everything else to standard error. A command starts only what it
//! needs: checking a file starts no async runtime, and printing the version no argument parser.
//!
//! | folder | contents |
//! | --- | --- |
//! | `command/` | one file for each subcommand |
//! | `input/` | files, inputs and targets from the command line |
//! | `output/` | the terminal, exit codes, the log |
//! | `service/` | which tenant or emulator is used, and how svar connects to it |
//!
//! `run`, `resume` and `cancel` share `drive` (drives a prepared run to its end), `existing_run`
//! (finds and reads the folder of a run) and `summary` (describes the outcome of a run).

use std::ffi::OsStr;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

mod args;
mod command;
mod consent;
mod drive;
mod existing_run;
mod input;
mod output;
mod rules;
mod runs_folder;
mod runtime;
mod service;
mod settings;
mod signal;
mod summary;

pub use args::{Cli, ColorChoice, Command};
pub use input::scenario::{generate_scenario_schema, scenario_schema};
pub use output::exit::{CommandError, Exit};
pub use output::terminal::{Terminal, TextStyle};
pub use rules::all as rules;

use command::{
    cancel, check, completions, emulator, explain, init, pause, plan, resume, run, runs, schema,
    show,
};
use output::{exit, internal_error, log, terminal};

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    internal_error::install_hook();
    // The hook has already printed the message.
    panic::catch_unwind(AssertUnwindSafe(start))
        .unwrap_or(Exit::InternalError)
        .into()
}

fn start() -> Exit {
    if is_version_alone() {
        let version = concat!("svar ", env!("CARGO_PKG_VERSION"), "\n");
        return finish(terminal::print(version).map(|()| Exit::Success), None);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help to standard output and errors to standard error.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Refused
            } else {
                Exit::Success
            };
        }
    };
    let terminal = Terminal::detect(cli.color);
    finish(dispatch(&cli, &terminal), Some(terminal))
}

fn dispatch(cli: &Cli, terminal: &Terminal) -> exit::CommandResult {
    log::start(cli.log.as_deref(), terminal)?;
    match &cli.command {
        Command::Check(args) => check::run(args, terminal),
        Command::Emulator(args) => emulator::run(args, terminal),
        Command::Schema(args) => schema::run(args),
        Command::Init(args) => init::run(args, terminal),
        Command::Explain(args) => explain::run(args, terminal),
        Command::Completions(args) => completions::run(args),
        Command::Plan(args) => plan::run(args, terminal),
        Command::Run(args) => run::run(args, terminal),
        Command::Resume(args) => resume::run(args, terminal),
        Command::Pause(args) => pause::run(args),
        Command::Cancel(args) => cancel::run(args, terminal),
        Command::Runs(args) => runs::run(args, terminal),
        Command::Show(args) => show::run(args, terminal),
    }
}

fn finish(outcome: exit::CommandResult, terminal: Option<Terminal>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            let terminal = terminal.unwrap_or_else(|| Terminal::detect(ColorChoice::Auto));
            terminal.error(&failure);
            failure.exit
        }
    }
}

/// Returns whether the only argument is `--version`. Scripts that look for svar use it often, so it
/// is answered without the argument parser.
fn is_version_alone() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let is_version = |word: &OsStr| word == "--version" || word == "-V";
    arguments.next().is_none() && first.is_some_and(|word| is_version(&word))
}
