//! Origin of forbidden characters in arguments, for messages that name the value to change.

use svar_language::diagnostic::Problem;
use svar_language::expression::{EvaluatedExpression, NameUse, Scope, Template};
use svar_language::yaml::NodeId;

use super::evaluator::{PlaybookValue, ValueState, target_field};
use super::prepare::PreparedPlaybook;
use crate::inputs::InputOrigin;
use crate::model::Target;
use crate::rules;

/// Characters that the service does not allow in script parameters (API notes 3.3).
pub(crate) const FORBIDDEN: [char; 5] = [';', '&', '|', '!', '$'];

/// Returns the problem of the first evaluated value in the arguments with a forbidden character.
///
/// Characters that are written in the playbook are reported by the check, where they can be suppressed;
/// values from outside cannot be suppressed.
pub(crate) fn find(
    prepared: &PreparedPlaybook,
    field: &PlaybookValue,
    target: &Target,
    scope: &Scope,
) -> Option<Problem> {
    match &field.state {
        ValueState::Known(_) => find_in_constant(prepared, field.node),
        ValueState::List(items) => items
            .iter()
            .find_map(|item| find(prepared, item, target, scope)),
        ValueState::Map(entries) => entries
            .iter()
            .find_map(|(_, value)| find(prepared, value, target, scope)),
        ValueState::Template(template, _) => find_in_values(
            prepared,
            field.node,
            template.values(scope),
            |name, character| origin(prepared, name, target, character),
        ),
    }
}

/// Finds the character in a value that is the same on all devices. It has already been evaluated, so its
/// template is parsed again.
fn find_in_constant(prepared: &PreparedPlaybook, node: NodeId) -> Option<Problem> {
    let value = prepared.evaluator.document.node(node);
    if value.is_collection() {
        let items = value.items().iter().copied();
        let mut children = items.chain(value.entries().iter().map(|entry| entry.value));
        return children.find_map(|child| find_in_constant(prepared, child));
    }
    let template = Template::parse(value.as_text()?).ok()?;
    let values = template.values(&prepared.evaluator.base);
    find_in_values(prepared, node, values, |name, character| {
        input_origin(prepared, name, character)
    })
}

/// Returns the problem of the first value with a forbidden character. `origin` names the place that the
/// value comes from, if it is one of the names in the expression.
fn find_in_values(
    prepared: &PreparedPlaybook,
    node: NodeId,
    values: Vec<EvaluatedExpression>,
    origin: impl Fn(&NameUse, char) -> Option<String>,
) -> Option<Problem> {
    let document = &prepared.evaluator.document;
    values.into_iter().find_map(|expression| {
        let character = first_forbidden(&expression.value)?;
        let origin = expression
            .names
            .iter()
            .find_map(|name| origin(name, character))
            .unwrap_or_else(|| "comes from the playbook".to_owned());
        let message = format!(
            "the service does not allow `{character}` in arguments, and the value {origin}"
        );
        let problem = Problem::new(
            &rules::ARGUMENT_CHARACTERS,
            document.source(),
            document.source_span(node, expression.range),
            message,
        );
        Some(problem.label(format!("contains `{character}`")).help(
            "Send the arguments as one safe token with `pass: base64url`, and decode it in the script.",
        ))
    })
}

fn origin(
    prepared: &PreparedPlaybook,
    name: &NameUse,
    target: &Target,
    character: char,
) -> Option<String> {
    match name.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["target", field, ..] => {
            let value = target_field(target, field);
            contains(&value, character)
                .then(|| format!("is `target.{field}` of {}", target.label()))
        }
        ["steps", step, ..] => Some(format!("comes from the result of `{step}`")),
        _ => input_origin(prepared, name, character),
    }
}

/// Returns the origin of the character if it is an input, directly or through vars.
fn input_origin(prepared: &PreparedPlaybook, name: &NameUse, character: char) -> Option<String> {
    match name.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["inputs", input, ..] => {
            let input = prepared.inputs.find(input)?;
            contains(&input.value, character).then(|| {
                format!(
                    "of input `{}` comes from {}",
                    input.name,
                    describe(&input.origin)
                )
            })
        }
        ["vars", var, ..] => {
            let found = vars_origin(prepared, var, character, DEPTH_MAX);
            Some(found.unwrap_or_else(|| format!("comes from `vars.{var}`")))
        }
        ["run", field, ..] => Some(format!("is `run.{field}`")),
        _ => None,
    }
}

/// Maximum length of a chain of vars that is followed.
const DEPTH_MAX: usize = 20;

/// Returns the origin of the character in a var if it is an input.
fn vars_origin(
    prepared: &PreparedPlaybook,
    var: &str,
    character: char,
    depth: usize,
) -> Option<String> {
    let (_, node) = prepared.evaluator.document.find(&format!("/vars/{var}"))?;
    let mut found = None;
    prepared.evaluator.for_each_template(node, &mut |template| {
        for name in template.names() {
            let next = match name.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["vars", next, ..] if depth > 0 => {
                    vars_origin(prepared, next, character, depth - 1)
                }
                ["vars", ..] => None,
                _ => input_origin(prepared, &name, character),
            };
            if found.is_none() {
                found = next;
            }
        }
    });
    found.map(|origin| format!("{origin}, by way of `vars.{var}`"))
}

fn describe(origin: &InputOrigin) -> String {
    match origin {
        InputOrigin::Default => "its default".to_owned(),
        other => other.to_string(),
    }
}

fn first_forbidden(value: &serde_json::Value) -> Option<char> {
    FORBIDDEN
        .into_iter()
        .find(|character| contains(value, *character))
}

fn contains(value: &serde_json::Value, character: char) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains(character),
        serde_json::Value::Array(items) => items.iter().any(|item| contains(item, character)),
        serde_json::Value::Object(entries) => {
            entries.values().any(|value| contains(value, character))
        }
        _ => false,
    }
}
