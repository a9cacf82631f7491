//! Evaluation of the values of a playbook with `inputs`, `vars`, `run`, `target` and `steps`.
//!
//! Most values are the same on all devices and are evaluated once. The [`Dependencies`] of the others show
//! what they need for each device.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use svar_language::diagnostic::{Problem, Rule};
use svar_language::expression::{ExpressionError, Scope, Template, to_text};
use svar_language::playbook::Playbook;
use svar_language::rules::{TEMPLATE_CYCLE, TEMPLATE_VALUE};
use svar_language::yaml::{Document, NodeId, NodeKind};

use crate::inputs::{Inputs, for_each_text};
use crate::model::Target;
use crate::result::RunNames;
use crate::secrets::Secrets;

/// Fields of `target` that templates can read.
pub(crate) const TARGET_FIELDS: [&str; 6] = ["id", "name", "os", "family", "tags", "group"];

/// Dependencies of a value on the target and on results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dependencies {
    /// Fields of `target`.
    pub(crate) target: BTreeSet<&'static str>,
    /// Names of steps whose results are read.
    pub(crate) steps: BTreeSet<String>,
}

impl Dependencies {
    pub(crate) fn is_empty(&self) -> bool {
        self.target.is_empty() && self.steps.is_empty()
    }

    pub(crate) fn add(&mut self, other: &Dependencies) {
        self.target.extend(&other.target);
        self.steps.extend(other.steps.iter().cloned());
    }
}

/// A value in a playbook, evaluated if it is the same on all devices.
#[derive(Debug, Clone)]
pub(crate) struct PlaybookValue {
    /// Location in the playbook.
    pub(crate) node: NodeId,
    pub(crate) state: ValueState,
}

/// State of a [`PlaybookValue`].
#[derive(Debug, Clone)]
pub(crate) enum ValueState {
    /// Evaluated.
    Known(Value),
    /// Template that must be evaluated for each device.
    Template(Template, Dependencies),
    /// List with such a template in it.
    List(Vec<PlaybookValue>),
    /// Map with such a template in it.
    Map(Vec<(String, PlaybookValue)>),
}

impl PlaybookValue {
    /// Returns its dependencies.
    pub(crate) fn dependencies(&self) -> Dependencies {
        let mut all = Dependencies::default();
        match &self.state {
            ValueState::Known(_) => {}
            ValueState::Template(_, needs) => all = needs.clone(),
            ValueState::List(items) => items.iter().for_each(|item| all.add(&item.dependencies())),
            ValueState::Map(entries) => entries
                .iter()
                .for_each(|(_, value)| all.add(&value.dependencies())),
        }
        all
    }

    /// Returns the value if it is the same on all devices.
    pub(crate) fn known(&self) -> Option<&Value> {
        match &self.state {
            ValueState::Known(value) => Some(value),
            _ => None,
        }
    }
}

/// Evaluates values of a playbook, and reports problems at their places.
#[derive(Debug)]
pub(crate) struct Evaluator {
    pub(crate) document: Arc<Document>,
    /// `inputs`, `run`, and the vars that are the same on all devices.
    pub(crate) base: Scope,
    /// Dependencies of each var.
    vars: BTreeMap<String, Dependencies>,
    /// Vars that depend on the target, each after those it uses.
    target_vars: Vec<(String, PlaybookValue)>,
    /// Values that must not be shown: secret inputs, and values derived from them.
    pub(crate) secrets: Secrets,
    /// Names that may contain a secret: `inputs.NAME`, `vars.NAME`.
    pub(crate) secret_names: BTreeSet<(&'static str, String)>,
}

impl Evaluator {
    /// Creates an evaluator and evaluates the vars that are the same on all devices.
    pub(crate) fn new(
        document: &Arc<Document>,
        playbook: &Playbook,
        inputs: &Inputs,
        names: &RunNames,
    ) -> Result<Evaluator, Vec<Problem>> {
        let mut base = Scope::default();
        for root in ["inputs", "vars", "target", "steps"] {
            base.declare(root);
        }
        base.set("run", "id", &json!(names.id));
        base.set("run", "case", &json!(names.case));
        base.set("run", "operator", &json!(names.operator));
        let secrets = Secrets::default();
        let mut secret_names = BTreeSet::new();
        for input in inputs.iter() {
            base.set("inputs", &input.name, &input.value);
            if input.secret {
                secret_names.insert(("inputs", input.name.clone()));
                for_each_text(&input.value, &mut |text| secrets.add_with_encodings(text));
            }
        }
        let mut evaluator = Evaluator {
            document: document.clone(),
            base,
            vars: BTreeMap::new(),
            target_vars: Vec::new(),
            secrets,
            secret_names,
        };
        evaluator.evaluate_vars(playbook)?;
        Ok(evaluator)
    }

    /// Evaluates each var after those it uses. The check has rejected cycles.
    fn evaluate_vars(&mut self, playbook: &Playbook) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut waiting: Vec<(&String, NodeId)> = playbook
            .vars
            .iter()
            .map(|(name, written)| (name, written.node))
            .collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut still = Vec::new();
            for (name, node) in waiting {
                let ready = self
                    .vars_used(node)
                    .iter()
                    .all(|used| self.vars.contains_key(used) || !playbook.vars.contains_key(used));
                if !ready {
                    still.push((name, node));
                    continue;
                }
                if self.may_contain_secret(node) {
                    self.secret_names.insert(("vars", name.clone()));
                }
                match self.read(node) {
                    Ok(field) => {
                        self.vars.insert(name.clone(), field.dependencies());
                        match field.known() {
                            Some(value) => self.base.set("vars", name, value),
                            None => self.target_vars.push((name.clone(), field)),
                        }
                    }
                    Err(problem) => {
                        self.vars.insert(name.clone(), Dependencies::default());
                        problems.push(problem);
                    }
                }
            }
            waiting = still;
            if waiting.len() == before {
                let (name, node) = waiting[0];
                let message = format!("`vars.{name}` depends on itself");
                problems.push(self.problem(&TEMPLATE_CYCLE, node, message));
                break;
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    fn vars_used(&self, node: NodeId) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        self.for_each_template(node, &mut |template| {
            for name in template.names() {
                if let [root, var, ..] = name.path.as_slice()
                    && root == "vars"
                {
                    used.insert(var.clone());
                }
            }
        });
        used
    }

    /// Returns the names of the steps whose results are read at a node or below it.
    pub(crate) fn steps_read(&self, node: NodeId) -> BTreeSet<String> {
        let mut read = BTreeSet::new();
        self.for_each_template(node, &mut |template| {
            read.append(&mut self.dependencies(template).steps)
        });
        read
    }

    pub(crate) fn for_each_template(&self, node: NodeId, visit: &mut dyn FnMut(&Template)) {
        let read = self.document.node(node);
        match &read.kind {
            NodeKind::Text if Template::is_in(&read.text) => {
                if let Ok(template) = Template::parse(&read.text) {
                    visit(&template);
                }
            }
            NodeKind::List(items) => items
                .iter()
                .for_each(|item| self.for_each_template(*item, visit)),
            NodeKind::Map(entries) => entries
                .iter()
                .for_each(|entry| self.for_each_template(entry.value, visit)),
            _ => {}
        }
    }

    /// Reads the value at a node, and evaluates it if it depends on neither target nor steps.
    pub(crate) fn read(&self, node: NodeId) -> Result<PlaybookValue, Problem> {
        let read = self.document.node(node);
        let state = match &read.kind {
            NodeKind::Null => ValueState::Known(Value::Null),
            NodeKind::Bool(value) => ValueState::Known(Value::Bool(*value)),
            NodeKind::Number(number) => ValueState::Known(number_or_text(number, &read.text)),
            NodeKind::Text => return self.read_text(node, &read.text),
            NodeKind::List(items) => {
                let items: Vec<PlaybookValue> = items
                    .iter()
                    .map(|item| self.read(*item))
                    .collect::<Result<_, _>>()?;
                match items.iter().map(|item| item.known().cloned()).collect() {
                    Some(known) => ValueState::Known(Value::Array(known)),
                    None => ValueState::List(items),
                }
            }
            NodeKind::Map(entries) => {
                let entries: Vec<(String, PlaybookValue)> = entries
                    .iter()
                    .map(|entry| {
                        let key = self.document.node(entry.key).text.clone();
                        Ok((key, self.read(entry.value)?))
                    })
                    .collect::<Result<_, Problem>>()?;
                let known: Option<serde_json::Map<String, Value>> = entries
                    .iter()
                    .map(|(key, value)| Some((key.clone(), value.known()?.clone())))
                    .collect();
                match known {
                    Some(known) => ValueState::Known(Value::Object(known)),
                    None => ValueState::Map(entries),
                }
            }
        };
        Ok(PlaybookValue { node, state })
    }

    /// Reads a text that may be a template, and evaluates it like [`Evaluator::read`].
    pub(crate) fn read_text(&self, node: NodeId, text: &str) -> Result<PlaybookValue, Problem> {
        if !Template::is_in(text) {
            let state = ValueState::Known(Value::from(text));
            return Ok(PlaybookValue { node, state });
        }
        let template = Template::parse(text).map_err(|faults| self.unparsable(node, faults))?;
        self.template_value(node, template)
    }

    /// Reads a text that is one expression without delimiters, and evaluates it like [`Evaluator::read`].
    pub(crate) fn read_expression(
        &self,
        node: NodeId,
        text: &str,
    ) -> Result<PlaybookValue, Problem> {
        let template =
            Template::parse_expression(text).map_err(|faults| self.unparsable(node, faults))?;
        self.template_value(node, template)
    }

    fn template_value(&self, node: NodeId, template: Template) -> Result<PlaybookValue, Problem> {
        let needs = self.dependencies(&template);
        let state = if needs.is_empty() {
            ValueState::Known(self.evaluate_template(node, &template, &self.base)?)
        } else {
            ValueState::Template(template, needs)
        };
        Ok(PlaybookValue { node, state })
    }

    fn dependencies(&self, template: &Template) -> Dependencies {
        let mut needs = Dependencies::default();
        for name in template.names() {
            match name.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["target"] => needs.target.extend(TARGET_FIELDS),
                ["target", field, ..] => {
                    needs
                        .target
                        .extend(TARGET_FIELDS.iter().filter(|known| **known == field));
                }
                ["steps", step, ..] => {
                    needs.steps.insert(step.to_owned());
                }
                ["vars"] => self.vars.values().for_each(|var| needs.add(var)),
                ["vars", var, ..] => {
                    if let Some(var) = self.vars.get(var) {
                        needs.add(var);
                    }
                }
                _ => {}
            }
        }
        needs
    }

    /// Evaluates a value. The scope must have all names that it uses.
    pub(crate) fn evaluate(&self, field: &PlaybookValue, scope: &Scope) -> Result<Value, Problem> {
        match &field.state {
            ValueState::Known(value) => Ok(value.clone()),
            ValueState::Template(template, _) => {
                self.evaluate_template(field.node, template, scope)
            }
            ValueState::List(items) => items
                .iter()
                .map(|item| self.evaluate(item, scope))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            ValueState::Map(entries) => entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.evaluate(value, scope)?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
        }
    }

    fn evaluate_template(
        &self,
        node: NodeId,
        template: &Template,
        scope: &Scope,
    ) -> Result<Value, Problem> {
        self.hide_derived(template, scope);
        template
            .evaluate(scope)
            .map_err(|fault| self.expression_problem(node, fault))
    }

    /// Evaluates a value and converts it to text.
    pub(crate) fn text(&self, field: &PlaybookValue, scope: &Scope) -> Result<String, Problem> {
        let value = self.evaluate(field, scope)?;
        to_text(&value)
            .map_err(|error| self.problem(&TEMPLATE_VALUE, field.node, error.to_string()))
    }

    /// Returns the scope of a device: the base scope, the needed fields of the target, and the vars that depend
    /// on them.
    pub(crate) fn device_scope(
        &self,
        target: &Target,
        needs: &Dependencies,
    ) -> Result<Scope, Problem> {
        let mut scope = self.base.clone();
        for field in &needs.target {
            scope.set("target", field, &target_field(target, field));
        }
        for (name, field) in &self.target_vars {
            let needed = field.dependencies();
            // A var that is not used may depend on fields that are not in the scope.
            if needed.target.is_subset(&needs.target) {
                scope.set("vars", name, &self.evaluate(field, &scope)?);
            }
        }
        Ok(scope)
    }

    /// Creates a problem at a node.
    pub(crate) fn problem(
        &self,
        rule: &'static Rule,
        node: NodeId,
        message: impl Into<String>,
    ) -> Problem {
        Problem::new(
            rule,
            self.document.source(),
            self.document.span(node),
            message,
        )
    }

    /// Converts an error of an expression to a problem at its bytes in the file.
    pub(crate) fn expression_problem(&self, node: NodeId, fault: ExpressionError) -> Problem {
        let span = self.document.source_span(node, fault.range);
        let problem = Problem::new(&TEMPLATE_VALUE, self.document.source(), span, fault.message);
        match fault.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// Returns the problem of a template with a syntax error. The check has parsed every template of the
    /// playbook, so this is not expected.
    fn unparsable(&self, node: NodeId, faults: Vec<ExpressionError>) -> Problem {
        match faults.into_iter().next() {
            Some(fault) => self.expression_problem(node, fault),
            None => self.problem(&TEMPLATE_VALUE, node, "this template is not valid"),
        }
    }
}

/// Returns the number, or its source text if that would be lost, as for `007` and `1.50`.
pub(crate) fn number_or_text(number: &serde_json::Number, text: &str) -> Value {
    if number.to_string() == text {
        Value::Number(number.clone())
    } else {
        Value::from(text)
    }
}

/// Returns the value of `target.FIELD`. A field that is not known is an empty text.
pub(crate) fn target_field(target: &Target, field: &str) -> Value {
    match field {
        "id" => json!(target.id.as_str()),
        "name" => json!(target.label()),
        "os" => json!(target.os.as_deref().unwrap_or_default()),
        "family" => json!(target.family().map_or("", |family| family.as_str())),
        "tags" => json!(target.tags),
        "group" => json!(target.group.as_deref().unwrap_or_default()),
        _ => Value::Null,
    }
}
