//! Names that templates of a playbook can use, with their types.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::expression::{Record, Template, Type};
use crate::playbook::model::{InputType, StepSection};
use crate::yaml::{Document, MapEntry, NodeId, NodeKind};

/// Fields of `target`. All of them exist even if nothing is known about a device.
const TARGET: [(&str, Type); 6] = [
    ("id", Type::Text),
    ("name", Type::Text),
    ("os", Type::Text),
    ("family", Type::Text),
    ("tags", Type::List),
    ("group", Type::Text),
];

const RUN: [(&str, Type); 3] = [
    ("id", Type::Text),
    ("case", Type::Text),
    ("operator", Type::Text),
];

/// Bytes in the text of a scalar.
pub(super) type TextRange = (NodeId, std::ops::Range<usize>);

/// A step that has an id.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedStep {
    /// Index among all steps, cleanup steps last.
    pub(super) index: usize,
    /// Node of the id.
    pub(super) id: NodeId,
    pub(super) section: StepSection,
}

/// Visible names for each [`TemplateScope`](super::context::TemplateScope), as records.
pub(super) struct VisibleNames<'d> {
    document: &'d Document,
    /// `inputs`, `run`, and vars that do not depend on the target.
    pub(super) run: Type,
    /// The same with `target` and all vars.
    pub(super) target: Type,
    /// The same with the results of all steps. Whether a step is earlier is checked separately.
    pub(super) steps: Type,
    pub(super) steps_by_id: HashMap<&'d str, NamedStep>,
    /// Vars that depend on the target, directly or through another var.
    pub(super) target_vars: Vec<&'d str>,
    /// Cycles of vars: for each var of a cycle, its use of the next one and its name.
    pub(super) cycles: Vec<Vec<(TextRange, String)>>,
}

impl<'d> VisibleNames<'d> {
    pub(super) fn of(document: &'d Document) -> VisibleNames<'d> {
        let mut names = VisibleNames {
            document,
            run: Type::Any,
            target: Type::Any,
            steps: Type::Any,
            steps_by_id: HashMap::new(),
            target_vars: Vec::new(),
            cycles: Vec::new(),
        };
        let steps = names.read_steps();
        let inputs = names.read_inputs();
        let base = |vars: Type, more: Vec<(&str, Type)>| -> Type {
            let mut fields = vec![
                ("inputs", inputs.clone()),
                ("vars", vars),
                ("run", Record::new(RUN).into()),
            ];
            fields.extend(more);
            Record::new(fields).into()
        };
        let target = || ("target", Type::from(Record::new(TARGET)));
        let vars = names.read_vars(&|vars| base(vars, vec![target()]));
        let (run_vars, vars) = match vars {
            None => (Type::Any, Type::Any),
            Some(vars) => {
                let early = vars
                    .iter()
                    .filter(|(name, _)| !names.target_vars.contains(name))
                    .map(|(name, kind)| (*name, kind.clone()));
                (Record::new(early).into(), Record::new(vars.clone()).into())
            }
        };
        names.run = base(run_vars, Vec::new());
        names.target = base(vars.clone(), vec![target()]);
        names.steps = base(vars, vec![target(), ("steps", Record::new(steps).into())]);
        names
    }

    fn text(&self, node: NodeId) -> &'d str {
        &self.document.node(node).text
    }

    /// Returns the entries of a top-level key; `None` if its value is not a map.
    fn section(&self, key: &str) -> Option<&'d [MapEntry]> {
        match self.document.get(self.document.root(), key) {
            None => Some(&[]),
            Some(node) => match &self.document.node(node).kind {
                NodeKind::Map(entries) => Some(entries),
                NodeKind::Null => Some(&[]),
                _ => None,
            },
        }
    }

    fn read_inputs(&self) -> Type {
        let Some(entries) = self.section("inputs") else {
            return Type::Any;
        };
        let fields = entries.iter().map(|entry| {
            let get = |key| {
                self.document
                    .get(entry.value, key)
                    .map(|node| self.text(node))
            };
            let kind = match get("type") {
                None => Type::Text,
                Some(kind) => input_type(kind),
            };
            // The value of an optional input may be null.
            let optional = get("default").is_none() && get("required") == Some("false");
            let kind = if optional { Type::Any } else { kind };
            (self.text(entry.key), kind)
        });
        Record::new(fields).into()
    }

    fn read_steps(&mut self) -> Vec<(&'d str, Type)> {
        let mut steps = Vec::new();
        let mut index = 0;
        for section in StepSection::ALL {
            let Some(list) = self.document.get(self.document.root(), section.key()) else {
                continue;
            };
            for item in self.document.node(list).items() {
                if let Some(id) = self.document.get(*item, "id") {
                    let name = self.text(id);
                    let named = NamedStep { index, id, section };
                    self.steps_by_id.insert(name, named);
                    steps.push((name, self.step_type(*item)));
                }
                index += 1;
            }
        }
        steps
    }

    /// Returns the type of a step's result, which depends on its verb.
    fn step_type(&self, step: NodeId) -> Type {
        let has = |key| self.document.get(step, key).is_some();
        if has("run") {
            let saved = match self.document.get(step, "save") {
                None => Record::default().into(),
                Some(node) => match &self.document.node(node).kind {
                    NodeKind::Map(entries) => {
                        let fields = entries
                            .iter()
                            .map(|entry| (self.text(entry.key), self.saved_type(entry.value)));
                        Record::new(fields).into()
                    }
                    _ => Type::Any,
                },
            };
            let fields = [
                ("exit", Type::Int),
                ("stdout", Type::Text),
                ("stderr", Type::Text),
                ("json", Type::Any),
                ("saved", saved),
            ];
            Record::new(fields).into()
        } else if has("get") {
            let file = Record::new([
                ("path", Type::Text),
                ("size", Type::Int),
                ("sha256", Type::Text),
            ]);
            Record::new([("file", Type::from(file))]).into()
        } else if has("put") {
            Record::default().into()
        } else {
            Type::Any
        }
    }

    fn saved_type(&self, save: NodeId) -> Type {
        match self.document.get(save, "type") {
            Some(kind) => input_type(self.text(kind)),
            None if self.document.get(save, "regex").is_some() => Type::Text,
            None => Type::Any,
        }
    }

    /// Returns the types of vars. The type of a var is inferred after those of the vars it uses.
    fn read_vars(&mut self, visible: &dyn Fn(Type) -> Type) -> Option<IndexMap<&'d str, Type>> {
        let entries = self.section("vars")?;
        let mut search = VarSearch {
            document: self.document,
            entries: entries
                .iter()
                .map(|entry| (self.text(entry.key), entry.value))
                .collect(),
            chain: Vec::new(),
            depends_on_target: HashMap::new(),
            order: Vec::new(),
            using_vars: HashSet::new(),
            cycles: Vec::new(),
        };
        for entry in entries {
            search.visit(self.text(entry.key));
        }
        self.target_vars = search
            .order
            .iter()
            .copied()
            .filter(|name| search.depends_on_target.get(name) == Some(&true))
            .collect();
        self.cycles = search.cycles;
        let mut kinds: IndexMap<&str, Type> = entries
            .iter()
            .map(|entry| (self.text(entry.key), Type::Any))
            .collect();
        // The record is copied for each var that uses another one. The number of copies is limited, so
        // that this takes linear time; the types of further vars are unknown.
        let mut copies = 200;
        let mut known = visible(Record::new(kinds.clone()).into());
        for name in search.order {
            let Some(node) = search.entries.get(name) else {
                continue;
            };
            if search.using_vars.contains(name) && copies > 0 {
                copies -= 1;
                known = visible(Record::new(kinds.clone()).into());
            }
            kinds.insert(name, self.value_type(*node, &known));
        }
        Some(kinds)
    }

    fn value_type(&self, node: NodeId, visible: &Type) -> Type {
        let read = self.document.node(node);
        match &read.kind {
            NodeKind::Null => Type::Null,
            NodeKind::Bool(_) => Type::Bool,
            // A number that would be printed differently from its source text is a text.
            NodeKind::Number(number) if number.to_string() != read.text => Type::Text,
            NodeKind::Number(number) if number.is_f64() => Type::Number,
            NodeKind::Number(_) => Type::Int,
            NodeKind::List(_) => Type::List,
            NodeKind::Map(entries) => {
                let fields = entries
                    .iter()
                    .map(|entry| (self.text(entry.key), self.value_type(entry.value, visible)));
                Record::new(fields).into()
            }
            NodeKind::Text if Template::is_in(&read.text) => match Template::parse(&read.text) {
                Ok(template) => template.kind(visible),
                Err(_) => Type::Any,
            },
            NodeKind::Text => Type::Text,
        }
    }
}

fn input_type(name: &str) -> Type {
    let kinds = [
        ("int", Type::Int),
        ("number", Type::Number),
        ("bool", Type::Bool),
        ("list", Type::List),
    ];
    match kinds.into_iter().find(|(known, _)| *known == name) {
        Some((_, kind)) => kind,
        None => Type::Text,
    }
}

/// Compile-time check that each input type was considered above.
const _: fn(InputType) = |kind| match kind {
    InputType::Int | InputType::Number | InputType::Bool | InputType::List => {}
    InputType::String
    | InputType::Path
    | InputType::Host
    | InputType::Ip
    | InputType::Hash
    | InputType::Duration => {}
};

/// Depth-first search over the vars: their order of evaluation, dependencies on the target, and cycles.
struct VarSearch<'d> {
    document: &'d Document,
    entries: HashMap<&'d str, NodeId>,
    /// Current path: each var with its use of the next one.
    chain: Vec<(&'d str, Option<TextRange>)>,
    /// Whether a visited var depends on the target.
    depends_on_target: HashMap<&'d str, bool>,
    order: Vec<&'d str>,
    /// Vars that use another var.
    using_vars: HashSet<&'d str>,
    cycles: Vec<Vec<(TextRange, String)>>,
}

/// Maximum length of a chain of vars that is followed, since the search is recursive.
const CHAIN_MAX: usize = 200;

impl<'d> VarSearch<'d> {
    fn visit(&mut self, name: &'d str) -> bool {
        if let Some(late) = self.depends_on_target.get(name) {
            return *late;
        }
        let Some(node) = self.entries.get(name).copied() else {
            return false;
        };
        if self.chain.len() >= CHAIN_MAX {
            return false;
        }
        self.chain.push((name, None));
        let mut late = false;
        let mut uses = Vec::new();
        collect_uses(self.document, node, &mut uses);
        for (node, used) in uses {
            match used.path.first().map(String::as_str) {
                Some("target") => late = true,
                Some("vars") => {
                    let next = used
                        .path
                        .get(1)
                        .and_then(|next| self.entries.get_key_value(next.as_str()));
                    let Some((next, _)) = next.map(|(name, node)| (*name, *node)) else {
                        continue;
                    };
                    self.using_vars.insert(name);
                    if let Some(top) = self.chain.last_mut() {
                        top.1 = Some((node, used.range.clone()));
                    }
                    if let Some(start) = self.chain.iter().position(|(open, _)| *open == next) {
                        let chain = self.chain[start..]
                            .iter()
                            .filter_map(|(name, place)| Some((place.clone()?, (*name).to_owned())));
                        self.cycles.push(chain.collect());
                    } else {
                        late |= self.visit(next);
                    }
                }
                _ => {}
            }
        }
        self.chain.pop();
        self.depends_on_target.insert(name, late);
        self.order.push(name);
        late
    }
}

fn collect_uses(
    document: &Document,
    node: NodeId,
    uses: &mut Vec<(NodeId, crate::expression::NameUse)>,
) {
    let read = document.node(node);
    match &read.kind {
        NodeKind::Text if Template::is_in(&read.text) => {
            if let Ok(template) = Template::parse(&read.text) {
                uses.extend(template.names().into_iter().map(|used| (node, used)));
            }
        }
        NodeKind::List(items) => items
            .iter()
            .for_each(|item| collect_uses(document, *item, uses)),
        NodeKind::Map(entries) => entries
            .iter()
            .for_each(|entry| collect_uses(document, entry.value, uses)),
        _ => {}
    }
}
