//! Commands and requests of steps on one device.

use serde_json::Value;

use svar_language::diagnostic::Problem;
use svar_language::expression::{Scope, to_text};
use svar_language::playbook::model::{Pass, Verb};
use svar_wire::{Command, LibraryName, LiveResponseRequest};

use super::argument_characters::{self, FORBIDDEN};
use super::evaluator::PlaybookValue;
use super::prepare::{PreparedPlaybook, PreparedStep};
use crate::model::Target;
use crate::quote::{Argument, Shell, base64url, write_arguments};
use crate::rules;
use crate::tag::TAG_LENGTH;

/// Maximum length of the comment in characters, tag included (API notes 3.3: under 1,000).
const COMMENT_MAX: usize = 1_000;

/// Maximum length of the arguments in characters (API notes 3.3, an emulator's choice).
const ARGS_MAX: usize = 30_000;

impl PreparedPlaybook {
    /// Returns the command of a step. The scope must have all names that the step uses.
    pub(crate) fn command(
        &self,
        step: &PreparedStep,
        target: &Target,
        scope: &Scope,
    ) -> Result<Command, Problem> {
        let what = self.evaluator.text(&step.operand, scope)?;
        match step.plan.verb {
            Verb::Put => Ok(Command::put_file(self.library_name(step, &what)?)),
            Verb::Run => {
                let script = self.library_name(step, &what)?;
                let args = self.arguments(step, &script, target, scope)?;
                Ok(Command::run_script(script, args))
            }
            Verb::Get => {
                if what.trim().is_empty() || what.contains(['\0', '\n', '\r']) {
                    return Err(self
                        .evaluator
                        .problem(
                            &rules::INVALID_PATH,
                            step.operand.node,
                            "this is not a path",
                        )
                        .label(format!("gives {what:?}")));
                }
                Ok(Command::get_file(what))
            }
        }
    }

    /// Returns the name in the tenant's library: that of the entry under `library`, else the name itself.
    fn library_name(&self, step: &PreparedStep, written: &str) -> Result<String, Problem> {
        let name = self.library.get(written).map_or(written, String::as_str);
        match LibraryName::parse(name) {
            Ok(name) => Ok(name.as_str().to_owned()),
            Err(error) => Err(self
                .evaluator
                .problem(
                    &rules::INVALID_FILE_NAME,
                    step.operand.node,
                    error.to_string(),
                )
                .help("Name an entry under `library`, or a file in the tenant's library.")),
        }
    }

    fn arguments(
        &self,
        step: &PreparedStep,
        script: &str,
        target: &Target,
        scope: &Scope,
    ) -> Result<Option<String>, Problem> {
        let Some(field) = &step.args else {
            return Ok(None);
        };
        let value = self.evaluator.evaluate(field, scope)?;
        let argument = argument(&value);
        if step.pass == Pass::Base64url {
            return Ok(match argument {
                Argument::Null => None,
                argument => Some(base64url(&argument)),
            });
        }
        let shell = Shell::of(script, target.family());
        let args = write_arguments(shell, &argument).map_err(|error| {
            self.evaluator
                .problem(&rules::INVALID_ARGUMENTS, field.node, error.to_string())
                .help("`pass: base64url` takes any structure as one token.")
        })?;
        if args.contains(FORBIDDEN)
            && let Some(problem) = argument_characters::find(self, field, target, scope)
        {
            return Err(problem);
        }
        let length = args.chars().count();
        if length > ARGS_MAX {
            let message = format!("the arguments have {length} characters, more than {ARGS_MAX}");
            return Err(self
                .evaluator
                .problem(&rules::INVALID_ARGUMENTS, field.node, message)
                .help("Put the data into a file and `put` it on the device."));
        }
        Ok(Some(args))
    }

    /// Evaluates a `when`.
    pub(crate) fn condition(&self, when: &PlaybookValue, scope: &Scope) -> Result<bool, Problem> {
        match self.evaluator.evaluate(when, scope)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(self
                .evaluator
                .problem(
                    &rules::INVALID_SETTING,
                    when.node,
                    "`when` must be true or false",
                )
                .label(format!("gives `{other}`"))),
        }
    }

    /// Returns the request body for some commands.
    pub(crate) fn request(
        &self,
        commands: Vec<Command>,
        scope: &Scope,
    ) -> Result<LiveResponseRequest, Problem> {
        let text = self.evaluator.text(&self.comment, scope)?;
        let comment: String = text
            .trim()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let length = comment.chars().count();
        if length > COMMENT_MAX - TAG_LENGTH {
            let most = COMMENT_MAX - TAG_LENGTH;
            let message = format!("the comment has {length} characters, more than {most}");
            return Err(self.evaluator.problem(
                &rules::COMMENT_TOO_LONG,
                self.comment.node,
                message,
            ));
        }
        Ok(LiveResponseRequest { commands, comment })
    }
}

fn argument(value: &Value) -> Argument {
    match value {
        Value::Null => Argument::Null,
        Value::Bool(value) => Argument::Bool(*value),
        Value::Number(_) => Argument::Number(number_text(value)),
        Value::String(text) => Argument::Text(text.clone()),
        Value::Array(items) => Argument::List(items.iter().map(argument).collect()),
        Value::Object(entries) => Argument::Map(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), argument(value)))
                .collect(),
        ),
    }
}

fn number_text(number: &Value) -> String {
    to_text(number).unwrap_or_else(|why| panic!("internal error: a number without a text: {why}"))
}
