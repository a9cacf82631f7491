//! What `plan` and `run` do alike before anything is sent: read the playbook, its inputs and who is
//! meant, and say everything that is wrong.

use std::path::Path;

use crate::driver::client::Client;
use crate::driver::{self, TargetError};
use svar_language::diagnostic::{Problem, render};
use svar_language::playbook::{Beside, Files, Loaded};
use svar_language::source::SourceText;
use svar_plan::{
    self, CompiledPlan, DeviceSelection, DeviceSelector, Inputs, Limits, LimitsProfile, RunNames,
    Target, TargetsFile,
};

use crate::cli::args::{LimitsChoice, PlaybookArgs};
use crate::cli::input::discover;
use crate::cli::input::inputs;
use crate::cli::input::target;
use crate::cli::output::exit::{Exit, Failure};
use crate::cli::output::terminal::{Terminal, say};
use crate::cli::rules;
use crate::cli::service::settings::Settings;

/// A playbook that can be planned, once its devices are known.
pub(crate) struct Ready {
    /// The playbook.
    pub(crate) loaded: Loaded,
    /// The files beside it.
    pub(crate) files: Beside,
    /// Its inputs.
    pub(crate) inputs: Inputs,
    /// What templates see of the run.
    pub(crate) names: RunNames,
    /// Who is meant.
    pub(crate) selection: DeviceSelection,
}

/// Reads everything that is typed and written.
///
/// # Errors
/// Something is wrong with it: drawn, exit code 2.
pub(crate) fn read(
    args: &PlaybookArgs,
    run: &str,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Ready, Failure> {
    let path = args.playbook.as_path();
    let (source, files) = match path.as_os_str() == "-" {
        true => (discover::read_stdin(), Beside::folder(".")),
        false => (discover::read(path), Beside::playbook(path)),
    };
    let source = source.map_err(|problem| drawn(&[*problem], terminal))?;
    if let Some(problem) = discover::is_a_scenario(&source) {
        return Err(drawn(&[problem], terminal));
    }
    let loaded = load(&source, &files, terminal)?;
    let given = inputs::collect(&args.inputs, args.inputs_file.as_ref(), terminal)?;
    let inputs = Inputs::merge(&loaded, &given).map_err(|problems| drawn(&problems, terminal))?;
    let operator = inputs::operator(args.operator.as_deref(), settings.operator.as_deref());
    let names = RunNames {
        id: run.to_owned(),
        case: args.case.clone().unwrap_or_default(),
        operator,
    };
    let written = DeviceSelection::of(&loaded, &inputs, &names)
        .map_err(|problems| drawn(&problems, terminal))?;
    let selection = selection(&args.targets, written, &files)?;
    Ok(Ready {
        loaded,
        files,
        inputs,
        names,
        selection,
    })
}

/// Loads a playbook, and draws what was found in it.
///
/// # Errors
/// It has errors: exit code 2.
pub(crate) fn load(
    source: &SourceText,
    files: &dyn Files,
    terminal: &Terminal,
) -> Result<Loaded, Failure> {
    let loaded = rules::load(source, files);
    if loaded.playbook.is_none() {
        return Err(drawn(&loaded.problems, terminal));
    }
    if !loaded.problems.is_empty() {
        say(&render::text(&loaded.problems, &terminal.finding_style()));
    }
    Ok(loaded)
}

/// Draws problems; what is left to say is the exit code.
pub(crate) fn drawn(problems: &[Problem], terminal: &Terminal) -> Failure {
    say(&render::text(problems, &terminal.finding_style()));
    Failure::said(Exit::Refused)
}

impl Ready {
    /// The targets, where each is named by its id: nobody needs to be asked. What `exclude` says of
    /// tags, groups and names is not judged here; see [`Ready::exclusion_is_open`].
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
        let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        let expected = count > 0
            && self.selection.min.is_none_or(|min| count >= min)
            && self.selection.max.is_none_or(|max| count <= max);
        expected.then_some(targets)
    }

    /// Whether only the service can say who is excluded.
    pub(crate) fn exclusion_is_open(&self) -> bool {
        let is_open = |selector| !matches!(selector, &DeviceSelector::Id(_));
        self.selection.exclude.iter().any(is_open)
    }

    /// The plan for these targets.
    ///
    /// # Errors
    /// Values that do not do: drawn, exit code 2.
    pub(crate) fn compile(
        &self,
        targets: Vec<Target>,
        limits: LimitsProfile,
        terminal: &Terminal,
    ) -> Result<CompiledPlan, Failure> {
        svar_plan::compile(
            &self.loaded,
            &self.files,
            &self.inputs,
            targets,
            &self.names,
            &Limits::of(limits),
        )
        .map_err(|problems| drawn(&problems, terminal))
    }
}

/// Asks the service who is meant.
///
/// # Errors
/// The selection names nobody or too many (exit code 2), or the service does not say (3).
pub(crate) async fn resolve(
    client: &Client,
    ready: &Ready,
    terminal: &Terminal,
) -> Result<Vec<Target>, Failure> {
    driver::resolve_targets(client, &ready.selection)
        .await
        .map_err(|error: TargetError| {
            if let Some(problem) = refused_filter(&error, &ready.loaded) {
                return drawn(&[problem], terminal);
            }
            let exit = match error.is_the_service() {
                true => Exit::TenantUnusable,
                false => Exit::Refused,
            };
            Failure::new(exit, error.to_string()).help(error.next_step())
        })
}

/// A filter that the service does not take, at its line: only a playbook can have one.
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

/// The limits: what was typed, what the profile says, the stricter of each.
pub(crate) fn limits(typed: Option<LimitsChoice>, profile: Option<LimitsProfile>) -> LimitsProfile {
    match typed {
        Some(LimitsChoice::Safe) => LimitsProfile::Safe,
        Some(LimitsChoice::Current) => LimitsProfile::Current,
        Some(LimitsChoice::Y2021) => LimitsProfile::Y2021,
        None => profile.unwrap_or_default(),
    }
}

/// Who is meant: what was typed replaces the playbook's selectors. Whom the playbook leaves out stays
/// out, and its most stays the most: a slip of the hand must not reach further than its author would
/// let it. Its least is about its own selectors.
fn selection(
    words: &[String],
    written: DeviceSelection<String>,
    files: &Beside,
) -> Result<DeviceSelection, Failure> {
    let read = |selectors: Vec<DeviceSelector<String>>| {
        (selectors.into_iter())
            .map(|selector| selector.read_file(|path| targets_file(&files.locate(&path))))
            .collect::<Result<Vec<_>, _>>()
    };
    let exclude = read(written.exclude)?;
    if words.is_empty() {
        if written.include.is_empty() {
            return Err(Failure::refused("the playbook names no targets")
                .help("write `targets:` into it, or give --target"));
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
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(DeviceSelection {
        include,
        exclude,
        min: None,
        max: written.max,
    })
}

/// Reads a file of ids and names.
fn targets_file(path: &Path) -> Result<TargetsFile, Failure> {
    let source = discover::read(path).map_err(|problem| {
        let failure = Failure::refused(format!(
            "the targets file {}: {}",
            path.display(),
            problem.message
        ));
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
