//! Loads a scenario file and checks it like a playbook: schema, values, suppression comments.
//!
//! The emulator checks the values of a scenario and reports problems by JSON pointer. The schema
//! finds the positions of these pointers in the file.

use std::path::Path;
use std::sync::LazyLock;

use schemars::Schema;
use schemars::transform::transform_subschemas;
use serde_json::{Value, json};

use svar_emulator::{Scenario, ScenarioProblem, ScenarioProblemKind};
use svar_language::diagnostic::{Edit, Problem, Rule, Severity, nearest, render, sort_problems};
use svar_language::playbook::{self, DocumentSchema};
use svar_language::rules::{
    CONFLICTING_KEYS, EMPTY_DOCUMENT, EMPTY_LIST, EMPTY_RANGE, MISSING_KEY,
};
use svar_language::source::SourceText;
use svar_language::yaml::{Document, YamlLimits};

use crate::cli::input::discover;
use crate::cli::output::exit::{CommandError, Exit};
use crate::cli::output::terminal::{Terminal, eprint};
use crate::cli::rules;

const SCHEMA_TEXT: &str = include_str!("../../../schema/scenario.json");

static SCHEMA: LazyLock<DocumentSchema> = LazyLock::new(|| DocumentSchema::of(SCHEMA_TEXT));

/// Returns the committed schema of scenarios, as `svar schema scenario` prints it.
pub fn scenario_schema() -> &'static str {
    SCHEMA_TEXT
}

/// Generates the schema from the types. A test compares the committed schema with it.
pub fn generate_scenario_schema() -> String {
    let mut schema = playbook::schema_of::<Scenario>();
    accept_numbers_as_text(&mut schema);
    accept_numbers_as_choices(&mut schema);
    let snippet = json!({
        "label": "scenario",
        "description": "A small fleet with offline devices and a lost response",
        "body": {
            "factor": 60,
            "fleets": [{
                "count": "^${1:20}",
                "name": "pc-{n}.example.org",
                "os": { "${2|Linux,Windows11,macOS|}": 1 },
                "offline": 0.1,
                "back_online": { "min": "10 min", "max": "2 h" },
            }],
            "faults": [{ "call": "start", "kind": "drop_response" }],
        },
    });
    schema.insert("defaultSnippets".to_owned(), json!([snippet]));
    playbook::pretty_schema(&schema)
}

/// Accepts numbers as text, as in playbooks: `version: 22.04` needs no quotes.
fn accept_numbers_as_text(schema: &mut Schema) {
    transform_subschemas(&mut accept_numbers_as_text, schema);
    let is_free = schema.get("enum").is_none() && schema.get("pattern").is_none();
    if is_free && schema.get("type").is_some_and(|kind| kind == "string") {
        schema.insert("type".to_owned(), json!(["string", "number"]));
    }
}

/// Accepts choices that YAML reads as numbers: `profile: 2021` needs no quotes.
fn accept_numbers_as_choices(schema: &mut Schema) {
    transform_subschemas(&mut accept_numbers_as_choices, schema);
    let number = |choice: &Value| choice.as_str()?.parse::<u64>().ok();
    let Some(Value::Array(choices)) = schema.get("enum") else {
        return;
    };
    let numbers: Vec<u64> = choices.iter().filter_map(number).collect();
    if numbers.is_empty() {
        return;
    }
    let with_numbers: Vec<Value> = choices
        .iter()
        .flat_map(|choice| [Some(choice.clone()), number(choice).map(Value::from)])
        .flatten()
        .collect();
    let descriptions = match schema.get("markdownEnumDescriptions") {
        Some(Value::Array(descriptions)) => descriptions.clone(),
        _ => Vec::new(),
    };
    let descriptions: Vec<Value> = (descriptions.into_iter().zip(choices))
        .flat_map(|(word, choice)| vec![word; 1 + usize::from(number(choice).is_some())])
        .collect();
    schema.insert("type".to_owned(), json!(["string", "integer"]));
    schema.insert("enum".to_owned(), with_numbers.into());
    schema.insert("markdownEnumDescriptions".to_owned(), descriptions.into());
}

/// Reads a scenario and prints its findings.
///
/// # Errors
/// The scenario has errors (exit code 2).
pub(crate) fn load(path: &Path, terminal: &Terminal) -> Result<Scenario, CommandError> {
    let (scenario, problems) = match discover::read(path) {
        Ok(source) => read(&source),
        Err(problem) => (None, vec![*problem]),
    };
    if !problems.is_empty() {
        eprint(&render::text(&problems, &terminal.finding_style()));
    }
    scenario.ok_or_else(|| CommandError::printed(Exit::Refused))
}

/// Reads a scenario and returns it with its findings. The scenario is `None` if a finding is an
/// error.
pub(crate) fn read(source: &SourceText) -> (Option<Scenario>, Vec<Problem>) {
    let parsed = Document::read(source, &YamlLimits::default());
    let mut problems = parsed.problems;
    for problem in &mut problems {
        if *problem.rule == EMPTY_DOCUMENT {
            let help =
                "add `devices` or `fleets`; without `--scenario`, svar uses a small demo fleet";
            problem.help = Some(help.to_owned());
        }
    }
    let mut scenario = None;
    if let Some(document) = &parsed.document {
        match SCHEMA.read::<Scenario>(document) {
            Ok(read) => {
                problems.extend(scenario_problems(&read, document));
                scenario = Some(read);
            }
            Err(found) => {
                problems.extend(found);
                // The valid parts can still be checked.
                let valid = serde_json::from_value::<Scenario>(SCHEMA.valid_part(document));
                let more: Vec<Problem> = (valid.iter())
                    .flat_map(|valid| scenario_problems(valid, document))
                    // One finding for each place is enough.
                    .filter(|more| problems.iter().all(|known| known.span() != more.span()))
                    .collect();
                problems.extend(more);
            }
        }
        rules::apply_suppressions(document, &mut problems);
        sort_problems(&mut problems);
    }
    let has_error = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    (scenario.filter(|_| !has_error), problems)
}

fn scenario_problems<'a>(
    scenario: &Scenario,
    document: &'a Document,
) -> impl Iterator<Item = Problem> + use<'a> {
    let finding = |found: ScenarioProblem| {
        let span = SCHEMA.span(document, &found.pointer);
        let mut problem = Problem::new(rule_of(found.kind), document.source(), span, found.message);
        if let Some(related) = found.related {
            problem = problem.also(SCHEMA.span(document, &related.pointer), related.label);
        }
        let written = document.source().slice(span);
        if let Some(near) = nearest(written, found.candidates.iter().map(String::as_str)) {
            problem = problem.label(format!("did you mean `{near}`?")).fix(
                format!("Replace `{written}` with `{near}`"),
                vec![Edit {
                    span,
                    text: near.to_owned(),
                }],
            );
        }
        match found.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    };
    scenario.problems().into_iter().map(finding)
}

/// Returns the rule that a problem of a scenario breaks.
fn rule_of(kind: ScenarioProblemKind) -> &'static Rule {
    match kind {
        ScenarioProblemKind::MissingKey => &MISSING_KEY,
        ScenarioProblemKind::ConflictingKeys => &CONFLICTING_KEYS,
        ScenarioProblemKind::EmptyList => &EMPTY_LIST,
        ScenarioProblemKind::EmptyRange => &EMPTY_RANGE,
        ScenarioProblemKind::DuplicateDevice => &rules::DUPLICATE_DEVICE,
        ScenarioProblemKind::DuplicateName => &rules::DUPLICATE_NAME,
        ScenarioProblemKind::FleetNamePattern => &rules::FLEET_NAME_PATTERN,
        ScenarioProblemKind::ReversedWindow => &rules::REVERSED_WINDOW,
        ScenarioProblemKind::OverlappingWindows => &rules::OVERLAPPING_WINDOWS,
        ScenarioProblemKind::UnknownDevice => &rules::UNKNOWN_DEVICE,
        ScenarioProblemKind::IneffectiveFault => &rules::INEFFECTIVE_FAULT,
        ScenarioProblemKind::UnusedOutcome => &rules::UNUSED_OUTCOME,
        ScenarioProblemKind::IneffectiveSetting => &rules::INEFFECTIVE_SETTING,
        ScenarioProblemKind::UnknownScript => &rules::UNKNOWN_SCRIPT,
        ScenarioProblemKind::ZeroLimit => &rules::ZERO_LIMIT,
        ScenarioProblemKind::UnknownOs => &rules::UNKNOWN_OS,
        ScenarioProblemKind::InvalidDeviceFile => &rules::INVALID_DEVICE_FILE,
        ScenarioProblemKind::InvalidBase64 => &rules::INVALID_BASE64,
    }
}
