//! Runs that have begun: finding their folders, and reading what they hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::driver::{
    self, FolderError, JournalContents, JournalError, LibraryItem, RunFolder, RunHeader, Runs,
    ServiceKind,
};
use crate::report::{self, Evidence, Header, Sheet};
use svar_engine::Fleet;
use svar_language::playbook::{Files, Found};
use svar_language::source::SourceText;
use svar_plan::{CompiledPlan, GivenInputs, Inputs, Limits, RunNames};

use crate::cli::input::prepare;
use crate::cli::output::exit::{Exit, Failure};
use crate::cli::output::summary;
use crate::cli::output::terminal::Terminal;
use crate::cli::rules;
use crate::cli::service::settings::Settings;

/// The scenario of a run on the emulator inside its process.
pub(crate) const SCENARIO_FILE: &str = "scenario.json";

/// The folder of all runs unless said.
const ROOT: &str = "svar-runs";

/// The folder of all runs.
pub(crate) fn root(typed: Option<&Path>, settings: &Settings) -> PathBuf {
    typed
        .or(settings.runs.as_deref())
        .unwrap_or(Path::new(ROOT))
        .to_owned()
}

/// The run that is meant: by id, by the beginning of it, by folder; or the newest one.
///
/// # Errors
/// There is no such run.
pub(crate) fn find(root: &Path, run: Option<&str>) -> Result<RunFolder, Failure> {
    let runs = Runs::at(root);
    match run {
        Some(text) => runs.find(text).map_err(|error| failure(&error)),
        None => {
            let list = runs.list().map_err(|error| failure(&error))?;
            list.into_iter().next().ok_or_else(|| none(root))
        }
    }
}

/// The run that is meant, by default the newest one that is not over.
///
/// # Errors
/// There is no such run.
pub(crate) fn find_unfinished(root: &Path, run: Option<&str>) -> Result<RunFolder, Failure> {
    if run.is_some() {
        return find(root, run);
    }
    let newest = Runs::at(root).newest_unfinished();
    newest.map_err(|error| failure(&error))?.ok_or_else(|| {
        Failure::refused(format!(
            "there is no unfinished run under {}",
            root.display()
        ))
        .help("`svar runs` lists them; --runs names another folder")
    })
}

/// Writes what a run that is over came to.
///
/// # Errors
/// The disk refuses.
pub(crate) fn finish(folder: &RunFolder, evidence: &Evidence) -> Result<(), Failure> {
    let summary = report::summary(evidence);
    folder
        .finish(&summary, &report::text(evidence, Sheet::FILE))
        .map_err(|error| {
            let run = summary::name_of(folder);
            Failure::new(Exit::Interrupted, error.to_string()).help(format!(
                "every device has ended, and only the summary is missing: when the cause is gone, \
                 `svar resume {run}` writes it"
            ))
        })
}

/// There are no runs, or none that can be read.
pub(crate) fn none(root: &Path) -> Failure {
    if let Some(error) = Runs::at(root).unreadable().first() {
        return failure(error);
    }
    Failure::refused(format!("there is no run under {}", root.display()))
        .help("make one with `svar run PLAYBOOK`, or name another folder with --runs")
}

/// A folder that can't be used, in words.
pub(crate) fn failure(error: &FolderError) -> Failure {
    let failure = Failure::refused(error.to_string());
    match error {
        FolderError::Disk { .. } => failure.help("check the disk and the folder's permissions"),
        FolderError::Malformed { .. } => failure.help("restore the folder from a copy"),
        FolderError::Newer { .. } => failure,
        FolderError::NeverBegan { .. } => failure.help("delete the folder"),
        FolderError::NotFound(_) => failure.help("`svar runs` lists them"),
        FolderError::Journal(error) => journal_failure(error),
    }
}

/// A journal that can't be used, in words.
pub(crate) fn journal_failure(error: &JournalError) -> Failure {
    let failure = Failure::refused(error.to_string());
    match error {
        JournalError::Held { .. } | JournalError::Newer { .. } => failure,
        JournalError::Damaged { .. } | JournalError::Short { .. } => {
            failure.help("restore the run folder from a copy; nothing was sent")
        }
        JournalError::Gone { .. } | JournalError::Disk { .. } => {
            failure.help("check the disk and the folder's permissions")
        }
    }
}

/// What a run began with, read back.
pub(crate) struct Past {
    /// The playbook's text, under the name it had.
    pub(crate) source: SourceText,
    /// Its plan, the same as then.
    pub(crate) compiled: CompiledPlan,
}

/// What a run's playbook is compiled again for.
pub(crate) enum Purpose {
    /// To go on with the run, with these values of its secret inputs.
    GoOn(Vec<(String, String)>),
    /// To look at it: secret inputs are not needed.
    Look,
}

/// Compiles a run's playbook again, from what its folder keeps.
///
/// # Errors
/// The folder is not as it was, or a secret input is missing.
pub(crate) fn recompile(
    folder: &RunFolder,
    purpose: Purpose,
    terminal: &Terminal,
) -> Result<Past, Failure> {
    let (arguments, only_looking) = match purpose {
        Purpose::GoOn(arguments) => (arguments, false),
        Purpose::Look => (Vec::new(), true),
    };
    let header = folder.header();
    let unread = |error: FolderError| failure(&error);
    folder.confirm().map_err(unread)?;
    let text = String::from_utf8_lossy(&folder.playbook().map_err(unread)?).into_owned();
    let source = SourceText::new(&header.file, text);
    let kept = Kept(folder.library().map_err(unread)?);
    let loaded = rules::load(&source, &kept);
    if loaded.playbook.is_none() {
        return Err(prepare::drawn(&loaded.problems, terminal));
    }
    let inputs_file = folder.path().join("inputs.json");
    let given = GivenInputs {
        arguments,
        files: vec![SourceText::new(
            inputs_file.display().to_string(),
            folder.inputs().map_err(unread)?,
        )],
        environment: crate::cli::input::inputs::environment()?,
        only_looking,
    };
    let wrong = |problems: Vec<_>| prepare::drawn(&problems, terminal);
    let inputs = Inputs::merge(&loaded, &given).map_err(wrong)?;
    let names = RunNames {
        id: header.run.to_string(),
        case: header.case.clone(),
        operator: header.operator.clone(),
    };
    let targets = folder.targets().map_err(unread)?;
    let limits = Limits::of(header.limits);
    let compiled =
        svar_plan::compile(&loaded, &kept, &inputs, targets, &names, &limits).map_err(wrong)?;
    let secret: Vec<String> = (inputs.iter())
        .filter(|input| input.secret)
        .map(|input| format!("`{}`", input.name))
        .collect();
    // Who only looks has not handed the secrets in, and the digest knows them.
    let is_known_whole = !only_looking || secret.is_empty();
    if is_known_whole && compiled.plan().digest != header.plan {
        let help = match secret.is_empty() {
            true => {
                "restore the folder from a copy, or use the version that began the run".to_owned()
            }
            false => format!(
                "give {} the value that the run began with",
                secret.join(", ")
            ),
        };
        return Err(Failure::refused(format!(
            "{} does not give the plan that the run began with",
            folder.path().display()
        ))
        .help(help));
    }
    Ok(Past { source, compiled })
}

/// The library files that a run folder keeps. They lie there by their names in the library, and the
/// playbook calls them by their paths, whose last parts those are.
struct Kept(Vec<LibraryItem>);

impl Kept {
    fn item(&self, path: &str) -> Option<&LibraryItem> {
        let name = path.rsplit(['/', '\\']).next()?;
        self.0.iter().find(|item| item.name.as_str() == name)
    }
}

impl Files for Kept {
    fn look(&self, path: &str) -> Found {
        // Other files beside the playbook, a list of targets for one, have done their work.
        let size = self.item(path).map_or(0, |item| item.bytes.len() as u64);
        Found::File { size }
    }

    fn sha256(&self, path: &str) -> std::io::Result<String> {
        match self.item(path) {
            Some(item) => Ok(item.sha256.clone()),
            None => Err(std::io::Error::other("the run folder does not keep it")),
        }
    }
}

/// The run as its journal has it.
///
/// # Errors
/// The journal does not fit the plan, or ends sooner than the run.
pub(crate) fn replay(
    folder: &RunFolder,
    past: &Past,
    reading: &JournalContents,
) -> Result<Fleet, Failure> {
    let header = folder.header();
    let fleet = Fleet::replay(
        &header.run,
        Arc::clone(past.compiled.plan()),
        header.started,
        &reading.facts,
    )
    .map_err(|error| {
        Failure::refused(format!("the journal does not fit the plan: {error}"))
            .help("restore the run folder from a copy")
    })?;
    if folder.is_finished() && fleet.devices().any(|device| device.end.is_none()) {
        return Err(journal_failure(&folder.short_journal()));
    }
    Ok(fleet)
}

/// What a run's journal shows of it.
///
/// # Errors
/// The journal does not fit the plan.
pub(crate) fn evidence(
    folder: &RunFolder,
    past: &Past,
    reading: &JournalContents,
) -> Result<Evidence, Failure> {
    let fleet = replay(folder, past, reading)?;
    Ok(Evidence::gather(
        header_of(folder.header()),
        past.compiled.plan(),
        &reading.facts,
        fleet.devices(),
    ))
}

/// The journal of a run, whoever writes it at the moment.
///
/// # Errors
/// It can't be read.
pub(crate) fn journal(folder: &RunFolder) -> Result<JournalContents, Failure> {
    driver::read_journal(folder.path()).map_err(|error| journal_failure(&error))
}

/// A header as reports have it.
pub(crate) fn header_of(header: &RunHeader) -> Header {
    let service = &header.service;
    let words = match service.kind {
        ServiceKind::Tenant => format!("tenant {} at {}", service.tenant, service.api),
        ServiceKind::Emulator => format!("emulator at {}", service.api),
        ServiceKind::BuiltInEmulator => "built-in emulator".to_owned(),
    };
    Header {
        run: header.run.clone(),
        svar: header.svar.clone(),
        playbook: header.playbook.clone(),
        file: header.file.clone(),
        digest: header.plan.clone(),
        service: words,
        rehearsal: service.kind != ServiceKind::Tenant,
        operator: header.operator.clone(),
        case: header.case.clone(),
        started: header.started,
    }
}

/// The exit code of a run that is over, and of one that is not.
pub(crate) fn exit_of(evidence: &Evidence) -> Exit {
    match (evidence.finished, evidence.is_ok()) {
        (false, _) => Exit::Interrupted,
        (true, true) => Exit::Done,
        (true, false) => Exit::NotAllOk,
    }
}
