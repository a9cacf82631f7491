//! The steps of `plan` and `run` before anything is sent: reads the playbook, its inputs and
//! targets, and reports all problems.

use std::path::Path;

use crate::driver::client::Client;
use crate::driver::{self, TargetError};
use svar_language::diagnostic::{Problem, render};
use svar_language::playbook::{Files, Loaded, PlaybookFolder};
use svar_language::source::SourceText;
use svar_plan::{
    self, CompiledPlan, DeviceSelection, DeviceSelector, Inputs, Limits, LimitsProfile, RunNames,
    Target, TargetsFile,
};

use crate::cli::args::{LimitsChoice, PlaybookArgs};
use crate::cli::input::discover;
use crate::cli::input::inputs;
use crate::cli::input::target;
use crate::cli::output::exit::{CommandError, Exit};
use crate::cli::output::terminal::{Terminal, eprint};
use crate::cli::rules;
use crate::cli::settings::Settings;

/// A playbook with its inputs, ready to be planned once its devices are known.
pub(crate) struct PreparedPlaybook {
    /// The playbook.
    pub(crate) loaded: Loaded,
    /// The files beside it.
    pub(crate) files: PlaybookFolder,
    /// The values of its inputs.
    pub(crate) inputs: Inputs,
    /// Names of the run for templates.
    pub(crate) names: RunNames,
    /// The devices to run on.
    pub(crate) selection: DeviceSelection,
}

/// Reads playbook, inputs and targets.
///
/// # Errors
/// One of them is invalid. The problems have been printed.
pub(crate) fn read(
    args: &PlaybookArgs,
    run: &str,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<PreparedPlaybook, CommandError> {
    let path = args.playbook.as_path();
    let (source, files) = if path.as_os_str() == "-" {
        (discover::read_stdin(), PlaybookFolder::new("."))
    } else {
        (discover::read(path), PlaybookFolder::of(path))
    };
    let source = source.map_err(|problem| print_problems(&[*problem], terminal))?;
    if let Some(problem) = discover::scenario_problem(&source) {
        return Err(print_problems(&[problem], terminal));
    }
    let loaded = load(&source, &files, terminal)?;
    let given = inputs::collect(&args.inputs, args.inputs_file.as_ref(), terminal)?;
    let inputs =
        Inputs::merge(&loaded, &given).map_err(|problems| print_problems(&problems, terminal))?;
    let operator = inputs::operator(args.operator.as_deref(), settings.operator.as_deref());
    let names = RunNames {
        id: run.to_owned(),
        case: args.case.clone().unwrap_or_default(),
        operator,
    };
    let written = DeviceSelection::of(&loaded, &inputs, &names)
        .map_err(|problems| print_problems(&problems, terminal))?;
    let selection = selection(&args.targets, written, &files)?;
    Ok(PreparedPlaybook {
        loaded,
        files,
        inputs,
        names,
        selection,
    })
}

/// Loads a playbook and prints its findings.
///
/// # Errors
/// The playbook has errors.
pub(crate) fn load(
    source: &SourceText,
    files: &dyn Files,
    terminal: &Terminal,
) -> Result<Loaded, CommandError> {
    let loaded = rules::load(source, files);
    if loaded.playbook.is_none() {
        return Err(print_problems(&loaded.problems, terminal));
    }
    if !loaded.problems.is_empty() {
        eprint(&render::text(&loaded.problems, &terminal.finding_style()));
    }
    Ok(loaded)
}

/// Prints problems and returns the error that the command ends with.
pub(crate) fn print_problems(problems: &[Problem], terminal: &Terminal) -> CommandError {
    eprint(&render::text(problems, &terminal.finding_style()));
    CommandError::printed(Exit::Refused)
}

impl PreparedPlaybook {
    /// Returns the targets if all of them are given by id, so that no service is needed. Exclusion
    /// by tag, group or name is not applied; see [`PreparedPlaybook::exclusion_needs_service`].
    pub(crate) fn targets_by_id(&self) -> Option<Vec<Target>> {
        let mut targets: Vec<Target> = Vec::new();
        for selector in &self.selection.include {
            let DeviceSelector::Id(id) = selector else {
                return None;
            };
            let is_out = self.selection.exclude.contains(selector);
            if is_out || targets.iter().any(|target| target.id == *id) {
                continue;
            }
            targets.push(Target {
                id: id.clone(),
                name: None,
                os: None,
                tags: Vec::new(),
                group: None,
                reason: format!("id {id}"),
            });
        }
        let count = targets.len();
        let expected = count > 0
            && self.selection.min.is_none_or(|min| count >= min as usize)
            && self.selection.max.is_none_or(|max| count <= max as usize);
        expected.then_some(targets)
    }

    /// Returns whether only the service can tell which devices are excluded.
    pub(crate) fn exclusion_needs_service(&self) -> bool {
        let is_open = |selector| !matches!(selector, &DeviceSelector::Id(_));
        self.selection.exclude.iter().any(is_open)
    }

    /// Compiles the plan for these targets.
    ///
    /// # Errors
    /// A value is invalid. The problems have been printed.
    pub(crate) fn compile(
        &self,
        targets: Vec<Target>,
        limits: LimitsProfile,
        terminal: &Terminal,
    ) -> Result<CompiledPlan, CommandError> {
        svar_plan::compile(
            &self.loaded,
            &self.files,
            &self.inputs,
            targets,
            &self.names,
            &Limits::of(limits),
        )
        .map_err(|problems| print_problems(&problems, terminal))
    }
}

/// Resolves the selection to devices with the service.
///
/// # Errors
/// The selection matches no device or too many (exit code 2), or the service fails (exit code 3).
pub(crate) async fn resolve(
    client: &Client,
    prepared: &PreparedPlaybook,
    terminal: &Terminal,
) -> Result<Vec<Target>, CommandError> {
    driver::resolve_targets(client, &prepared.selection)
        .await
        .map_err(|error: TargetError| {
            if let Some(problem) = refused_filter(&error, &prepared.loaded) {
                return print_problems(&[problem], terminal);
            }
            let exit = if error.is_service_error() {
                Exit::TenantUnusable
            } else {
                Exit::Refused
            };
            CommandError::new(exit, error.to_string()).help(error.next_step())
        })
}

/// Returns the problem of a filter that the service rejects, at its line; only playbooks have
/// filters.
fn refused_filter(error: &TargetError, loaded: &Loaded) -> Option<Problem> {
    if !matches!(error, TargetError::Filter { .. }) {
        return None;
    }
    let document = loaded.document.as_ref()?;
    let (_, node) = document.find("/targets/filter")?;
    let problem = Problem::new(
        &rules::REJECTED_FILTER,
        document.source(),
        document.span(node),
        error.to_string(),
    );
    Some(problem.help(error.next_step()))
}

/// Returns the limits: from the command line, the profile, or the default.
pub(crate) fn limits(
    argument: Option<LimitsChoice>,
    profile: Option<LimitsProfile>,
) -> LimitsProfile {
    match argument {
        Some(LimitsChoice::Safe) => LimitsProfile::Safe,
        Some(LimitsChoice::Current) => LimitsProfile::Current,
        Some(LimitsChoice::Y2021) => LimitsProfile::Y2021,
        None => profile.unwrap_or_default(),
    }
}

/// Returns the selection: `--target` replaces the playbook's selectors. The playbook's exclusions
/// and its maximum still apply, so that a typing error does not reach more devices than its author
/// allows. Its minimum applies only to its own selectors.
fn selection(
    words: &[String],
    written: DeviceSelection<String>,
    files: &PlaybookFolder,
) -> Result<DeviceSelection, CommandError> {
    let read = |selectors: Vec<DeviceSelector<String>>| {
        (selectors.into_iter())
            .map(|selector| selector.read_file(|path| targets_file(&files.locate(&path))))
            .collect::<Result<Vec<_>, _>>()
    };
    let exclude = read(written.exclude)?;
    if words.is_empty() {
        if written.include.is_empty() {
            return Err(CommandError::refused(
                "no targets: the playbook has none and `--target` is not set",
            )
            .help("add `targets:` to the playbook, or use `--target`"));
        }
        return Ok(DeviceSelection {
            include: read(written.include)?,
            exclude,
            min: written.min,
            max: written.max,
        });
    }
    let include = (words.iter())
        .map(|word| target::parse(word)?.read_file(|path| targets_file(&path)))
        .collect::<Result<Vec<_>, CommandError>>()?;
    Ok(DeviceSelection {
        include,
        exclude,
        min: None,
        max: written.max,
    })
}

/// Reads a targets file.
fn targets_file(path: &Path) -> Result<TargetsFile, CommandError> {
    let source = discover::read(path).map_err(|problem| {
        let failure =
            CommandError::refused(format!("cannot read the targets file: {}", problem.message));
        match problem.help {
            Some(help) => failure.help(help),
            None => failure,
        }
    })?;
    Ok(TargetsFile {
        path: source.name().to_owned(),
        text: source.text().to_owned(),
    })
}
