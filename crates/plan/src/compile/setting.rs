//! One setting of a playbook: its template evaluated, read as its type.

use serde::de::DeserializeOwned;
use serde_json::Value;

use svar_language::diagnostic::Problem;
use svar_language::playbook::Templated;
use svar_language::rules::TEMPLATE_VALUE;
use svar_language::yaml::NodeId;
use svar_wire::text::one_line;

use super::evaluator::Evaluator;

use crate::rules;

/// Characters of a refused value that a message shows.
const VALUE_SHOWN_MAX: usize = 60;

/// Evaluates settings and keeps what is wrong with them.
pub(crate) struct Settings<'v> {
    pub(crate) evaluator: &'v Evaluator,
    pub(crate) problems: Vec<Problem>,
}

impl Settings<'_> {
    /// Returns the value of a setting; `None` where it is wrong, which is then among the problems.
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
        from_json(value).map_err(|why| {
            self.evaluator
                .problem(&rules::INVALID_SETTING, node, why)
                .label(format!(
                    "gives `{}`",
                    one_line(&value.to_string(), VALUE_SHOWN_MAX)
                ))
        })
    }

    /// As [`Settings::evaluate`], for a setting that may be left out.
    pub(crate) fn evaluate_optional<T: Clone + DeserializeOwned>(
        &mut self,
        setting: Option<&Templated<T>>,
    ) -> Option<T> {
        setting.and_then(|setting| self.evaluate(setting))
    }
}

/// Reads a value as a setting's type. A text may stand for a number, as `5` does in a larger text.
pub(crate) fn from_json<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).or_else(|error| {
        let retyped = match value {
            Value::String(text) => serde_json::from_str(text.trim()).ok(),
            Value::Number(number) => Some(Value::String(number.to_string())),
            _ => None,
        };
        retyped
            .and_then(|value: Value| serde_json::from_value(value).ok())
            .ok_or_else(|| error.to_string())
    })
}
