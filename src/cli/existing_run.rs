//! Finds the folders of existing runs and reads them.

use std::path::Path;
use std::sync::Arc;

use crate::driver::{
    self, FolderError, JournalContents, JournalError, LibraryItem, RunFolder, RunHeader, Runs,
    ServiceKind,
};
use crate::report::{self, Evidence, OutputStyle, ReportHeader};
use svar_engine::Fleet;
use svar_language::playbook::{FileStatus, Files};
use svar_language::source::SourceText;
use svar_plan::{CompiledPlan, GivenInputs, Inputs, Limits, MissingSecrets, RunNames};
use svar_wire::text;

use crate::cli::input::prepare;
use crate::cli::output::exit::{CommandError, Exit};
use crate::cli::output::terminal::Terminal;
use crate::cli::rules;
use crate::cli::runs_folder;

/// Name of the file with the scenario of a run on the built-in emulator.
pub(crate) const SCENARIO_FILE: &str = "scenario.json";

/// Finds a run by its id, the beginning of its id, or its folder. Without a name, returns the
/// newest run.
///
/// # Errors
/// There is no such run.
pub(crate) fn find(root: &Path, run: Option<&str>) -> Result<RunFolder, CommandError> {
    let runs = Runs::in_folder(root);
    match run {
        Some(text) => runs.find(text).map_err(|error| folder_error(&error)),
        None => {
            let list = runs.list().map_err(|error| folder_error(&error))?;
            list.into_iter().next().ok_or_else(|| no_runs(root))
        }
    }
}

/// Finds a run as [`find`] does, finished or not. Without a name, returns the newest run that has
/// not finished.
///
/// # Errors
/// There is no such run.
pub(crate) fn find_or_newest_unfinished(
    root: &Path,
    run: Option<&str>,
) -> Result<RunFolder, CommandError> {
    if run.is_some() {
        return find(root, run);
    }
    let newest = Runs::in_folder(root).newest_unfinished();
    newest
        .map_err(|error| folder_error(&error))?
        .ok_or_else(|| {
            CommandError::refused(format!("no unfinished run in {}", root.display()))
                .help("`svar runs` lists all runs; use `--runs` for another folder")
        })
}

/// Writes the summary of a finished run into its folder.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn write_summary(folder: &RunFolder, evidence: &Evidence) -> Result<(), CommandError> {
    let summary = report::summary(evidence);
    folder
        .finish(&summary, &report::text(evidence, OutputStyle::FILE))
        .map_err(|error| {
            let run = runs_folder::argument_of(folder);
            CommandError::new(Exit::Interrupted, error.to_string()).help(format!(
                "every device has ended, only the summary is missing; when the cause is fixed, \
                 `svar resume {run}` writes it"
            ))
        })
}

/// Returns the error for a folder without runs, or without runs that can be read.
pub(crate) fn no_runs(root: &Path) -> CommandError {
    if let Some(error) = Runs::in_folder(root).unreadable().first() {
        return folder_error(error);
    }
    CommandError::refused(format!("no runs in {}", root.display()))
        .help("start one with `svar run PLAYBOOK`, or use `--runs` for another folder")
}

/// Turns an error of a run folder into that of a command.
pub(crate) fn folder_error(error: &FolderError) -> CommandError {
    let failure = CommandError::refused(error.to_string());
    match error {
        FolderError::Io { .. } => failure.help("check the disk and the folder's permissions"),
        FolderError::Malformed { .. } => failure.help("restore the folder from a backup"),
        FolderError::NewerFormat { .. } => failure,
        FolderError::NeverStarted { .. } => failure.help("delete the folder"),
        FolderError::NotFound { .. } | FolderError::Ambiguous { .. } => {
            failure.help("`svar runs` lists all runs")
        }
        FolderError::Journal(error) => journal_error(error),
    }
}

/// Turns an error of a journal into that of a command.
pub(crate) fn journal_error(error: &JournalError) -> CommandError {
    let failure = CommandError::refused(error.to_string());
    match error {
        JournalError::Locked { .. } | JournalError::NewerFormat { .. } => failure,
        JournalError::Damaged { .. } | JournalError::Incomplete { .. } => {
            failure.help("nothing was sent; restore the run folder from a backup")
        }
        JournalError::Replaced { .. } | JournalError::Io { .. } => {
            failure.help("check the disk and the folder's permissions")
        }
    }
}

/// The playbook and the plan of a run, as they were when it started.
pub(crate) struct ExistingRun {
    /// The text of the playbook, with its original file name.
    pub(crate) source: SourceText,
    /// The compiled plan.
    pub(crate) compiled: CompiledPlan,
}

/// The use of a plan that is compiled again.
pub(crate) enum RecompileFor {
    /// The run is resumed, with these values of its secret inputs.
    Resume(Vec<(String, String)>),
    /// The run is shown, which does not need its secret inputs.
    Show,
}

/// Compiles the plan of a run again, from the files in its folder.
///
/// # Errors
/// The folder was changed, or a secret input is missing.
pub(crate) fn recompile(
    folder: &RunFolder,
    purpose: RecompileFor,
    terminal: &Terminal,
) -> Result<ExistingRun, CommandError> {
    let (arguments, missing_secrets) = match purpose {
        RecompileFor::Resume(arguments) => (arguments, MissingSecrets::Refuse),
        RecompileFor::Show => (Vec::new(), MissingSecrets::Placeholder),
    };
    let header = folder.header();
    let failed = |error: FolderError| folder_error(&error);
    folder.check_unchanged().map_err(failed)?;
    let text = String::from_utf8_lossy(&folder.playbook().map_err(failed)?).into_owned();
    let source = SourceText::new(&header.playbook_file, text);
    let library = StoredLibrary(folder.library().map_err(failed)?);
    let loaded = rules::load(&source, &library);
    if loaded.playbook.is_none() {
        return Err(prepare::print_problems(&loaded.problems, terminal));
    }
    let inputs_file = folder.path().join("inputs.json");
    let given = GivenInputs {
        arguments,
        files: vec![SourceText::new(
            inputs_file.display().to_string(),
            folder.inputs().map_err(failed)?,
        )],
        environment: crate::cli::input::inputs::environment()?,
        missing_secrets,
    };
    let print_all = |problems: Vec<_>| prepare::print_problems(&problems, terminal);
    let inputs = Inputs::merge(&loaded, &given).map_err(print_all)?;
    let names = RunNames {
        id: header.run.to_string(),
        case: header.case.clone(),
        operator: header.operator.clone(),
    };
    let targets = folder.targets().map_err(failed)?;
    let limits = Limits::of(header.limits);
    let compiled = svar_plan::compile(&loaded, &library, &inputs, targets, &names, &limits)
        .map_err(print_all)?;
    let secret: Vec<String> = (inputs.iter())
        .filter(|input| input.secret)
        .map(|input| format!("`{}`", input.name))
        .collect();
    // The digest covers the secrets, which are missing when a run is only shown.
    let is_complete = missing_secrets == MissingSecrets::Refuse || secret.is_empty();
    if is_complete && compiled.plan().digest != header.plan_digest {
        let help = if secret.is_empty() {
            "restore the folder from a backup, or use the svar version that started the run"
                .to_owned()
        } else {
            format!(
                "give {} the same value as when the run was started",
                text::list(&secret, "and")
            )
        };
        return Err(CommandError::refused(format!(
            "{} no longer compiles to the plan that the run was started with",
            folder.path().display()
        ))
        .help(help));
    }
    Ok(ExistingRun { source, compiled })
}

/// The library files in a run folder. The folder has their names in the library; the playbook has
/// their paths, which end with these names.
struct StoredLibrary(Vec<LibraryItem>);

impl StoredLibrary {
    fn item(&self, path: &str) -> Option<&LibraryItem> {
        let name = path.rsplit(['/', '\\']).next()?;
        self.0.iter().find(|item| item.name.as_str() == name)
    }
}

impl Files for StoredLibrary {
    fn status(&self, path: &str) -> FileStatus {
        // Other files beside the playbook, such as a list of targets, are no longer needed.
        let size = self.item(path).map_or(0, |item| item.bytes.len() as u64);
        FileStatus::File { size }
    }

    fn sha256(&self, path: &str) -> std::io::Result<String> {
        match self.item(path) {
            Some(item) => Ok(item.sha256.clone()),
            None => Err(std::io::Error::other("the file is not in the run folder")),
        }
    }
}

/// Replays the journal of a run.
///
/// # Errors
/// The journal does not match the plan, or ends before the run did.
pub(crate) fn replay(
    folder: &RunFolder,
    existing: &ExistingRun,
    contents: &JournalContents,
) -> Result<Fleet, CommandError> {
    let header = folder.header();
    let fleet = Fleet::replay(
        &header.run,
        Arc::clone(existing.compiled.plan()),
        header.started,
        &contents.facts,
    )
    .map_err(|error| {
        CommandError::refused(format!("the journal does not match the plan: {error}"))
            .help("restore the run folder from a backup")
    })?;
    if folder.is_finished() && fleet.devices().any(|device| device.end.is_none()) {
        return Err(journal_error(&folder.incomplete_journal()));
    }
    Ok(fleet)
}

/// Gathers the evidence of a run from its journal.
///
/// # Errors
/// The journal does not match the plan, or ends before the run did.
pub(crate) fn evidence(
    folder: &RunFolder,
    existing: &ExistingRun,
    contents: &JournalContents,
) -> Result<Evidence, CommandError> {
    let fleet = replay(folder, existing, contents)?;
    Ok(Evidence::gather(
        report_header(folder.header()),
        existing.compiled.plan(),
        &contents.facts,
        fleet.devices(),
    ))
}

/// Reads the journal of a run, even while another process writes it.
///
/// # Errors
/// It can't be read.
pub(crate) fn journal(folder: &RunFolder) -> Result<JournalContents, CommandError> {
    driver::read_journal(folder.path()).map_err(|error| journal_error(&error))
}

/// Converts the header of a run folder into that of a report.
pub(crate) fn report_header(header: &RunHeader) -> ReportHeader {
    let service = &header.service;
    let service_text = match service.kind {
        ServiceKind::Tenant => format!("tenant {} at {}", service.tenant_id, service.api),
        ServiceKind::Emulator => format!("emulator at {}", service.api),
        ServiceKind::BuiltInEmulator => "built-in emulator".to_owned(),
    };
    ReportHeader {
        run: header.run.clone(),
        svar: header.svar_version.clone(),
        playbook: header.playbook.clone(),
        file: header.playbook_file.clone(),
        digest: header.plan_digest.clone(),
        service: service_text,
        rehearsal: service.kind != ServiceKind::Tenant,
        operator: header.operator.clone(),
        case: header.case.clone(),
        started: header.started,
    }
}

/// Returns the exit code for the state of a run.
pub(crate) fn exit_code(evidence: &Evidence) -> Exit {
    if !evidence.is_finished() {
        Exit::Interrupted
    } else if evidence.is_ok() {
        Exit::Success
    } else {
        Exit::NotAllOk
    }
}
