//! The command line: ties the rooms together, and knows the exit codes.
//!
//! One file for each subcommand. Standard output carries what was asked for, standard error
//! everything else. Nothing is started that a command does not need: no async runtime to check a
//! file, no argument parser to say the version.

use std::ffi::OsStr;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use clap::Parser;

mod args;
mod bug;
mod cancel;
mod check;
mod completions;
mod connect;
mod connection;
mod consent;
mod discover;
mod emulator;
mod exit;
mod explain;
mod given;
mod init;
mod log;
mod past;
mod plan;
mod play;
mod ready;
mod resume;
mod run;
mod scenario;
mod schema;
mod settings;
mod show;
mod signal;
mod target;
mod tell;
mod terminal;
mod waive;

pub use args::{Cli, ColorChoice, Command};
pub use exit::{Exit, Failure};
pub use scenario::{generate_scenario_schema, scenario_schema};
pub use terminal::{Style, Terminal};

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    bug::install_hook();
    // The hook has already said what went wrong.
    panic::catch_unwind(AssertUnwindSafe(start))
        .unwrap_or(Exit::Bug)
        .into()
}

fn start() -> Exit {
    if is_version_alone() {
        let version = concat!("svar ", env!("CARGO_PKG_VERSION"), "\n");
        return finish(terminal::print(version).map(|()| Exit::Done), None);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, the rest are refusals; clap writes each where it belongs.
            let _ = error.print();
            return match error.use_stderr() {
                true => Exit::Refused,
                false => Exit::Done,
            };
        }
    };
    let terminal = Terminal::detect(cli.color);
    finish(dispatch(&cli, &terminal), Some(terminal))
}

fn dispatch(cli: &Cli, terminal: &Terminal) -> exit::Outcome {
    log::start(cli.log.as_deref(), terminal.color)?;
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
        Command::Pause(args) => cancel::pause(args),
        Command::Cancel(args) => cancel::run(args, terminal),
        Command::Runs(args) => show::list(args, terminal),
        Command::Show(args) => show::run(args, terminal),
    }
}

/// The runtime of commands that speak with a service.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Bug, format!("threads can't be started: {error}"))
                .help("look at the limits of processes and open files")
        })
}

fn finish(outcome: exit::Outcome, terminal: Option<Terminal>) -> Exit {
    match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            let terminal = terminal.unwrap_or_else(|| Terminal::detect(ColorChoice::Auto));
            terminal.failure(&failure);
            failure.exit
        }
    }
}

/// `svar --version` is asked by every script that looks for svar: it needs no argument parser.
fn is_version_alone() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    let is_version = |word: &OsStr| word == "--version" || word == "-V";
    arguments.next().is_none() && first.is_some_and(|word| is_version(&word))
}
