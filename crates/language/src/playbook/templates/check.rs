//! Every template of a document, held against its place.

use crate::diagnostic::{Edit, Problem};
use crate::expression::{Fault, FaultKind, Template, Type};
use crate::yaml::{Document, Kind, NodeId};

use super::names::Names;
use super::place::{Place, Sight};
use super::rules;

/// Everything that is wrong with the templates of a playbook.
pub fn check(document: &Document) -> Vec<Problem> {
    // Most of the time nothing is wrong, and often there is no template at all.
    let any = document
        .nodes()
        .any(|(id, node)| Template::is_in(&node.text) || super::used::is_condition(document, id));
    if !any {
        return Vec::new();
    }
    let mut check = Check {
        document,
        names: Names::of(document),
        step: 0,
        in_cleanup: false,
        problems: Vec::new(),
    };
    check.cycles();
    check.walk(document.root(), &mut Vec::new());
    check.problems
}

struct Check<'d> {
    document: &'d Document,
    names: Names<'d>,
    /// The place of the present step among all, and whether it is of the cleanup.
    step: usize,
    in_cleanup: bool,
    problems: Vec<Problem>,
}

impl<'d> Check<'d> {
    fn walk(&mut self, node: NodeId, path: &mut Vec<&'d str>) {
        let document = self.document;
        let read = document.node(node);
        match &read.kind {
            Kind::Map(entries) => {
                for entry in entries {
                    let key = &document.node(entry.key).text;
                    if Template::is_in(key) {
                        self.refuse(
                            entry.key,
                            "a key is taken as it stands: no template is evaluated in it",
                        );
                    }
                    path.push(key);
                    self.walk(entry.value, path);
                    path.pop();
                }
            }
            Kind::List(items) => {
                let main = path == &["steps"];
                let cleanup = path == &["cleanup"];
                if cleanup {
                    self.step = self
                        .document
                        .get(self.document.root(), "steps")
                        .map_or(0, |steps| self.document.node(steps).items().len());
                    self.in_cleanup = true;
                } else if main {
                    self.step = 0;
                    self.in_cleanup = false;
                }
                path.push("-");
                for item in items {
                    self.walk(*item, path);
                    self.step += usize::from(main || cleanup);
                }
                path.pop();
            }
            Kind::Text => self.text(node, &read.text, path),
            _ => {}
        }
    }

    fn text(&mut self, node: NodeId, text: &str, path: &[&str]) {
        let braces = Template::is_in(text);
        let place = Place::of(path);
        if !braces && !place.bare {
            return;
        }
        if place.sight == Sight::Nothing {
            // What an id may be made of is a matter of the schema, which says so.
            if path.last() == Some(&"id") {
                return;
            }
            return self.refuse(
                node,
                "this is read before anything is evaluated, so no template is allowed here",
            );
        }
        let template = if braces {
            Template::parse(text)
        } else {
            Template::parse_expression(text)
        };
        let template = match template {
            Ok(template) => template,
            Err(faults) => {
                for fault in faults {
                    let problem = self.problem(node, text, fault);
                    self.problems.push(problem);
                }
                return;
            }
        };
        let visible = match place.sight {
            Sight::Nothing | Sight::Run => &self.names.run,
            Sight::Target => &self.names.target,
            Sight::Steps => &self.names.steps,
        };
        for fault in template.check(visible, place.wanted) {
            let problem = self.explain(node, text, fault, place.sight);
            self.problems.push(problem);
        }
        if place.sight == Sight::Steps {
            self.order(node, &template);
        }
    }

    /// Results can be read of earlier steps only.
    fn order(&mut self, node: NodeId, template: &Template) {
        for used in template.names() {
            if used.path.first().is_none_or(|root| root != "steps") {
                continue;
            }
            let span = self.document.source_span(node, used.range.clone());
            let source = self.document.source();
            let Some(name) = used.path.get(1) else {
                let message = "which step is read must be known before the run";
                self.problems.push(
                    Problem::new(&rules::UNKNOWN_NAME, source, span, message)
                        .help("Name the step: `steps.ID`."),
                );
                continue;
            };
            let Some(step) = self.names.named.get(name.as_str()) else {
                continue;
            };
            let id = self.document.span(step.id);
            let problem = if step.index == self.step {
                let message = format!("`{name}` can't read its own result");
                Problem::new(&rules::LATER_STEP, source, span, message)
                    .help("What must hold of its result is said by `expect`.")
            } else if step.index > self.step {
                let message = format!("`{name}` has not run yet where its result is read");
                Problem::new(&rules::LATER_STEP, source, span, message)
                    .help("Move the step that reads it below the one it reads.")
            } else if self.in_cleanup && step.is_cleanup {
                let message = "cleanup is one session, so no result of its own can be read in it";
                Problem::new(&rules::LATER_STEP, source, span, message)
                    .help("Let one script do both.")
            } else {
                continue;
            };
            self.problems
                .push(problem.also(id, format!("`{name}` is this step")));
        }
    }

    fn cycles(&mut self) {
        for chain in std::mem::take(&mut self.names.cycles) {
            let Some(((node, range), name)) = chain.first() else {
                continue;
            };
            let span = self.document.source_span(*node, range.clone());
            let message = format!("`vars.{name}` is defined by itself");
            let mut problem = Problem::new(
                &rules::TEMPLATE_CYCLE,
                self.document.source(),
                span,
                message,
            )
            .label(format!("`{name}` needs this"));
            for ((node, range), name) in &chain[1..] {
                let span = self.document.source_span(*node, range.clone());
                problem = problem.also(span, format!("and `{name}` needs this"));
            }
            self.problems.push(problem.help("Write one of them out."));
        }
    }

    fn refuse(&mut self, node: NodeId, why: &str) {
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

    /// A fault as a problem, with what this place adds to it.
    fn explain(&self, node: NodeId, text: &str, fault: Fault, sight: Sight) -> Problem {
        let unknown = match &fault.kind {
            FaultKind::UnknownName(path) => path.clone(),
            _ => Vec::new(),
        };
        let mut problem = self.problem(node, text, fault);
        let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
        let Some((name, path)) = unknown.split_last() else {
            return problem;
        };
        let (message, help) = match (path, *name) {
            ([], "target" | "steps") if sight == Sight::Run => (
                Some(format!("`{name}` is not known here: this holds for the whole run")),
                Some("Only `inputs`, `vars` and `run` are known here.".to_owned()),
            ),
            ([], "steps") => (
                Some("results of steps are not known here".to_owned()),
                Some("They can be read in `put`, `run`, `get`, `args`, `when` and `expect` of later steps.".to_owned()),
            ),
            ([], "env" | "secrets" | "github" | "ansible_facts" | "item" | "params") => (
                None,
                Some("What comes from outside is declared under `inputs`; facts of the device are under `target`.".to_owned()),
            ),
            (["vars"], name) if self.names.late.contains(&name) => (
                Some(format!("`vars.{name}` depends on the target, which is not known here")),
                Some("This holds for the whole run: use a value that is the same for all devices.".to_owned()),
            ),
            (["steps"], _) if problem.fix.is_none() => (
                None,
                Some(match self.names.named.is_empty() {
                    true => "No step has an `id`; give one to the step whose result is wanted.".to_owned(),
                    false => {
                        let known = problem.help.take().unwrap_or_default();
                        format!("{known} A step is read by its `id`.")
                    }
                }),
            ),
            (["steps", step], _) => {
                let is_put = matches!(&self.names.steps, Type::Record(root)
                    if matches!(root.fields.get("steps"), Some(Type::Record(steps))
                        if matches!(steps.fields.get(*step), Some(Type::Record(fields)) if fields.fields.is_empty())));
                (
                    None,
                    is_put.then(|| "A `put` has no result: the service reports none.".to_owned()),
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

    /// A fault at its bytes in the file.
    fn problem(&self, node: NodeId, text: &str, fault: Fault) -> Problem {
        let span = self.document.source_span(node, fault.range.clone());
        let rule = match fault.kind {
            FaultKind::Unclosed => &rules::TEMPLATE_UNCLOSED,
            FaultKind::Syntax => &rules::TEMPLATE_SYNTAX,
            FaultKind::Statement => &rules::TEMPLATE_STATEMENT,
            FaultKind::UnknownName(_) => &rules::UNKNOWN_NAME,
            FaultKind::UnknownFilter | FaultKind::UnknownTest => &rules::UNKNOWN_FILTER,
            FaultKind::Call => &rules::TEMPLATE_CALL,
            FaultKind::WrongType => &rules::TEMPLATE_TYPE,
            FaultKind::TooLarge => &rules::TEMPLATE_TOO_LARGE,
            FaultKind::Evaluation => &rules::TEMPLATE_VALUE,
        };
        let mut problem = Problem::new(rule, self.document.source(), span, fault.message);
        if let Some(help) = fault.help {
            problem = problem.help(help);
        }
        // Only where the bytes stand in the file as they stand in the text.
        if let Some(word) = fault.replacement
            && self.document.source().slice(span) == &text[fault.range]
            && !word.contains(['\'', '"'])
        {
            let title = format!("Write `{word}`");
            problem = problem.fix(title, vec![Edit { span, text: word }]);
        }
        problem
    }
}
