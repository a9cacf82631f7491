//! Where the values behind names come from: `inputs`, `vars`, `run`, `target`, `steps`.
//!
//! Most values are the same on every device. What a template needs beyond that is worked out once
//! ([`Dependencies`]), so that only what differs is evaluated again for each device.

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

/// Dependencies of a value besides inputs and the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dependencies {
    /// Fields of `target`.
    pub(crate) target: BTreeSet<&'static str>,
    /// Steps whose results it reads.
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

/// A place of the playbook that becomes a value.
#[derive(Debug, Clone)]
pub(crate) struct PlaybookValue {
    /// Location in the playbook.
    pub(crate) node: NodeId,
    pub(crate) state: ValueState,
}

#[derive(Debug, Clone)]
pub(crate) enum ValueState {
    /// Known.
    Known(Value),
    /// A scalar that is yet to be evaluated.
    Template(Template, Dependencies),
    /// A list with something in it that is yet to be evaluated.
    List(Vec<PlaybookValue>),
    /// A map of that kind.
    Map(Vec<(String, PlaybookValue)>),
}

impl PlaybookValue {
    /// Returns what it depends on.
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

    /// Returns the value where it depends on nothing.
    pub(crate) fn known(&self) -> Option<&Value> {
        match &self.state {
            ValueState::Known(value) => Some(value),
            _ => None,
        }
    }
}

/// Reads places of a playbook and evaluates them, with problems at their bytes.
#[derive(Debug)]
pub(crate) struct Evaluator {
    pub(crate) document: Arc<Document>,
    /// `inputs`, `run`, and the vars that are the same on every device.
    pub(crate) base: Scope,
    /// Dependencies of each var.
    vars: BTreeMap<String, Dependencies>,
    /// Vars that depend on the target, each after those it uses.
    target_vars: Vec<(String, PlaybookValue)>,
    /// Values that must not be shown: secret inputs, and whatever a template makes of one.
    pub(crate) secrets: Secrets,
    /// Names behind which a secret may stand: `inputs.NAME`, `vars.NAME`.
    pub(crate) secret_names: BTreeSet<(&'static str, String)>,
}

impl Evaluator {
    /// Gathers what is the same on every device.
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

    /// Evaluates each var after those it uses. Cycles have been refused by the check.
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
                let message = format!("`vars.{name}` is defined by itself");
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

    /// Returns the steps whose results are read anywhere below a node.
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

    /// Reads the value at a node; what depends on neither target nor steps is evaluated at once.
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

    /// Reads a text that may be a template.
    pub(crate) fn read_text(&self, node: NodeId, text: &str) -> Result<PlaybookValue, Problem> {
        if !Template::is_in(text) {
            let state = ValueState::Known(Value::from(text));
            return Ok(PlaybookValue { node, state });
        }
        let template = Template::parse(text).map_err(|faults| self.unparsable(node, faults))?;
        self.template_value(node, template)
    }

    /// Reads a text that is one expression without braces.
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

    /// Returns the value of a field in a scope that has all it needs.
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

    /// Returns the value of a field as text.
    pub(crate) fn text(&self, field: &PlaybookValue, scope: &Scope) -> Result<String, Problem> {
        let value = self.evaluate(field, scope)?;
        to_text(&value).map_err(|why| {
            self.problem(&TEMPLATE_VALUE, field.node, format!("{why} to stand here"))
        })
    }

    /// Returns the scope of one device: the base, what it asks of the target, and the vars that
    /// follow.
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
            // A var that nothing of this playbook asks for may ask for what is not there.
            if needed.target.is_subset(&needs.target) {
                scope.set("vars", name, &self.evaluate(field, &scope)?);
            }
        }
        Ok(scope)
    }

    /// Returns a problem at a node.
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

    /// Returns a fault of an expression, at its bytes in the file.
    pub(crate) fn expression_problem(&self, node: NodeId, fault: ExpressionError) -> Problem {
        let span = self.document.source_span(node, fault.range);
        let problem = Problem::new(&TEMPLATE_VALUE, self.document.source(), span, fault.message);
        match fault.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }

    /// Returns the problem of a template that can't be read. The check has read every template
    /// before, so this is for a text that changed meanwhile.
    fn unparsable(&self, node: NodeId, faults: Vec<ExpressionError>) -> Problem {
        match faults.into_iter().next() {
            Some(fault) => self.expression_problem(node, fault),
            None => self.problem(&TEMPLATE_VALUE, node, "this can't be read"),
        }
    }
}

/// Returns the number, or its text where that says more than its value, as `007` and `1.50` do.
pub(crate) fn number_or_text(number: &serde_json::Number, text: &str) -> Value {
    if number.to_string() == text {
        Value::Number(number.clone())
    } else {
        Value::from(text)
    }
}

/// Returns the value of `target.FIELD`. A field that is not known of the device is an empty text.
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
