//! Outline of a playbook that may contain errors, as the rules read it.
//!
//! The typed model exists only for a playbook without errors, and rules must also work if a key is
//! misspelled elsewhere. So they read the document through this outline, in which every part may be
//! missing or of the wrong type.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use crate::diagnostic::{Problem, Rule};
use crate::source::Span;
use crate::yaml::{Document, MapEntry, NodeId, NodeKind};

use super::Files;
use super::condition;
use super::model::{Os, StepSection, Verb};
use super::templates::{self, UsedNames};

/// Parts of a playbook that the rules read.
pub(super) struct Outline<'a> {
    pub(super) document: &'a Document,
    pub(super) files: &'a dyn Files,
    /// Operating system of the playbook; `None` if it is missing, unknown or a template.
    pub(super) os: Option<Os>,
    pub(super) inputs: &'a [MapEntry],
    pub(super) vars: &'a [MapEntry],
    pub(super) library: &'a [MapEntry],
    /// Last entry of each name under `library`.
    library_names: HashMap<&'a str, MapEntry>,
    /// Names that templates use; computed when a rule first needs it.
    used_names: OnceCell<UsedNames>,
    /// Steps, then cleanup steps.
    pub(super) steps: Vec<StepOutline<'a>>,
}

/// Parts of a map that [`Outline::scalars`] visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MapParts {
    Values,
    KeysAndValues,
}

/// One step.
pub(super) struct StepOutline<'a> {
    pub(super) entries: &'a [MapEntry],
    pub(super) section: StepSection,
    /// Verb with its key and value; the first one if there are several.
    pub(super) verb: Option<(Verb, MapEntry)>,
    /// Operating systems on which the step may run; `None` if its condition does not show that.
    pub(super) systems: Option<Vec<Os>>,
}

impl<'a> Outline<'a> {
    pub(super) fn of(document: &'a Document, files: &'a dyn Files) -> Outline<'a> {
        let root = document.root();
        let part = |key: &str| -> &'a [MapEntry] {
            document
                .get(root, key)
                .map_or(&[], |node| document.node(node).entries())
        };
        let os = document.get(root, "os").and_then(|node| {
            Os::ALL
                .into_iter()
                .find(|os| os.as_str() == document.node(node).text)
        });
        let library = part("library");
        let mut outline = Outline {
            document,
            files,
            os,
            inputs: part("inputs"),
            vars: part("vars"),
            library,
            library_names: library
                .iter()
                .map(|entry| (document.node(entry.key).text.as_str(), *entry))
                .collect(),
            used_names: OnceCell::new(),
            steps: Vec::new(),
        };
        for section in StepSection::ALL {
            let Some(list) = document.get(root, section.key()) else {
                continue;
            };
            for item in document.node(list).items() {
                let step = outline.step(*item, section);
                outline.steps.push(step);
            }
        }
        outline
    }

    fn step(&self, item: NodeId, section: StepSection) -> StepOutline<'a> {
        let document = self.document;
        let entries = document.node(item).entries();
        let verb = entries.iter().find_map(|entry| {
            let key = document.node(entry.key).text.as_str();
            let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == key)?;
            Some((verb, *entry))
        });
        let mut step = StepOutline {
            entries,
            section,
            verb,
            systems: None,
        };
        let mut systems: Vec<Os> = match self.os {
            Some(os) => vec![os],
            None => Os::ALL.to_vec(),
        };
        let when = self
            .key(&step, "when")
            .map(|entry| &document.node(entry.value).text);
        let open = match when {
            None => false,
            Some(text) => match condition::family_comparisons(text) {
                Some(comparisons) => {
                    systems.retain(|os| comparisons.iter().all(|comparison| comparison.holds(*os)));
                    false
                }
                None => text.contains("target."),
            },
        };
        step.systems = (!open).then_some(systems);
        step
    }

    /// Returns the entry of a key of a step.
    pub(super) fn key(&self, step: &StepOutline<'a>, name: &str) -> Option<MapEntry> {
        step.entries
            .iter()
            .rev()
            .find(|entry| self.document.node(entry.key).text == name)
            .copied()
    }

    /// Returns the library entry of a name.
    pub(super) fn library_entry(&self, name: &str) -> Option<MapEntry> {
        self.library_names.get(name).copied()
    }

    /// Returns the scalar under a key of a map, with its text, unless it is null.
    pub(super) fn text_of(&self, map: NodeId, key: &str) -> Option<(NodeId, &'a str)> {
        let value = self.document.get(map, key)?;
        let node = self.document.node(value);
        (!node.is_collection() && node.kind != NodeKind::Null)
            .then_some((value, node.text.as_str()))
    }

    /// Returns the name in the tenant's library for a name in `put` or `run`.
    pub(super) fn library_name(&self, name: &'a str) -> &'a str {
        let Some(entry) = self.library_entry(name) else {
            return name;
        };
        if let Some((_, given)) = self.text_of(entry.value, "name") {
            return given;
        }
        match self.text_of(entry.value, "path") {
            Some((_, path)) => path.rsplit(['/', '\\']).next().unwrap_or(path),
            None => name,
        }
    }

    pub(super) fn text(&self, node: NodeId) -> &'a str {
        &self.document.node(node).text
    }

    pub(super) fn span(&self, node: NodeId) -> Span {
        self.document.span(node)
    }

    /// Returns the names that templates of the playbook use.
    pub(super) fn used_names(&self) -> &UsedNames {
        self.used_names
            .get_or_init(|| templates::used_names(self.document))
    }

    /// Returns the path of each `get`, with its step and node. Empty paths and paths that are not scalars,
    /// which the schema reports, are left out.
    pub(super) fn collected_paths(
        &self,
    ) -> impl Iterator<Item = (&StepOutline<'a>, NodeId, &'a str)> {
        self.steps.iter().filter_map(|step| {
            let Some((Verb::Get, entry)) = step.verb else {
                return None;
            };
            let path = self.text(entry.value);
            let is_path = !path.is_empty() && !self.document.node(entry.value).is_collection();
            is_path.then_some((step, entry.value, path))
        })
    }

    pub(super) fn problem(
        &self,
        rule: &'static Rule,
        span: Span,
        message: impl Into<String>,
    ) -> Problem {
        Problem::new(rule, self.document.source(), span, message)
    }

    /// Calls `visit` with every scalar below a node, the node included.
    pub(super) fn scalars(&self, node: NodeId, parts: MapParts, visit: &mut dyn FnMut(NodeId)) {
        match &self.document.node(node).kind {
            NodeKind::List(items) => {
                for item in items {
                    self.scalars(*item, parts, visit);
                }
            }
            NodeKind::Map(entries) => {
                for entry in entries {
                    if parts == MapParts::KeysAndValues {
                        visit(entry.key);
                    }
                    self.scalars(entry.value, parts, visit);
                }
            }
            _ => visit(node),
        }
    }
}

/// Returns whether a text contains a template.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("${{")
}

/// Returns the parts of a text outside of `${{ }}`.
pub(super) fn literal_parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find("${{") {
        parts.push(at..at + open);
        let inside = at + open + 3;
        match text[inside..].find("}}") {
            Some(close) => at = inside + close + 2,
            None => return parts,
        }
    }
    parts.push(at..text.len());
    parts
}
