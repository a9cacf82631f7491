//! What the scanner accepts and svar refuses, each with its own words.

use std::collections::HashMap;

use crate::diagnostic::Problem;
use crate::source::{SourceText, Span};

use super::document::{Entry, Kind, Node, Style};
use super::limits::Limits;

/// Keys of one map: each given once, each a name.
pub(super) fn keys(
    source: &SourceText,
    nodes: &[Node],
    entries: &[Entry],
    problems: &mut Vec<Problem>,
) {
    for entry in entries {
        let key = &nodes[entry.key.index()];
        if key.is_collection() {
            problems.push(collection_key(source, key));
        } else if key.style == Style::Plain && key.text == "<<" {
            problems.push(
                Problem::new(
                    "merge-key",
                    source,
                    key.span,
                    "`<<` does not merge maps here",
                )
                .help("write the keys out, or give the whole value an anchor and use `*name`"),
            );
        } else if key.kind == Kind::Null && key.text.is_empty() {
            problems.push(
                Problem::new("empty-key", source, key.span, "this entry has no key")
                    .help("write a name before the colon"),
            );
        }
    }
    duplicates(source, nodes, entries, problems);
}

fn collection_key(source: &SourceText, key: &Node) -> Problem {
    let what = match key.kind {
        Kind::Map(_) => "a map",
        _ => "a list",
    };
    Problem::new(
        "collection-key",
        source,
        key.span,
        format!("{what} can't be a key"),
    )
    .help("a text that begins with `{` or `[` needs quotes")
}

fn duplicates(source: &SourceText, nodes: &[Node], entries: &[Entry], problems: &mut Vec<Problem>) {
    let scalar = |entry: &Entry| {
        let key = &nodes[entry.key.index()];
        (!key.is_collection()).then_some(key)
    };
    let mut firsts: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
    for key in entries.iter().filter_map(scalar) {
        if let Some(first) = firsts.get(key.text.as_str()) {
            problems.push(
                Problem::new(
                    "duplicate-key",
                    source,
                    key.span,
                    format!("the key `{}` is given twice", key.text),
                )
                .label("given again")
                .also(*first, "first given here")
                .help("remove one of them, or rename it"),
            );
        } else {
            firsts.insert(&key.text, key.span);
        }
    }
}

/// A tag such as `!!str`.
pub(super) fn tag(source: &SourceText, span: Span) -> Problem {
    Problem::new("tag", source, span, "tags are not part of playbooks")
        .help("remove it; put the value in quotes where text is meant")
}

/// A further document.
pub(super) fn second_document(source: &SourceText, span: Span) -> Problem {
    Problem::new(
        "second-document",
        source,
        span,
        "a second document begins here",
    )
    .help("put it into a file of its own")
}

/// Nothing but blank lines and comments.
pub(super) fn empty_document(source: &SourceText) -> Problem {
    Problem::new(
        "empty-document",
        source,
        Span::new(0, 0),
        "the file is empty",
    )
}

/// An alias whose anchor is missing.
pub(super) fn unknown_alias(source: &SourceText, span: Span) -> Problem {
    Problem::new(
        "unknown-alias",
        source,
        span,
        format!(
            "no anchor is called `{}`",
            source.slice(span).trim_start_matches('*')
        ),
    )
    .help(format!(
        "a text that begins with `*` needs quotes: `'{}'`",
        source.slice(span)
    ))
}

/// An alias inside what it repeats.
pub(super) fn alias_of_itself(source: &SourceText, span: Span, start: Span) -> Problem {
    Problem::new(
        "alias-loop",
        source,
        span,
        "this alias repeats what it stands in",
    )
    .also(start, "the anchor's value begins here")
}

/// More repeated by aliases than sense allows.
pub(super) fn too_many_aliases(source: &SourceText, span: Span, limits: &Limits) -> Problem {
    Problem::new(
        "yaml-limit",
        source,
        span,
        format!("aliases repeat more than {} values", limits.alias_nodes),
    )
}

/// Collections too deep inside one another.
pub(super) fn too_deep(source: &SourceText, span: Span, limits: &Limits) -> Problem {
    Problem::new(
        "yaml-limit",
        source,
        span,
        format!(
            "more than {} lists and maps inside one another",
            limits.depth
        ),
    )
}

/// Too many values.
pub(super) fn too_many_nodes(source: &SourceText, span: Span, limits: &Limits) -> Problem {
    Problem::new(
        "yaml-limit",
        source,
        span,
        format!("more than {} keys and values", limits.nodes),
    )
}

/// Too long.
pub(super) fn too_many_bytes(source: &SourceText, limits: &Limits) -> Problem {
    Problem::new(
        "yaml-limit",
        source,
        Span::new(0, 0),
        format!(
            "the file has {} bytes, more than {}",
            source.text().len(),
            limits.bytes
        ),
    )
}

/// Characters that no one sees.
pub(super) fn hidden_characters(_source: &SourceText) -> Vec<Problem> {
    Vec::new()
}
