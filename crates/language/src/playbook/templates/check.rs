//! Check of all templates of a document.

use crate::diagnostic::{Edit, Problem};
use crate::expression::{ExpressionError, ExpressionErrorKind, Template, Type};
use crate::playbook::model::StepSection;
use crate::yaml::{Document, NodeId, NodeKind};

use super::context::{TemplateContext, TemplateScope, TemplateSyntax};
use super::names::VisibleNames;
use super::rules;

/// Returns all problems of the templates of a playbook.
pub fn check(document: &Document) -> Vec<Problem> {
    // Many playbooks have no template at all.
    let any = document.nodes().any(|(id, node)| {
        Template::is_in(&node.text) || super::used_names::is_condition(document, id)
    });
    if !any {
        return Vec::new();
    }
    let mut checker = TemplateChecker {
        document,
        names: VisibleNames::of(document),
        step: 0,
        section: StepSection::Steps,
        problems: Vec::new(),
    };
    checker.report_cycles();
    checker.walk(document.root(), &mut Vec::new());
    checker.problems
}

struct TemplateChecker<'d> {
    document: &'d Document,
    names: VisibleNames<'d>,
    /// Index of the current step among all steps, cleanup steps last.
    step: usize,
    /// List of the current step.
    section: StepSection,
    problems: Vec<Problem>,
}

impl<'d> TemplateChecker<'d> {
    fn walk(&mut self, node: NodeId, path: &mut Vec<&'d str>) {
        let document = self.document;
        let read = document.node(node);
        match &read.kind {
            NodeKind::Map(entries) => {
                for entry in entries {
                    let key = &document.node(entry.key).text;
                    if Template::is_in(key) {
                        self.report_not_allowed(entry.key, "templates are not evaluated in keys");
                    }
                    path.push(key);
                    self.walk(entry.value, path);
                    path.pop();
                }
            }
            NodeKind::List(items) => {
                let main = path == &["steps"];
                let cleanup = path == &["cleanup"];
                if cleanup {
                    self.step = self
                        .document
                        .get(self.document.root(), "steps")
                        .map_or(0, |steps| self.document.node(steps).items().len());
                    self.section = StepSection::Cleanup;
                } else if main {
                    self.step = 0;
                    self.section = StepSection::Steps;
                }
                path.push("-");
                for item in items {
                    self.walk(*item, path);
                    self.step += usize::from(main || cleanup);
                }
                path.pop();
            }
            NodeKind::Text => self.check_text(node, &read.text, path),
            _ => {}
        }
    }

    fn check_text(&mut self, node: NodeId, text: &str, path: &[&str]) {
        let braces = Template::is_in(text);
        let context = TemplateContext::at(path).unwrap_or(TemplateContext::UNKNOWN_KEY);
        if !braces && context.syntax == TemplateSyntax::Delimited {
            return;
        }
        if context.scope == TemplateScope::None {
            // The schema reports invalid characters in an id.
            if path.last() == Some(&"id") {
                return;
            }
            return self.report_not_allowed(
                node,
                "templates are not allowed here: this value is read before anything is evaluated",
            );
        }
        let template = if braces {
            Template::parse(text)
        } else {
            Template::parse_expression(text)
        };
        let template = match template {
            Ok(template) => template,
            Err(errors) => {
                for error in errors {
                    let problem = self.problem(node, text, error);
                    self.problems.push(problem);
                }
                return;
            }
        };
        let visible = match context.scope {
            TemplateScope::None | TemplateScope::Run => &self.names.run,
            TemplateScope::Target => &self.names.target,
            TemplateScope::Steps => &self.names.steps,
        };
        for error in template.check(visible, context.expected) {
            let problem = self.explain(node, text, error, context.scope);
            self.problems.push(problem);
        }
        if context.scope == TemplateScope::Steps {
            self.check_order(node, &template);
        }
    }

    /// Checks that only results of earlier steps are read.
    fn check_order(&mut self, node: NodeId, template: &Template) {
        for used in template.names() {
            if used.path.first().is_none_or(|root| root != "steps") {
                continue;
            }
            let span = self.document.source_span(node, used.range.clone());
            let source = self.document.source();
            let Some(name) = used.path.get(1) else {
                let message = "the step must be known before the run";
                self.problems.push(
                    Problem::new(&rules::UNKNOWN_NAME, source, span, message)
                        .help("Name the step: `steps.ID`."),
                );
                continue;
            };
            let Some(step) = self.names.steps_by_id.get(name.as_str()) else {
                continue;
            };
            let id = self.document.span(step.id);
            let problem = if step.index == self.step {
                let message = format!("`{name}` cannot read its own result");
                Problem::new(&rules::LATER_STEP, source, span, message)
                    .help("Use `expect` to check its result.")
            } else if step.index > self.step {
                let message = format!("`{name}` has not run yet when its result is read");
                Problem::new(&rules::LATER_STEP, source, span, message)
                    .help("Move the step that reads it below the one it reads.")
            } else if self.section == StepSection::Cleanup && step.section == StepSection::Cleanup {
                let message = "cleanup is one session, so a cleanup step cannot read the result of another one";
                Problem::new(&rules::LATER_STEP, source, span, message)
                    .help("Let one script do both.")
            } else {
                continue;
            };
            self.problems
                .push(problem.also(id, format!("step `{name}`")));
        }
    }

    fn report_cycles(&mut self) {
        for chain in std::mem::take(&mut self.names.cycles) {
            let Some(((node, range), name)) = chain.first() else {
                continue;
            };
            let span = self.document.source_span(*node, range.clone());
            let message = format!("`vars.{name}` depends on itself");
            let mut problem = Problem::new(
                &rules::TEMPLATE_CYCLE,
                self.document.source(),
                span,
                message,
            )
            .label(format!("`{name}` uses this"));
            for ((node, range), name) in &chain[1..] {
                let span = self.document.source_span(*node, range.clone());
                problem = problem.also(span, format!("and `{name}` uses this"));
            }
            self.problems
                .push(problem.help("Replace one of them with a value."));
        }
    }

    fn report_not_allowed(&mut self, node: NodeId, why: &str) {
        let text = &self.document.node(node).text;
        let range = text.find("${{").map_or(0..0, |start| {
            let end = text[start..]
                .find("}}")
                .map_or(text.len(), |end| start + end + 2);
            start..end
        });
        let span = self.document.source_span(node, range);
        self.problems.push(Problem::new(
            &rules::TEMPLATE_NOT_ALLOWED,
            self.document.source(),
            span,
            why,
        ));
    }

    /// Converts an error to a problem, with help for unknown names.
    fn explain(
        &self,
        node: NodeId,
        text: &str,
        error: ExpressionError,
        scope: TemplateScope,
    ) -> Problem {
        let unknown = match &error.kind {
            ExpressionErrorKind::UnknownName(path) => path.clone(),
            _ => Vec::new(),
        };
        let mut problem = self.problem(node, text, error);
        let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
        let Some((name, path)) = unknown.split_last() else {
            return problem;
        };
        let (message, help) = match (path, *name) {
            ([], "target" | "steps") if scope == TemplateScope::Run => (
                Some(format!("`{name}` is not available here: this setting applies to the whole run")),
                Some("Only `inputs`, `vars` and `run` are available here.".to_owned()),
            ),
            ([], "steps") => (
                Some("results of steps are not available here".to_owned()),
                Some("They are available in `put`, `run`, `get`, `args`, `when` and `expect` of later steps.".to_owned()),
            ),
            ([], "env" | "secrets" | "github" | "ansible_facts" | "item" | "params") => (
                None,
                Some("Declare values from outside under `inputs`; properties of the device are under `target`.".to_owned()),
            ),
            (["vars"], name) if self.names.target_vars.contains(&name) => (
                Some(format!("`vars.{name}` depends on the target, which is not available here")),
                Some("This setting applies to the whole run: use a value that is the same for all devices.".to_owned()),
            ),
            (["steps"], _) if problem.fix.is_none() => (
                None,
                Some(if self.names.steps_by_id.is_empty() { "No step has an `id`; add one to the step whose result is needed.".to_owned() } else {
                        let known = problem.help.take().unwrap_or_default();
                        format!("{known} Steps are named by their `id`.")
                }),
            ),
            (["steps", step], _) => {
                let is_put = matches!(&self.names.steps, Type::Record(root)
                    if matches!(root.fields.get("steps"), Some(Type::Record(steps))
                        if matches!(steps.fields.get(*step), Some(Type::Record(fields)) if fields.fields.is_empty())));
                (
                    None,
                    is_put.then(|| "`put` has no result: the service reports none.".to_owned()),
                )
            }
            _ => (None, None),
        };
        if let Some(message) = message {
            problem.message = message;
        }
        if help.is_some() {
            problem.help = help;
            problem.fix = None;
        }
        problem
    }

    /// Converts an error to a problem at its bytes in the file.
    fn problem(&self, node: NodeId, text: &str, error: ExpressionError) -> Problem {
        let span = self.document.source_span(node, error.range.clone());
        let rule = match error.kind {
            ExpressionErrorKind::Unclosed => &rules::TEMPLATE_UNCLOSED,
            ExpressionErrorKind::Syntax => &rules::TEMPLATE_SYNTAX,
            ExpressionErrorKind::Statement => &rules::TEMPLATE_STATEMENT,
            ExpressionErrorKind::UnknownName(_) => &rules::UNKNOWN_NAME,
            ExpressionErrorKind::UnknownFilter | ExpressionErrorKind::UnknownTest => {
                &rules::UNKNOWN_FILTER
            }
            ExpressionErrorKind::Call => &rules::TEMPLATE_CALL,
            ExpressionErrorKind::WrongType => &rules::TEMPLATE_TYPE,
            ExpressionErrorKind::TooLarge => &rules::TEMPLATE_TOO_LARGE,
            ExpressionErrorKind::Evaluation => &rules::TEMPLATE_VALUE,
        };
        let mut problem = Problem::new(rule, self.document.source(), span, error.message);
        if let Some(help) = error.help {
            problem = problem.help(help);
        }
        // Only if the file has the same bytes as the decoded text.
        if let Some(word) = error.replacement
            && self.document.source().slice(span) == &text[error.range]
            && !word.contains(['\'', '"'])
        {
            let title = format!("Write `{word}`");
            problem = problem.fix(title, vec![Edit { span, text: word }]);
        }
        problem
    }
}
