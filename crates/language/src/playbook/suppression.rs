//! Suppression of findings by comments with a reason.
//!
//! `# svar: allow ID -- reason` at the end of a line suppresses findings of that rule whose main
//! place is on the line; on a line of its own, those of the next line that is not a comment. Several
//! ids are separated by commas. A finding without which the playbook cannot be read (broken YAML, a
//! wrong shape, an invalid template) cannot be suppressed.
//!
//! A suppression without effect or without a reason is a finding itself: it would hide the next
//! mistake.

use std::collections::HashMap;

use crate::diagnostic::{Problem, Rule, Severity, nearest};
use crate::source::{SourceText, Span};
use crate::yaml::{Comment, Document};

/// Rules about suppressions.
pub(crate) static RULES: &[&Rule] = &[&UNUSED_SUPPRESSION, &SUPPRESSION_WITHOUT_REASON];

static UNUSED_SUPPRESSION: Rule = Rule {
    id: "unused-suppression",
    severity: Severity::Warning,
    title: "suppression without effect",
    page: r"
`# svar: allow ID -- reason` suppresses findings of a rule on its line, or on the next line if
the comment has a line of its own. A comment that suppresses nothing would hide the next mistake
in that place. Findings without which the playbook cannot be read (broken YAML, a wrong shape,
an invalid template) cannot be suppressed.

Wrong:

```yaml
- run: collect.sh  # svar: allow forbidden-characters -- nothing of the kind is here
```

Right:

```yaml
- run: collect.sh
```
",
};

static SUPPRESSION_WITHOUT_REASON: Rule = Rule {
    id: "suppression-without-reason",
    severity: Severity::Warning,
    title: "suppression without a reason",
    page: r"
The next reader of the playbook must be able to judge whether the reason still applies. Without
a reason nothing is suppressed.

Wrong:

```yaml
# svar: allow costly-order
- run: delete-archive.ps1
```

Right:

```yaml
# svar: allow costly-order -- the archive must be gone before the next shift
- run: delete-archive.ps1
```
",
};

/// One id of a suppression comment.
struct Suppression {
    id: Span,
    /// Line whose findings it suppresses, counted from 0.
    line: usize,
    has_reason: bool,
    used: bool,
}

/// Removes suppressed findings and adds the problems of the suppressions themselves.
///
/// `known_rules` are the rules that a suppression may name.
pub(super) fn apply(
    document: &Document,
    known_rules: &[&'static Rule],
    problems: &mut Vec<Problem>,
) {
    let source = document.source();
    let about = target_lines(document);
    let mut suppressions = Vec::new();
    let mut found = Vec::new();
    for comment in document.comments() {
        read(
            source,
            comment,
            about[&comment.line],
            &mut suppressions,
            &mut found,
        );
    }
    if suppressions.is_empty() && found.is_empty() {
        return;
    }
    let mut by_line: HashMap<(usize, &str), usize> = HashMap::new();
    for (index, suppression) in suppressions.iter().enumerate() {
        by_line.insert((suppression.line, source.slice(suppression.id)), index);
    }
    problems.retain(|problem| {
        let line = source.line_of(problem.span().start);
        let Some(index) = by_line.get(&(line, problem.rule.id)) else {
            return true;
        };
        if !can_be_suppressed(problem.rule, problem.severity) {
            return true;
        }
        let suppression = &mut suppressions[*index];
        suppression.used = true;
        !suppression.has_reason
    });
    found.extend(
        suppressions
            .iter()
            .filter_map(|suppression| check(source, suppression, known_rules)),
    );
    problems.append(&mut found);
}

/// Returns whether a finding can be suppressed. An error can be suppressed only if the playbook can be
/// read despite it.
fn can_be_suppressed(rule: &Rule, severity: Severity) -> bool {
    let is_about_meaning = [super::rules::RULES, RULES]
        .into_iter()
        .flatten()
        .any(|known| *known == rule);
    severity != Severity::Error || is_about_meaning
}

fn stands_alone(source: &SourceText, comment: &Comment) -> bool {
    let line = source.line_span(comment.line);
    source
        .slice(Span::new(line.start, comment.span.start))
        .trim()
        .is_empty()
}

/// Returns the target line for each line with a comment: the line itself, or, if the comment has a line of
/// its own, the next line that is not a comment. Goes backwards so that it takes linear time.
fn target_lines(document: &Document) -> HashMap<usize, usize> {
    let source = document.source();
    let mut about = HashMap::new();
    let mut comments: Vec<&Comment> = document.comments().iter().collect();
    comments.sort_by_key(|comment| std::cmp::Reverse(comment.line));
    for comment in comments {
        let next = comment.line + 1;
        let line = if stands_alone(source, comment) {
            about.get(&next).copied().unwrap_or(next)
        } else {
            comment.line
        };
        about.insert(comment.line, line);
    }
    about
}

/// Reads the suppressions of one comment, whose target is `line`.
fn read(
    source: &SourceText,
    comment: &Comment,
    line: usize,
    suppressions: &mut Vec<Suppression>,
    found: &mut Vec<Problem>,
) {
    let text = source.slice(comment.span);
    let body = text.trim_start_matches('#').trim_start();
    let Some(directive) = body.strip_prefix("svar:") else {
        return;
    };
    let directive = directive.trim_start();
    let Some(ids) = directive.strip_prefix("allow ") else {
        found.push(
            Problem::new(
                &UNUSED_SUPPRESSION,
                source,
                comment.span,
                "unknown svar directive in comment",
            )
            .help("Write `# svar: allow ID -- reason`."),
        );
        return;
    };
    let (ids, reason) = ids.split_once("--").unwrap_or((ids, ""));
    let mut at = comment.span.start + (text.len() - body.len()) as u32;
    at += (body.len() - directive.len()) as u32 + "allow ".len() as u32;
    for part in ids.split(',') {
        let id = part.trim();
        let start = at + (part.len() - part.trim_start().len()) as u32;
        at += part.len() as u32 + 1;
        if !id.is_empty() {
            suppressions.push(Suppression {
                id: Span::new(start, start + id.len() as u32),
                line,
                has_reason: !reason.trim().is_empty(),
                used: false,
            });
        }
    }
}

/// Returns the problem of a suppression, if there is one.
fn check(
    source: &SourceText,
    suppression: &Suppression,
    known_rules: &[&'static Rule],
) -> Option<Problem> {
    let id = source.slice(suppression.id);
    let finding = |rule, message: String| Problem::new(rule, source, suppression.id, message);
    let Some(rule) = known_rules.iter().find(|rule| rule.id == id) else {
        let problem = finding(&UNUSED_SUPPRESSION, format!("unknown rule `{id}`"));
        let ids = known_rules.iter().map(|rule| rule.id);
        return Some(match nearest(id, ids) {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.help("`svar explain` lists all rules."),
        });
    };
    if !suppression.used {
        let line = suppression.line + 1;
        let problem = finding(
            &UNUSED_SUPPRESSION,
            format!("no `{id}` finding to suppress on line {line}"),
        );
        return Some(problem.help(if can_be_suppressed(rule, rule.severity) {
            "Remove the comment."
        } else {
            "Findings of this rule cannot be suppressed: resolve them instead."
        }));
    }
    (!suppression.has_reason).then(|| {
        finding(
            &SUPPRESSION_WITHOUT_REASON,
            format!("no reason is given for allowing `{id}`"),
        )
        .help(format!(
            "Write `# svar: allow {id} -- reason`; without a reason nothing is suppressed."
        ))
    })
}
