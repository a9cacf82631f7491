//! Problems with unquoted text and with colons.

use crate::diagnostic::{Edit, Problem};
use crate::source::Span;

use crate::yaml::rules;
use crate::yaml::text::{excerpt, single_quoted};

use super::{ErrorContext, indentation};

/// Returns the problem of a colon where no value can start.
pub(super) fn colon(context: &ErrorContext<'_>) -> Problem {
    let last = context.source.slice(context.last);
    let begins_above = context.source.line_of(context.last.start) < context.line();
    if begins_above && context.last.end <= context.at {
        return match missing_space(context, last) {
            Some(problem) => problem,
            None => indentation::key_in_text(context),
        };
    }
    let value = context.content_from(context.last.start);
    let text = context.source.slice(value);
    let between = context
        .text()
        .get(context.last.end as usize..context.at as usize);
    let is_beside = between.is_some_and(|between| between.trim().is_empty());
    if !is_beside || text.starts_with(['"', '\'']) {
        return context
            .problem(
                &rules::UNQUOTED_TEXT,
                context.here(1),
                "a value is not allowed here",
            )
            .label("a second colon")
            .help("a line has one key; a text that contains `: ` needs quotes");
    }
    if text.contains("${{") {
        return quote(
            context,
            context
                .problem(
                    &rules::UNQUOTED_TEMPLATE,
                    context.here(1),
                    "`: ` ends the text in the middle of the template",
                )
                .label("read as a second colon")
                .help("put the whole value in quotes"),
            value,
        );
    }
    if last.len() > 1_000 {
        return context
            .problem(
                &rules::YAML_LIMIT,
                context.content_from(context.last.start),
                "a key has at most 1,024 characters",
            )
            .help("put it in quotes if it is a text");
    }
    quote(
        context,
        context
            .problem(
                &rules::UNQUOTED_TEXT,
                context.here(1),
                "a text that contains `: ` needs quotes",
            )
            .label("read as a second colon")
            .help("put the whole value in quotes"),
        value,
    )
}

/// Returns the problem of `name:x` or `-x` without a space, which is text that the next line continues.
fn missing_space(context: &ErrorContext<'_>, last: &str) -> Option<Problem> {
    let first = last.lines().next()?;
    let start = context.last.start;
    if first.starts_with('-') {
        let dash = Span::new(start, start + 1);
        let problem = context
            .problem(
                &rules::MISSING_SPACE,
                dash,
                "a list item needs a space after `-`",
            )
            .help("without the space this line and the next one are one text");
        return Some(insert(context, problem, start + 1, " ", "add the space"));
    }
    let colon = start + first.find(':')? as u32;
    let problem = context
        .problem(
            &rules::MISSING_SPACE,
            Span::new(colon, colon + 1),
            "a key needs a space after its colon",
        )
        .also(context.here(1), "unexpected second colon")
        .help("without the space this line and the next one are one text");
    Some(insert(context, problem, colon + 1, " ", "add the space"))
}

fn insert(
    context: &ErrorContext<'_>,
    problem: Problem,
    at: u32,
    text: &str,
    title: &str,
) -> Problem {
    let edit = Edit {
        span: Span::new(at, at),
        text: text.to_owned(),
    };
    context.with_fix(problem, title, vec![edit])
}

/// Adds the fix that puts the text in single quotes.
fn quote(context: &ErrorContext<'_>, problem: Problem, value: Span) -> Problem {
    let edit = Edit {
        span: value,
        text: single_quoted(context.source.slice(value)),
    };
    let title = format!("write `{}`", excerpt(&edit.text));
    context.with_fix(problem, title, vec![edit])
}

/// Returns the problem of a line without a colon among keys.
pub(super) fn missing_colon(context: &ErrorContext<'_>) -> Problem {
    let line = context.rest_of_line();
    let text = context.source.slice(line);
    let problem = context
        .problem(
            &rules::MISSING_COLON,
            line,
            format!("`{}` is not a key: it has no colon", excerpt(text)),
        )
        .help("a key ends with a colon; a text of several lines is indented below its key");
    if text.contains(' ') {
        return problem;
    }
    let edit = Edit {
        span: Span::new(line.end, line.end),
        text: ":".to_owned(),
    };
    let title = format!("write `{}:`", excerpt(text));
    context.with_guessed_fix(problem, title, vec![edit])
}

/// Returns the problem of an unquoted text that starts with a reserved character.
pub(super) fn reserved(context: &ErrorContext<'_>, character: char) -> Problem {
    let value = match context.open {
        Some(_) => context.word(),
        None => context.rest_of_line(),
    };
    let problem = context
        .problem(
            &rules::UNQUOTED_TEXT,
            context.here(1),
            match character {
                '`' => "a text cannot begin with a backtick".to_owned(),
                _ => format!("a text cannot begin with `{character}`"),
            },
        )
        .help("put it in quotes");
    quote(context, problem, value)
}

/// Returns the problem of a list item after a key: `key: - item`.
pub(super) fn dash(context: &ErrorContext<'_>) -> Problem {
    let problem = context
        .problem(
            &rules::UNQUOTED_TEXT,
            context.here(1),
            "a list item is not allowed here",
        )
        .help("put each item on a line of its own below the key; a text that begins with `- ` needs quotes");
    if context.open.is_some() {
        return problem.help("between brackets items are separated by `,`");
    }
    quote(context, problem, context.rest_of_line())
}

/// Returns the problem of a comment without a space before it: `"text"#comment`.
pub(super) fn comment(context: &ErrorContext<'_>) -> Problem {
    let problem = context
        .problem(
            &rules::MISSING_SPACE,
            context.here(1),
            "a comment needs a space before its `#`",
        )
        .help("put it inside the quotes if it is part of the text");
    insert(context, problem, context.at, " ", "add the space")
}

/// Returns the problem of text after a block scalar header: `key: | text`.
pub(super) fn block_header(context: &ErrorContext<'_>) -> Problem {
    let header = context.rest_of_line();
    let text = context.source.slice(header);
    let mark = &text[..1.min(text.len())];
    let rest = text[mark.len()..]
        .trim_start_matches(['+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let start = header.end - rest.trim_start().len() as u32;
    if rest.trim().is_empty() {
        return context
            .problem(
                &rules::INVALID_BLOCK_HEADER,
                header,
                format!("`{text}` does not start a text block"),
            )
            .help(format!("write `{mark}`, and the text indented below it"));
    }
    context
        .problem(
            &rules::INVALID_BLOCK_HEADER,
            Span::new(start, header.end),
            format!("after `{mark}` the text starts on the next line"),
        )
        .label("move this down")
        .help(format!(
            "indent it below its key; a one-line text that begins with `{mark}` needs quotes"
        ))
}
