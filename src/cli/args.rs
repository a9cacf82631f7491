//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Runs incident-response playbooks on devices through the Defender live response API
#[derive(Debug, Parser)]
#[command(
    name = "svar",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 all ok; 1 some device is not, or standard output could not be written after the run; 2 playbook, inputs or arguments are \
        wrong, nothing was sent; 3 the tenant can't be used, nothing was sent; 4 interrupted, can \
        be resumed; 70 a mistake in svar."
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Colour on the terminal
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Log to standard error: `info` tells each fact of the journal, `debug` each call to the service as
    /// well; or a filter such as svar::driver=debug
    #[arg(long, global = true, env = "SVAR_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check playbooks and scenarios, and point at what is wrong
    Check(CheckArgs),
    /// Show what each device would be sent, without sending it
    Plan(PlanArgs),
    /// Run a playbook
    Run(RunArgs),
    /// Go on with an interrupted run
    Resume(ResumeArgs),
    /// Start no more sessions of a run; those that run finish, and the run can be resumed
    ///
    /// A session that its device has not taken for five minutes is called back: the device sleeps, and
    /// nothing begins while nobody looks. `resume` starts it again.
    Pause(PauseArgs),
    /// End a run for good, from any terminal
    ///
    /// No device is begun any more, own sessions that wait for their device are cancelled, and those
    /// that run finish; cleanup still runs. The process that drives the run does it. If none does, this
    /// one takes the run up and does it itself.
    Cancel(CancelArgs),
    /// List the runs of a folder
    Runs(RunsArgs),
    /// Tell what a run did
    Show(ShowArgs),
    /// Play the live response API, with devices that run scripts
    Emulator(EmulatorArgs),
    /// Print the JSON Schema of playbooks, or of scenarios
    Schema(SchemaArgs),
    /// Explain a rule; without an id, list them all
    Explain(ExplainArgs),
    /// Write a first playbook
    Init(InitArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
}

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// For whom findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FindingFormat {
    /// Excerpts on standard error
    #[default]
    Human,
    /// One JSON document on standard output
    Json,
}

/// For whom a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Whose numbers the plan keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LimitsChoice {
    /// The stricter of each: 25 sessions at a time, 2 hours in the queue
    Safe,
    /// As documented in December 2025: 50 sessions, 2 hours
    Current,
    /// As documented in June 2021: 25 sessions, 3 days
    #[value(name = "2021")]
    Y2021,
}

/// What may be denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Warnings end with exit code 2 as errors do
    Warnings,
}

/// `svar check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Playbooks, scenarios, folders that hold some, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: FindingFormat,
    /// What else ends with exit code 2
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
}

/// What `plan` and `run` have in common: playbook, inputs, devices.
#[derive(Debug, Args)]
pub struct PlaybookArgs {
    /// The playbook
    #[arg(value_name = "PLAYBOOK")]
    pub playbook: PathBuf,
    /// A device in place of the playbook's targets: id:…, name:…, tag:…, file:…; repeatable
    #[arg(long = "target", short = 't', value_name = "TARGET")]
    pub targets: Vec<String>,
    /// The value of an input; repeatable
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// A YAML or JSON file with values of inputs
    #[arg(long = "inputs", value_name = "FILE")]
    pub inputs_file: Option<PathBuf>,
    /// The case the run belongs to, as templates and the record see it
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// Who runs it; the user's name unless said
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// The tenant's limits
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub limits: Option<LimitsChoice>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connection: ConnectionArgs,
}

/// Which service is spoken to.
#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// A profile of svar.toml
    #[arg(long, env = "SVAR_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// An emulator that runs elsewhere
    #[arg(long, value_name = "URL")]
    pub emulator: Option<String>,
    /// The built-in emulator, even where a tenant is configured
    #[arg(long, conflicts_with_all = ["emulator", "scenario_file"])]
    pub rehearse: bool,
    /// The fleet and behaviour of the built-in emulator
    #[arg(
        long = "scenario",
        id = "scenario_file",
        conflicts_with = "emulator",
        value_name = "FILE"
    )]
    pub scenario: Option<PathBuf>,
}

/// `svar plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub playbook: PlaybookArgs,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `svar run`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub playbook: PlaybookArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub telling: TellingArgs,
    /// Upload library files that the tenant lacks; different ones are never overwritten
    #[arg(long)]
    pub sync_library: bool,
    /// Answer yes to the question that a destructive playbook asks
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Where a run is kept and how it is told.
#[derive(Debug, Args)]
pub struct TellingArgs {
    /// The folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// No progress; errors and the end are still told
    #[arg(long, short = 'q')]
    pub quiet: bool,
    /// `json` writes the summary to standard output when the run is over
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `svar resume`
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The run: its id, the beginning of its id, or its folder; the newest unfinished one unless said
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub again: AgainArgs,
    /// Give up the cleanup of a device, by name or id; repeatable
    #[arg(long, value_name = "DEVICE", requires = "why")]
    pub waive_cleanup: Vec<String>,
    /// Why; it is kept in the journal
    #[arg(long, value_name = "REASON", requires = "waive_cleanup")]
    pub why: Option<String>,
}

/// What it takes to drive a run again.
#[derive(Debug, Args)]
pub struct AgainArgs {
    /// The value of a secret input, which no run folder holds; repeatable
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// The emulator the run was made with, when it has another address now
    #[arg(long, value_name = "URL")]
    pub emulator: Option<String>,
    /// Who does this; the user's name unless said
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub telling: TellingArgs,
}

/// `svar pause`
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// The run: its id, the beginning of its id, or its folder; the newest unfinished one unless said
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// The folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
}

/// `svar cancel`
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The run: its id, the beginning of its id, or its folder; the newest unfinished one unless said
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Cancel the sessions that run as well
    #[arg(long)]
    pub abort: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub again: AgainArgs,
}

/// `svar runs`
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// The folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `svar show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run: its id, the beginning of its id, or its folder; the newest one unless said
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// The folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Only how the stop rule stands: in words with numbers
    #[arg(long)]
    pub would_stop: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `svar emulator`
#[derive(Debug, Args)]
pub struct EmulatorArgs {
    /// Address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    pub listen: String,
    /// Allow an address that other computers reach; anybody there can run scripts on this one
    #[arg(long)]
    pub listen_anywhere: bool,
    /// The fleet and behaviour; a small mixed fleet unless said
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Append everything that is really done to this file, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// How many times faster than real time its clock goes
    #[arg(long, value_name = "N")]
    pub factor: Option<f64>,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// Playbooks
    #[default]
    Playbook,
    /// The emulator's scenarios
    Scenario,
}

/// `svar schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum, default_value_t, value_name = "OF")]
    pub of: SchemaOf,
    /// Write it to a file instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `svar explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The id of a rule
    #[arg(value_name = "ID")]
    pub id: Option<String>,
}

/// `svar init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write; nothing is overwritten
    #[arg(default_value = "playbook.yaml", value_name = "FILE")]
    pub file: PathBuf,
}

/// `svar completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}
