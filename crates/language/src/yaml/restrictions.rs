//! Problems of YAML that the scanner accepts and svar rejects.

use std::collections::HashMap;

use crate::diagnostic::{Edit, Problem};
use crate::source::{SourceText, Span};
use svar_wire::text::grouped;

use super::document::{MapEntry, Node, NodeKind, ScalarStyle};
use super::limits::YamlLimits;
use super::rules;
use super::text::excerpt;

/// Checks the keys of a map: each must be a scalar, not empty, and unique.
pub(super) fn keys(
    source: &SourceText,
    nodes: &[Node],
    entries: &[MapEntry],
    problems: &mut Vec<Problem>,
) {
    for entry in entries {
        let key = &nodes[entry.key.index()];
        if key.is_collection() {
            problems.push(collection_key(source, nodes, key));
        } else if key.style == ScalarStyle::Plain && key.text == "<<" {
            problems.push(
                Problem::new(
                    &rules::MERGE_KEY,
                    source,
                    key.span,
                    "merge keys are not supported",
                )
                .help("write the keys out, or repeat the whole value with an alias"),
            );
        } else if key.style == ScalarStyle::Plain && key.text.starts_with("-\u{A0}") {
            problems.push(no_break_space(source, key.span.start + 1));
        } else if key.text.is_empty() && matches!(key.kind, NodeKind::Null | NodeKind::Text) {
            let at = first_character(source, key.span.start);
            problems.push(
                Problem::new(&rules::EMPTY_KEY, source, at, "this entry has no key")
                    .help("write a name before the colon"),
            );
        }
    }
    duplicates(source, nodes, entries, problems);
}

/// Returns the problem of a no-break space after `-`, where YAML requires a space.
fn no_break_space(source: &SourceText, at: u32) -> Problem {
    let span = Span::new(at, at + '\u{A0}'.len_utf8() as u32);
    let message = "the character U+00A0 looks like a space but is not one";
    Problem::new(&rules::INVISIBLE_CHARACTER, source, span, message)
        .help("`-` must be followed by a space; text copied from a web page or a chat often has U+00A0 instead")
        .fix(
            "write a space",
            vec![Edit {
                span,
                text: " ".to_owned(),
            }],
        )
}

/// Returns the problem of a list or map used as a key. `{{ x }}`, the template syntax of other tools, is a
/// map whose only key is a map.
fn collection_key(source: &SourceText, nodes: &[Node], key: &Node) -> Problem {
    let outer = key.span.start.checked_sub(1);
    let is_template = outer.is_some_and(|outer| {
        let text = &source.text()[outer as usize..];
        text.starts_with("{{") && source.text()[key.span.end as usize..].starts_with('}')
    });
    match (&key.kind, outer) {
        (NodeKind::Map(_), Some(outer)) if is_template => {
            let whole = Span::new(outer, key.span.end + 1);
            Problem::new(
                &rules::UNQUOTED_TEMPLATE,
                source,
                whole,
                "a template starts with `${{`",
            )
            .help("`{{` alone is read as a map inside a map")
            .fix(
                format!("write `${}`", excerpt(source.slice(whole))),
                vec![Edit {
                    span: Span::new(outer, outer),
                    text: "$".to_owned(),
                }],
            )
        }
        _ => {
            let what = match key.kind {
                NodeKind::Map(_) => "map",
                _ => "list",
            };
            let holds = match &key.kind {
                NodeKind::List(items) => items.first().map(|item| &nodes[item.index()]),
                _ => None,
            };
            Problem::new(
                &rules::COLLECTION_KEY,
                source,
                key.span,
                format!("a {what} cannot be a key"),
            )
            .help(match holds {
                Some(first) if !first.is_collection() => {
                    "a key is a name; a name that begins with `[` needs quotes"
                }
                _ => "a key is a name; a name that begins with `{` or `[` needs quotes",
            })
        }
    }
}

fn duplicates(
    source: &SourceText,
    nodes: &[Node],
    entries: &[MapEntry],
    problems: &mut Vec<Problem>,
) {
    let names = || {
        entries
            .iter()
            .map(|entry| &nodes[entry.key.index()])
            .filter(|key| !key.is_collection())
    };
    // Most maps are small: comparing is cheaper than hashing then.
    if entries.len() <= 8 {
        for (index, key) in names().enumerate() {
            if let Some(first) = names().take(index).find(|other| other.text == key.text) {
                problems.push(duplicate(source, key, first.span));
            }
        }
        return;
    }
    let mut firsts: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
    for key in names() {
        match firsts.get(key.text.as_str()) {
            Some(first) => problems.push(duplicate(source, key, *first)),
            None => {
                firsts.insert(&key.text, key.span);
            }
        }
    }
}

fn duplicate(source: &SourceText, key: &Node, first: Span) -> Problem {
    Problem::new(
        &rules::DUPLICATE_KEY,
        source,
        key.span,
        format!("the key `{}` is given twice", excerpt(&key.text)),
    )
    .label("second value")
    .also(first, "first value")
    .help("keep one of them; put several entries of the same kind into a list")
}

/// Returns the span of the character at a byte; empty at the end of the text.
fn first_character(source: &SourceText, at: u32) -> Span {
    let rest = source.text().get(at as usize..).unwrap_or_default();
    let length = rest.chars().next().map_or(0, char::len_utf8);
    Span::new(at, at + length as u32)
}

/// Returns the problem of a tag such as `!!str`.
pub(super) fn tag(source: &SourceText, span: Span) -> Problem {
    let tag = source.slice(span);
    Problem::new(
        &rules::YAML_TAG,
        source,
        span,
        format!("YAML tags such as `{}` are not supported", excerpt(tag)),
    )
    .help("remove it; put a number or a bool in quotes to make it a text")
}

/// Returns the problem of a directive such as `%YAML 1.2`.
pub(super) fn directive(source: &SourceText, at: u32) -> Problem {
    let line = source.line_span(source.line_of(at));
    Problem::new(
        &rules::YAML_DIRECTIVE,
        source,
        Span::new(at, line.end.max(at)),
        "YAML directives are not supported",
    )
    .help("remove the line; the version is in the first key, `playbook: 1`")
}

/// Returns the problem of a second document.
pub(super) fn second_document(source: &SourceText, span: Span) -> Problem {
    Problem::new(
        &rules::SECOND_DOCUMENT,
        source,
        span,
        "a second document starts here",
    )
    .help("a file contains one playbook: put the second one into another file")
}

/// Returns the problem of a file with only blank lines and comments.
pub(super) fn empty_document(source: &SourceText) -> Problem {
    let has_comments = source.text().contains('#');
    Problem::new(
        &rules::EMPTY_DOCUMENT,
        source,
        Span::new(0, 0),
        if has_comments {
            "the file contains only comments"
        } else {
            "the file is empty"
        },
    )
    .help("a playbook starts with `playbook: 1`; `svar init` creates one")
}

/// Returns the problem of an alias without an anchor.
pub(super) fn unknown_alias(source: &SourceText, span: Span) -> Problem {
    let written = source.slice(span);
    let name = written.trim_start_matches('*');
    let problem = Problem::new(
        &rules::UNKNOWN_ALIAS,
        source,
        span,
        format!("there is no anchor `&{name}` above this alias"),
    )
    .help("a text that begins with `*` needs quotes");
    let line = source.line_span(source.line_of(span.start));
    let rest = source.slice(Span::new(span.end, line.end));
    // If more text follows, quoting only the word would not fix the line.
    if !rest.trim().is_empty() && !rest.trim_start().starts_with([',', ']', '}', '#', ':']) {
        return problem;
    }
    let quoted = format!("'{written}'");
    problem.fix(
        format!("write `{quoted}`"),
        vec![Edit { span, text: quoted }],
    )
}

/// Returns the problem of an alias inside the value that it repeats.
pub(super) fn alias_of_itself(source: &SourceText, span: Span, start: u32) -> Problem {
    Problem::new(
        &rules::RECURSIVE_ALIAS,
        source,
        span,
        "this alias is inside the value it repeats",
    )
    .also(
        first_character(source, start),
        "the repeated value starts here",
    )
    .help("write the value out; it cannot contain itself")
}

/// Returns the problem of too many nodes repeated by aliases.
pub(super) fn too_many_aliases(source: &SourceText, span: Span, limits: &YamlLimits) -> Problem {
    Problem::new(
        &rules::YAML_LIMIT,
        source,
        span,
        format!(
            "with this alias, more than {} values are repeated by aliases",
            grouped(limits.alias_nodes)
        ),
    )
    .help("aliases of aliases multiply; write the values out")
}

/// Returns the problem of lists and maps that are nested too deeply.
pub(super) fn too_deep(source: &SourceText, span: Span, limits: &YamlLimits) -> Problem {
    Problem::new(
        &rules::YAML_LIMIT,
        source,
        span,
        format!("more than {} nested lists and maps", limits.depth),
    )
    .help("check for a missing closing bracket")
}

/// Returns the problem of too many keys and values.
pub(super) fn too_many_nodes(source: &SourceText, span: Span, limits: &YamlLimits) -> Problem {
    Problem::new(
        &rules::YAML_LIMIT,
        source,
        span,
        format!("more than {} keys and values", grouped(limits.nodes)),
    )
    .help("split the playbook, or move a long list of devices to the file of `targets`")
}

/// Returns the problem of a file that is too large.
pub(super) fn too_many_bytes(source: &SourceText, limits: &YamlLimits) -> Problem {
    Problem::new(
        &rules::YAML_LIMIT,
        source,
        Span::new(0, 0),
        format!(
            "the file has {} bytes; at most {} are allowed",
            grouped(source.text().len()),
            grouped(limits.bytes)
        ),
    )
    .help("move a long list of devices to the file of `targets`, and data to the library")
}

/// Maximum number of hidden characters that are reported.
const HIDDEN_MOST: usize = 100;

/// Returns the problems of characters that are invisible or change how the text looks.
pub(super) fn hidden_characters(source: &SourceText) -> Vec<Problem> {
    let text = source.text();
    // Nearly every file has none of these bytes.
    let is_suspicious = |byte: &u8| matches!(byte, 0..=0x08 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F | 0xC2 | 0xD8 | 0xE1 | 0xE2 | 0xEF);
    if !text.as_bytes().iter().any(is_suspicious) {
        return Vec::new();
    }
    text.char_indices()
        .filter(|(offset, character)| {
            is_hidden(*character) && !(*offset == 0 && *character == '\u{FEFF}')
        })
        .take(HIDDEN_MOST)
        .map(|(offset, character)| hidden_character(source, offset as u32, character))
        .collect()
}

/// Returns whether a character is invisible or changes how others look.
pub(super) fn is_hidden(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        // Zero-width characters and direction marks.
        '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' => true,
        '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' => true,
        _ => character.is_control(),
    }
}

/// Returns the problem of a hidden character.
pub(super) fn hidden_character(source: &SourceText, at: u32, character: char) -> Problem {
    let span = Span::new(at, at + character.len_utf8() as u32);
    let what = match character {
        '\u{202A}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{061C}' => {
            "changes the writing direction, so that the text looks different from what it is"
        }
        _ if character.is_control() => "is a control character",
        _ => "is invisible",
    };
    let code = character as u32;
    let escape = match code {
        0..=0xFF => format!("\\x{code:02X}"),
        0x100..=0xFFFF => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    };
    Problem::new(
        &rules::INVISIBLE_CHARACTER,
        source,
        span,
        format!("the character U+{code:04X} {what}"),
    )
    .help(format!(
        "remove it, or write `{escape}` in double quotes if it is needed"
    ))
    .fix(
        "remove it",
        vec![Edit {
            span,
            text: String::new(),
        }],
    )
}
