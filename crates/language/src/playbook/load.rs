//! Loading of a playbook from its text.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Problem, Rule, Severity, sort_problems};
use crate::source::SourceText;
use crate::yaml::{Document, YamlLimits};

use super::outline::Outline;
use super::{Files, Playbook, check, rule_list, rules, suppression, templates};

/// Result of loading a playbook.
#[derive(Debug)]
pub struct Loaded {
    /// Text of the playbook.
    pub source: SourceText,
    /// YAML document. Absent when its syntax is broken.
    pub document: Option<Arc<Document>>,
    /// Typed playbook. Present exactly when no finding is an error.
    pub playbook: Option<Playbook>,
    /// Findings, sorted by place, without suppressed ones.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Returns whether a finding is an error.
    pub fn has_errors(&self) -> bool {
        has_error(&self.problems)
    }
}

/// Loads a playbook and reports everything that is wrong with it.
pub fn load(source: &SourceText, files: &dyn Files) -> Loaded {
    load_with(source, files, &[])
}

/// Loads a playbook like [`load`]. Suppression comments may also name `other_rules`, which are those of
/// later stages.
pub fn load_with(source: &SourceText, files: &dyn Files, other_rules: &[&'static Rule]) -> Loaded {
    let parsed = Document::read(source, &YamlLimits::default());
    let mut problems = parsed.problems;
    let mut playbook = None;
    if let Some(document) = &parsed.document {
        // A key that was reported as invalid YAML is not reported as unknown again.
        let refused: HashSet<u32> = (problems.iter())
            .map(|problem| problem.span().start)
            .collect();
        let shape = check::playbook_schema().check(document).into_iter();
        problems.extend(shape.filter(|problem| {
            *problem.rule != check::rules::UNKNOWN_KEY || !refused.contains(&problem.span().start)
        }));
        problems.extend(templates::check(document));
        problems.extend(rules::check(&Outline::of(document, files)));
        apply_suppressions(document, other_rules, &mut problems);
        sort_problems(&mut problems);
        if !has_error(&problems) {
            match document.deserialize(document.root()) {
                Ok(read) => playbook = Some(read),
                Err(error) => problems.push(check::deserialize_problem(document, &error)),
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

/// Removes suppressed findings of a document, and adds the problems of the suppressions themselves.
///
/// Suppressions may name the rules of this crate and `other_rules`.
pub fn apply_suppressions(
    document: &Document,
    other_rules: &[&'static Rule],
    problems: &mut Vec<Problem>,
) {
    let known: Vec<_> = rule_list::all()
        .chain(other_rules.iter().copied())
        .collect();
    suppression::apply(document, &known, problems);
}

fn has_error(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}
