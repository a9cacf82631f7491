//! From text to playbook: the stages in order, and nothing else.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Problem, Severity, sort_problems};
use crate::source::SourceText;
use crate::yaml::{Document, Limits};

use super::outline::Outline;
use super::{Files, Playbook, check, rules, silence, templates};

/// What came of a playbook's text.
#[derive(Debug)]
pub struct Loaded {
    /// The text.
    pub source: SourceText,
    /// The YAML. Absent when its syntax is broken.
    pub document: Option<Arc<Document>>,
    /// The playbook. Present exactly when no finding is an error.
    pub playbook: Option<Playbook>,
    /// Everything found, by place; findings that were silenced in place are left out.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether a finding is an error.
    pub fn has_errors(&self) -> bool {
        has_error(&self.problems)
    }
}

/// Reads a playbook and finds everything that is wrong with it, in one pass.
pub fn load(source: &SourceText, files: &dyn Files) -> Loaded {
    let parsed = Document::read(source, &Limits::default());
    let mut problems = parsed.problems;
    let mut playbook = None;
    if let Some(document) = &parsed.document {
        // A key that YAML does not allow is no key that a playbook might have.
        let refused: HashSet<u32> = (problems.iter())
            .map(|problem| problem.span().start)
            .collect();
        let shape = check::playbook().check(document).into_iter();
        problems.extend(shape.filter(|problem| {
            problem.rule.id != "unknown-key" || !refused.contains(&problem.span().start)
        }));
        problems.extend(templates::check(document));
        problems.extend(rules::check(&Outline::of(document, files)));
        silence::apply(document, &mut problems);
        sort_problems(&mut problems);
        if !has_error(&problems) {
            match document.deserialize(document.root()) {
                Ok(read) => playbook = Some(read),
                Err(error) => problems.push(check::misread(document, &error)),
            }
        }
    }
    Loaded {
        source: source.clone(),
        document: parsed.document.map(Arc::new),
        playbook,
        problems,
    }
}

fn has_error(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}
