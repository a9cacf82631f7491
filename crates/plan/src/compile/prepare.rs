//! Preparation of a playbook: evaluation of everything that is the same on all devices.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;

use svar_language::diagnostic::Problem;
use svar_language::playbook::model::{Expect, OnFail, Os, Pass, Period, Save, Step};
use svar_language::playbook::{Condition, Playbook, Templated, defaults};
use svar_language::rules::TEMPLATE_VALUE;
use svar_language::yaml::Document;

use super::evaluator::{Dependencies, Evaluator, PlaybookValue, ValueState};
use super::setting::Settings;
use crate::inputs::Inputs;
use crate::model::{Policy, SessionKind, StepLocation, StepPlan};
use crate::rules;

/// A playbook as the compiler and [`CompiledPlan`](crate::CompiledPlan) use it.
#[derive(Debug)]
pub(crate) struct PreparedPlaybook {
    pub(crate) evaluator: Evaluator,
    pub(crate) inputs: Inputs,
    /// Main steps, then cleanup steps.
    pub(crate) steps: Vec<PreparedStep>,
    /// Index of each step by its name. Names are unique, which a check ensures.
    pub(crate) step_indexes: HashMap<String, usize>,
    /// Number of main steps.
    pub(crate) main_count: usize,
    pub(crate) comment: PlaybookValue,
    pub(crate) policy: Policy,
    /// Operating system of the playbook.
    pub(crate) os: Option<Os>,
    /// Name in the tenant for each name under `library`.
    pub(crate) library: IndexMap<String, String>,
    /// Dependencies of all steps and the comment.
    pub(crate) needs: Dependencies,
}

/// A step with the values that are the same on all devices.
#[derive(Debug)]
pub(crate) struct PreparedStep {
    pub(crate) plan: StepPlan,
    /// Value of the verb: a library name or a path.
    pub(crate) operand: PlaybookValue,
    pub(crate) args: Option<PlaybookValue>,
    pub(crate) pass: Pass,
    pub(crate) when: Option<PlaybookValue>,
    /// Whether it must be the last step of its session.
    pub(crate) ends_session: bool,
    pub(crate) expect: Option<Expect>,
    pub(crate) save: IndexMap<String, Save>,
    /// Dependencies of the command and `when`.
    pub(crate) needs: Dependencies,
    /// Steps whose results its expectations read. The command does not depend on them, but they must be
    /// available when its own result is judged.
    pub(crate) expect_reads: BTreeSet<String>,
}

/// Maximum number of steps: indices have 16 bits, in the plan and in the journal.
const STEPS_MAX: usize = u16::MAX as usize;

/// Evaluates everything that does not differ between devices.
pub(crate) fn prepare(
    document: &Arc<Document>,
    playbook: &Playbook,
    inputs: &Inputs,
    evaluator: Evaluator,
) -> Result<PreparedPlaybook, Vec<Problem>> {
    let mut settings = Settings {
        evaluator: &evaluator,
        problems: Vec::new(),
    };
    let policy = settings.policy(playbook);
    let os = settings.evaluate_optional(playbook.os.as_ref());
    let file = document.source().name();
    let default_name = playbook.name.as_ref().map_or_else(
        || file.rsplit(['/', '\\']).next().unwrap_or(file).to_owned(),
        |name| name.value.clone(),
    );
    let comment = match &playbook.comment {
        None => Ok(PlaybookValue {
            node: document.root(),
            state: ValueState::Known(default_name.into()),
        }),
        Some(comment) => settings.evaluator.read_text(comment.node(), text(comment)),
    };
    let comment = comment.map_err(|problem| settings.problems.push(problem));

    let count = playbook.steps.len() + playbook.cleanup.len();
    if count > STEPS_MAX {
        let message = format!("the playbook has {count} steps, more than {STEPS_MAX}");
        let root = document.root();
        return Err(vec![evaluator.problem(
            &rules::TOO_MANY_STEPS,
            root,
            message,
        )]);
    }
    let mut steps = Vec::new();
    let lists = [
        (&playbook.steps, SessionKind::Main),
        (&playbook.cleanup, SessionKind::Cleanup),
    ];
    for (list, kind) in lists {
        for (index, step) in list.iter().enumerate() {
            match prepare_step(&mut settings, &step.value, index, kind) {
                Ok(step) => steps.push(step),
                Err(problem) => settings.problems.push(problem),
            }
        }
    }
    let problems = settings.problems;
    let comment = match comment {
        Ok(comment) if problems.is_empty() => comment,
        _ => return Err(problems),
    };

    let read: BTreeSet<String> = steps
        .iter()
        .flat_map(|step| step.needs.steps.union(&step.expect_reads).cloned())
        .collect();
    let mut needs = comment.dependencies();
    for step in &mut steps {
        step.plan.judged |= read.contains(&step.plan.name);
        needs.add(&step.needs);
    }
    let library = playbook
        .library
        .iter()
        .map(|(name, file)| (name.clone(), file.library_name().to_owned()))
        .collect();
    Ok(PreparedPlaybook {
        main_count: playbook.steps.len(),
        evaluator,
        inputs: inputs.clone(),
        step_indexes: (steps.iter().enumerate())
            .map(|(place, step)| (step.plan.name.clone(), place))
            .collect(),
        steps,
        comment,
        policy,
        os,
        library,
        needs,
    })
}

fn prepare_step(
    settings: &mut Settings<'_>,
    step: &Step,
    index: usize,
    kind: SessionKind,
) -> Result<PreparedStep, Problem> {
    let evaluator = settings.evaluator;
    let document = &evaluator.document;
    let (list, default_name) = match kind {
        SessionKind::Main => ("steps", "step"),
        SessionKind::Cleanup => ("cleanup", "cleanup"),
    };
    let pointer = format!("/{list}/{index}");
    let node = document
        .find(&pointer)
        .map_or(document.root(), |(_, node)| node);
    let Some((verb, operand)) = step.verb() else {
        return Err(evaluator.problem(&TEMPLATE_VALUE, node, "this step does nothing"));
    };
    let written = text(operand);
    let operand = evaluator.read_text(operand.node(), written)?;
    let args = match &step.args {
        Some(args) => Some(evaluator.read(args.node)?),
        None => None,
    };
    let when = match &step.when {
        None => None,
        Some(Condition::Value(value)) => Some(PlaybookValue {
            node: value.node,
            state: ValueState::Known(value.value.into()),
        }),
        Some(Condition::Expression(text)) => Some(if text.value.contains("${{") {
            evaluator.read_text(text.node, &text.value)?
        } else {
            evaluator.read_expression(text.node, &text.value)?
        }),
    };
    let title = match &step.name {
        Some(name) => settings.evaluate(name),
        None => None,
    };
    let on_fail = settings
        .evaluate_optional(step.on_fail.as_ref())
        .unwrap_or_default();
    let retry = settings.retry(step);
    let gate = settings
        .evaluate_optional(step.gate.as_ref())
        .unwrap_or(defaults::GATE);
    let position = evaluator
        .document
        .source()
        .position(evaluator.document.span(node).start);
    let plan = StepPlan {
        name: match &step.id {
            Some(id) => id.value.clone(),
            None => format!("{default_name}-{}", index + 1),
        },
        title: title.unwrap_or_else(|| format!("{} {written}", verb.as_str())),
        verb,
        kind,
        place: StepLocation {
            file: document.source().name().to_owned(),
            pointer,
            line: position.line,
            column: position.column,
        },
        on_fail,
        retry,
        timeout: settings
            .evaluate_optional(step.timeout.as_ref())
            .map(|Period(timeout)| timeout),
        results: settings
            .evaluate_optional(step.results.as_ref())
            .unwrap_or_default(),
        judged: step.expect.is_some() || !step.save.is_empty(),
    };
    let mut needs = operand.dependencies();
    for field in [&args, &when].into_iter().flatten() {
        needs.add(&field.dependencies());
    }
    Ok(PreparedStep {
        ends_session: gate || on_fail == OnFail::Continue || plan.retry.is_some(),
        plan,
        operand,
        args,
        pass: settings
            .evaluate_optional(step.pass.as_ref())
            .unwrap_or_default(),
        when,
        expect: step.expect.clone(),
        save: step.save.clone(),
        needs,
        expect_reads: document
            .get(node, "expect")
            .map(|expect| evaluator.steps_read(expect))
            .unwrap_or_default(),
    })
}

/// Returns the source text of a value or template.
fn text(written: &Templated<String>) -> &str {
    match written {
        Templated::Value(value) => &value.value,
        Templated::Template(text) => &text.value,
    }
}
