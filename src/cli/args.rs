//! The command line: subcommands, options and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Run incident-response playbooks on devices through the Defender for Endpoint live response API
#[derive(Debug, Parser)]
#[command(
    name = "svar",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes:
  0   success; after a run: every device is `ok`
  1   not every device is `ok`, or the summary could not be printed
  2   invalid playbook, input or argument; nothing was sent
  3   the tenant can't be reached or refuses access; nothing was sent
  4   the run was interrupted and can be resumed
  70  internal error"
)]
pub struct Cli {
    #[command(subcommand)]
    #[allow(missing_docs)]
    pub command: Command,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Log to standard error: `info` logs each event of the journal, `debug` also each request to
    /// the service; a filter such as svar::driver=debug works too
    #[arg(long, global = true, env = "SVAR_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check playbooks and scenarios for errors
    Check(CheckArgs),
    /// Show what would be sent to each device, without sending anything
    Plan(PlanArgs),
    /// Run a playbook
    Run(RunArgs),
    /// Resume an interrupted run
    Resume(ResumeArgs),
    /// Pause a run: running sessions finish, no new ones start
    ///
    /// A session that its device has not picked up within five minutes is recalled, because the
    /// device is offline. `svar resume` starts it again.
    Pause(PauseArgs),
    /// Cancel a run for good
    ///
    /// No further devices are started, queued sessions are cancelled, running sessions finish, and
    /// cleanup still runs. The process that drives the run does this. If no process drives it, this
    /// command takes the run over and does it.
    Cancel(CancelArgs),
    /// List runs
    Runs(RunsArgs),
    /// Show the results of a run
    Show(ShowArgs),
    /// Run an emulator of the live response API, with devices that execute scripts
    Emulator(EmulatorArgs),
    /// Print the JSON Schema of playbooks or scenarios
    Schema(SchemaArgs),
    /// Explain a rule of `svar check`, or list all rules
    Explain(ExplainArgs),
    /// Create a new playbook
    Init(InitArgs),
    /// Print shell completions
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

/// The form in which a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// Text for people
    #[default]
    Text,
    /// One JSON document on standard output
    Json,
}

/// `--format`, the same for every command that prints a result.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: OutputFormat,
}

/// The limits of the service that a plan keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LimitsChoice {
    /// The stricter value of each limit: 25 concurrent sessions, 2 hours in the queue
    Safe,
    /// As documented in December 2025: 50 concurrent sessions, 2 hours in the queue
    Current,
    /// As documented in June 2021: 25 concurrent sessions, 3 days in the queue
    #[value(name = "2021")]
    Y2021,
}

/// The findings that `--deny` turns into errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    /// Warnings
    Warnings,
}

/// `svar check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Playbooks, scenarios, folders that contain them, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
    /// Exit with code 2 on these findings too
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
}

/// What `plan` and `run` have in common: playbook, inputs, devices.
#[derive(Debug, Args)]
pub struct PlaybookArgs {
    /// The playbook, or `-` for standard input
    #[arg(value_name = "PLAYBOOK")]
    pub playbook: PathBuf,
    /// Devices to use instead of the playbook's targets: id:…, name:…, tag:… or file:…; repeatable
    #[arg(long = "target", short = 't', value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Value of an input; repeatable
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// YAML or JSON file with values of inputs
    #[arg(long = "inputs", value_name = "FILE")]
    pub inputs_file: Option<PathBuf>,
    /// Case the run belongs to; templates can use it, and it is recorded
    #[arg(long, value_name = "CASE")]
    pub case: Option<String>,
    /// Name of the operator [default: the current user]
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Limits of the service to keep to [default: safe]
    #[arg(long, value_enum, value_name = "LIMITS")]
    pub limits: Option<LimitsChoice>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connection: ConnectionArgs,
}

/// The service to use.
#[derive(Debug, Args)]
pub struct ConnectionArgs {
    /// Profile in svar.toml
    #[arg(long, env = "SVAR_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Use the emulator at this address
    #[arg(long, value_name = "URL")]
    pub emulator: Option<String>,
    /// Use the built-in emulator, even if a tenant is configured
    #[arg(long, conflicts_with_all = ["emulator", "scenario_file"])]
    pub rehearse: bool,
    /// Use the built-in emulator with this scenario
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
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar run`
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub playbook: PlaybookArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub progress: ProgressArgs,
    /// Upload scripts and files that are missing from the tenant's library; existing ones are never
    /// overwritten
    #[arg(long)]
    pub sync_library: bool,
    /// Run a destructive playbook without asking for confirmation
    #[arg(long, short = 'y')]
    pub yes: bool,
}

/// Where a run is stored and what is printed of it.
#[derive(Debug, Args)]
pub struct ProgressArgs {
    /// Folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Print no progress, only errors and the summary
    #[arg(long, short = 'q')]
    pub quiet: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar resume`
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Run id, the beginning of one, or a run folder [default: the newest unfinished run]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: ResumeOptions,
    /// Waive the cleanup of a device, by name or id; repeatable
    #[arg(long, value_name = "DEVICE", requires = "why")]
    pub waive_cleanup: Vec<String>,
    /// Reason for the waiver; recorded in the journal
    #[arg(long, value_name = "REASON", requires = "waive_cleanup")]
    pub why: Option<String>,
}

/// What it takes to drive an existing run.
#[derive(Debug, Args)]
pub struct ResumeOptions {
    /// Value of a secret input, which run folders don't store; repeatable
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE")]
    pub inputs: Vec<String>,
    /// New address of the emulator that the run was started with
    #[arg(long, value_name = "URL")]
    pub emulator: Option<String>,
    /// Name of the operator [default: the current user]
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub progress: ProgressArgs,
}

/// `svar pause`
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Run id, the beginning of one, or a run folder [default: the newest unfinished run]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar cancel`
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Run id, the beginning of one, or a run folder [default: the newest unfinished run]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Cancel running sessions too
    #[arg(long)]
    pub abort: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub options: ResumeOptions,
}

/// `svar runs`
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// Folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Run id, the beginning of one, or a run folder [default: the newest run]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    /// Folder of all runs [default: svar-runs]
    #[arg(long, env = "SVAR_RUNS", value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// Show only how close the run is to its stop rule
    #[arg(long)]
    pub would_stop: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar emulator`
#[derive(Debug, Args)]
pub struct EmulatorArgs {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
    pub listen: String,
    /// Allow an address that other computers can reach; anyone there can run scripts on this one
    #[arg(long)]
    pub listen_anywhere: bool,
    /// Devices and behaviour [default: a small mixed fleet]
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Append everything the emulator does to this file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Speed of the emulator's clock; 60 lets a minute pass in each second
    #[arg(long, value_name = "N")]
    pub factor: Option<f64>,
}

/// What a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// Playbooks
    #[default]
    Playbook,
    /// Scenarios of the emulator
    Scenario,
}

/// `svar schema`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// What the schema describes
    #[arg(value_enum, default_value_t, value_name = "OF")]
    pub of: SchemaOf,
    /// Write to this file instead of standard output
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `svar explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Rule id [default: list all rules]
    #[arg(value_name = "RULE")]
    pub id: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// File to create; existing files are never overwritten
    #[arg(default_value = "playbook.yaml", value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub output: FormatArgs,
}

/// `svar completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell to print completions for
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: Shell,
}
