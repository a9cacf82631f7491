//! Silencing a finding where it stands, with a reason.
//!
//! `# svar: allow ID -- reason` at the end of a line silences findings of that rule whose main
//! place is on the line; on lines of its own, those of the next line that is not a comment. Several
//! ids are separated by commas. Where the playbook could not be read without a finding being
//! resolved (broken YAML, a wrong shape, a template that has no meaning) it can't be silenced.
//!
//! A silencer that silences nothing, or says no reason, is a finding itself: it would hide the next
//! mistake.

use std::collections::HashMap;

use crate::diagnostic::{Problem, Severity, is_about_meaning, nearest, rule, rules};
use crate::source::{SourceText, Span};
use crate::yaml::{Comment, Document};

/// One id of a silencer.
struct Silencer {
    id: Span,
    /// The line it is about, from 0.
    line: usize,
    has_reason: bool,
    used: bool,
}

/// Takes out what is silenced, and adds what is wrong with the silencers.
pub fn apply(document: &Document, problems: &mut Vec<Problem>) {
    let source = document.source();
    let about = lines_spoken_about(document);
    let mut silencers = Vec::new();
    let mut found = Vec::new();
    for comment in document.comments() {
        read(
            source,
            comment,
            about[&comment.line],
            &mut silencers,
            &mut found,
        );
    }
    if silencers.is_empty() && found.is_empty() {
        return;
    }
    let mut by_line: HashMap<(usize, &str), usize> = HashMap::new();
    for (index, silencer) in silencers.iter().enumerate() {
        by_line.insert((silencer.line, source.slice(silencer.id)), index);
    }
    problems.retain(|problem| {
        let line = source.line_of(problem.span().start);
        let Some(index) = by_line.get(&(line, problem.rule.id)) else {
            return true;
        };
        if !may_be_silenced(problem) {
            return true;
        }
        let silencer = &mut silencers[*index];
        silencer.used = true;
        !silencer.has_reason
    });
    found.extend(
        silencers
            .iter()
            .filter_map(|silencer| judge(source, silencer)),
    );
    problems.append(&mut found);
}

fn may_be_silenced(problem: &Problem) -> bool {
    problem.severity != Severity::Error || is_about_meaning(problem.rule)
}

fn stands_alone(source: &SourceText, comment: &Comment) -> bool {
    let line = source.line_span(comment.line);
    source
        .slice(Span::new(line.start, comment.span.start))
        .trim()
        .is_empty()
}

/// For each line with a comment the line that a silencer on it is about: the line itself, or where the
/// comment has a line of its own, the next one that has not. Found from the end, so that each line
/// is looked at once however many comments follow each other.
fn lines_spoken_about(document: &Document) -> HashMap<usize, usize> {
    let source = document.source();
    let mut about = HashMap::new();
    let mut comments: Vec<&Comment> = document.comments().iter().collect();
    comments.sort_by_key(|comment| std::cmp::Reverse(comment.line));
    for comment in comments {
        let next = comment.line + 1;
        let line = match stands_alone(source, comment) {
            true => about.get(&next).copied().unwrap_or(next),
            false => comment.line,
        };
        about.insert(comment.line, line);
    }
    about
}

fn read(
    source: &SourceText,
    comment: &Comment,
    line: usize,
    silencers: &mut Vec<Silencer>,
    found: &mut Vec<Problem>,
) {
    let text = source.slice(comment.span);
    let body = text.trim_start_matches('#').trim_start();
    let Some(order) = body.strip_prefix("svar:") else {
        return;
    };
    let order = order.trim_start();
    let Some(ids) = order.strip_prefix("allow ") else {
        found.push(
            Problem::new(
                "unused-silencer",
                source,
                comment.span,
                "this comment speaks to svar, but says nothing that it knows",
            )
            .help("Write `# svar: allow ID -- reason`."),
        );
        return;
    };
    let (ids, reason) = ids.split_once("--").unwrap_or((ids, ""));
    let mut at = comment.span.start + (text.len() - body.len()) as u32;
    at += (body.len() - order.len()) as u32 + "allow ".len() as u32;
    for part in ids.split(',') {
        let id = part.trim();
        let start = at + (part.len() - part.trim_start().len()) as u32;
        at += part.len() as u32 + 1;
        if !id.is_empty() {
            silencers.push(Silencer {
                id: Span::new(start, start + id.len() as u32),
                line,
                has_reason: !reason.trim().is_empty(),
                used: false,
            });
        }
    }
}

fn judge(source: &SourceText, silencer: &Silencer) -> Option<Problem> {
    let id = source.slice(silencer.id);
    let finding = |code: &str, message: String| Problem::new(code, source, silencer.id, message);
    let Some(known) = rule(id) else {
        let problem = finding("unused-silencer", format!("no rule is called `{id}`"));
        return Some(match nearest(id, rules().map(|rule| rule.id)) {
            Some(near) => problem.label(format!("did you mean `{near}`?")),
            None => problem.help("`svar explain` lists them."),
        });
    };
    if !silencer.used {
        let line = silencer.line + 1;
        let problem = finding(
            "unused-silencer",
            format!("there is no `{id}` on line {line} that could be silenced"),
        );
        let can_never = known.severity == Severity::Error && !is_about_meaning(known);
        return Some(problem.help(if can_never {
            "A playbook can't be run with this one; it has to be resolved."
        } else {
            "Remove the comment."
        }));
    }
    (!silencer.has_reason).then(|| {
        finding(
            "unreasoned-silencer",
            format!("it is not said why `{id}` is allowed here"),
        )
        .help(format!(
            "Write `# svar: allow {id} -- reason`; without a reason nothing is silenced."
        ))
    })
}
