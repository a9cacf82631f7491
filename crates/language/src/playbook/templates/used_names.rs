//! Names that templates use, for the rules about unused inputs and vars.

use std::collections::{HashMap, HashSet};

use crate::expression::Template;
use crate::yaml::{Document, NodeId, NodeKind};

/// First part of the path of a name that a playbook declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameRoot {
    /// `inputs`.
    Inputs,
    /// `vars`.
    Vars,
}

impl NameRoot {
    /// Returns the name of the root.
    pub fn as_str(self) -> &'static str {
        match self {
            NameRoot::Inputs => "inputs",
            NameRoot::Vars => "vars",
        }
    }

    fn parse(text: &str) -> Option<NameRoot> {
        [NameRoot::Inputs, NameRoot::Vars]
            .into_iter()
            .find(|root| root.as_str() == text)
    }
}

/// Inputs and vars that templates of a document use.
#[derive(Debug, Default)]
pub struct UsedNames {
    names: HashMap<NameRoot, HashSet<String>>,
    /// Roots that are used as a whole or with a computed key.
    roots: HashSet<NameRoot>,
    /// Templates with syntax errors: every name that their text contains counts as used.
    unparsed: Vec<String>,
}

impl UsedNames {
    /// Returns whether an input or var is used.
    pub fn contains(&self, root: NameRoot, name: &str) -> bool {
        self.roots.contains(&root)
            || self
                .names
                .get(&root)
                .is_some_and(|names| names.contains(name))
            || self.unparsed.iter().any(|text| text.contains(name))
    }

    fn add(&mut self, text: &str, template: Option<Template>) {
        let Some(template) = template else {
            self.unparsed.push(text.to_owned());
            return;
        };
        for used in template.names() {
            let mut path = used.path.into_iter();
            let Some(root) = path.next().and_then(|root| NameRoot::parse(&root)) else {
                continue;
            };
            match path.next() {
                Some(name) => drop(self.names.entry(root).or_default().insert(name)),
                None => drop(self.roots.insert(root)),
            }
        }
    }
}

/// Returns the names that the templates of a playbook use.
pub fn used_names(document: &Document) -> UsedNames {
    let mut names = UsedNames::default();
    for (id, node) in document.nodes() {
        if node.kind != NodeKind::Text {
            continue;
        }
        if Template::is_in(&node.text) {
            names.add(&node.text, Template::parse(&node.text).ok());
        } else if is_condition(document, id) {
            names.add(&node.text, Template::parse_expression(&node.text).ok());
        }
    }
    names
}

/// Returns whether a node is the value of `when`, which may be an expression without delimiters.
pub(super) fn is_condition(document: &Document, id: NodeId) -> bool {
    document
        .key(id)
        .is_some_and(|key| document.node(key).text == "when")
}
