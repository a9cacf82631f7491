//! Evaluation of settings of a playbook to their types.

use serde::de::DeserializeOwned;
use serde_json::Value;

use svar_language::diagnostic::Problem;
use svar_language::playbook::Templated;
use svar_language::rules::TEMPLATE_VALUE;
use svar_language::yaml::NodeId;
use svar_wire::text::one_line;

use super::evaluator::Evaluator;

use crate::rules;

/// Maximum number of characters of an invalid value that a message shows.
const VALUE_SHOWN_MAX: usize = 60;

/// Evaluator of settings that collects their problems.
pub(crate) struct Settings<'v> {
    pub(crate) evaluator: &'v Evaluator,
    pub(crate) problems: Vec<Problem>,
}

impl Settings<'_> {
    /// Evaluates a setting. If it is invalid, adds a problem and returns `None`.
    pub(crate) fn evaluate<T: Clone + DeserializeOwned>(
        &mut self,
        setting: &Templated<T>,
    ) -> Option<T> {
        let text = match setting {
            Templated::Value(value) => return Some(value.value.clone()),
            Templated::Template(text) => text,
        };
        match self.evaluate_template(text.node, &text.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn evaluate_template<T: DeserializeOwned>(
        &self,
        node: NodeId,
        text: &str,
    ) -> Result<T, Problem> {
        let field = self.evaluator.read_text(node, text)?;
        let Some(value) = field.known() else {
            return Err(self.evaluator.problem(
                &TEMPLATE_VALUE,
                node,
                "must not depend on the target: this setting applies to the whole run",
            ));
        };
        from_json(value).map_err(|error| {
            self.evaluator
                .problem(&rules::INVALID_SETTING, node, error.to_string())
                .label(format!(
                    "gives `{}`",
                    one_line(&value.to_string(), VALUE_SHOWN_MAX)
                ))
        })
    }

    /// Evaluates an optional setting like [`Settings::evaluate`].
    pub(crate) fn evaluate_optional<T: Clone + DeserializeOwned>(
        &mut self,
        setting: Option<&Templated<T>>,
    ) -> Option<T> {
        setting.and_then(|setting| self.evaluate(setting))
    }
}

/// Deserializes the value of a template as the type of its setting. Text is accepted for a number, and a
/// number for text.
pub(crate) fn from_json<T: DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(value.clone()).or_else(|error| {
        let retyped = match value {
            Value::String(text) => serde_json::from_str(text.trim()).ok(),
            Value::Number(number) => Some(Value::String(number.to_string())),
            _ => None,
        };
        retyped
            .and_then(|value: Value| serde_json::from_value(value).ok())
            .ok_or(error)
    })
}
