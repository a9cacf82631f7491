//! Names that templates use, for the rules about unused inputs and vars.

use std::collections::HashSet;

use crate::expression::Template;
use crate::yaml::{Document, NodeId, NodeKind};

/// Inputs and vars that templates of a document use.
#[derive(Debug, Default)]
pub struct UsedNames {
    inputs: HashSet<String>,
    vars: HashSet<String>,
    /// Roots (`inputs`, `vars`) that are used as a whole or with a computed key.
    all: HashSet<String>,
    /// Templates with syntax errors: every name that their text contains counts as used.
    unparsed: Vec<String>,
}

impl UsedNames {
    /// Returns whether an input is used.
    pub fn has_input(&self, name: &str) -> bool {
        self.inputs.contains(name) || self.may_use("inputs", name)
    }

    /// Returns whether a var is used.
    pub fn has_var(&self, name: &str) -> bool {
        self.vars.contains(name) || self.may_use("vars", name)
    }

    fn may_use(&self, root: &str, name: &str) -> bool {
        self.all.contains(root) || self.unparsed.iter().any(|text| text.contains(name))
    }

    fn add(&mut self, text: &str, read: Option<Template>) {
        let Some(template) = read else {
            self.unparsed.push(text.to_owned());
            return;
        };
        for used in template.names() {
            let mut path = used.path.into_iter();
            match (path.next().as_deref(), path.next()) {
                (Some("inputs"), Some(name)) => drop(self.inputs.insert(name)),
                (Some("vars"), Some(name)) => drop(self.vars.insert(name)),
                (Some(root @ ("inputs" | "vars")), None) => drop(self.all.insert(root.to_owned())),
                _ => {}
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
