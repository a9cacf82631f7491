//! Problems with `[…]` and `{…}`.

use crate::diagnostic::{Edit, Problem};
use crate::source::Span;

use crate::yaml::rules;
use crate::yaml::text::single_quoted;

use super::ErrorContext;

/// Returns the problem of text between brackets that is neither a separator nor the closing bracket.
pub(super) fn unclosed(context: &ErrorContext<'_>) -> Problem {
    let text = context.text();
    if text[..context.at as usize].ends_with('$') && text[context.at as usize..].starts_with("{{") {
        // Text directly before the template is part of the same value: `[a-${{ x }}]`.
        let start = if context.last.end == context.at {
            context.last.start
        } else {
            context.at - 1
        };
        return template(context, start);
    }
    let Some(open) = context.open else {
        let at = context.here(1);
        let bracket = context.source.slice(at).to_owned();
        return context
            .problem(
                &rules::UNCLOSED_BRACKET,
                at,
                format!("this `{bracket}` is never closed"),
            )
            .help(closing_help(&bracket));
    };
    let bracket = context.source.slice(open).to_owned();
    if context.at <= open.start || context.source.line_of(open.start) != context.line() {
        let problem = context
            .problem(
                &rules::UNCLOSED_BRACKET,
                open,
                format!("this `{bracket}` is never closed"),
            )
            .help(closing_help(&bracket));
        let line = context.content_from(open.start);
        let edit = Edit {
            span: Span::new(line.end, line.end),
            text: closing(&bracket).to_owned(),
        };
        let title = format!("add `{}` at the end of the line", closing(&bracket));
        return context.with_guessed_fix(problem, title, vec![edit]);
    }
    context
        .problem(
            &rules::UNCLOSED_BRACKET,
            context.here(1),
            format!("expected `,` or `{}` here", closing(&bracket)),
        )
        .also(open, "to continue this")
        .help("a text that contains `: `, `,` or brackets needs quotes here")
}

fn closing(open: &str) -> &'static str {
    match open {
        "{" => "}",
        _ => "]",
    }
}

fn closing_help(open: &str) -> String {
    format!(
        "close it with `{}`; a text that begins with `{open}` needs quotes",
        closing(open)
    )
}

/// Returns the problem of a template without quotes, whose braces are read as a map.
fn template(context: &ErrorContext<'_>, start: u32) -> Problem {
    let end_of_line = context.source.line_span(context.line()).end;
    let rest = context.source.slice(Span::new(start, end_of_line));
    let length = rest.find("}}").map_or(rest.trim_end().len(), |end| {
        // Text directly after the template is part of the same value.
        let after = &rest[end + 2..];
        end + 2 + after.find([',', ']', '}', ' ']).unwrap_or(after.len())
    });
    let value = Span::new(start, start + length as u32);
    let text = context.source.slice(value);
    let problem = context
        .problem(
            &rules::UNQUOTED_TEMPLATE,
            value,
            "a template between brackets needs quotes",
        )
        .help("without quotes its braces start a map");
    let quoted = if text.contains('\'') && !text.contains(['"', '\\']) {
        format!("\"{text}\"")
    } else {
        single_quoted(text)
    };
    let title = format!("write `{quoted}`");
    let edit = Edit {
        span: value,
        text: quoted,
    };
    context.with_fix(problem, title, vec![edit])
}

/// Returns the problem of a bracket that is closed by another kind, such as `[` by `}`.
pub(super) fn mismatched(context: &ErrorContext<'_>, open: char, close: char) -> Problem {
    let opening = context.open.unwrap_or(context.here(1));
    let expected = closing(&open.to_string());
    let after = &context.text()[opening.end as usize..];
    let problem = context
        .problem(
            &rules::UNCLOSED_BRACKET,
            opening,
            format!("`{open}` is closed by `{close}`"),
        )
        .help(format!(
            "close it with `{expected}`; a text with brackets in it needs quotes here"
        ));
    match after.find(close) {
        Some(at) => {
            let at = opening.end + at as u32;
            let span = Span::new(at, at + 1);
            let edit = Edit {
                span,
                text: expected.to_owned(),
            };
            let title = format!("replace `{close}` with `{expected}`");
            context.with_guessed_fix(
                problem.also(span, format!("not `{expected}`")),
                title,
                vec![edit],
            )
        }
        None => problem,
    }
}

/// Returns the problem of a closing bracket without an opening one.
pub(super) fn misplaced(context: &ErrorContext<'_>) -> Problem {
    let value = context.rest_of_line();
    let bracket = context.source.slice(context.here(1)).to_owned();
    let problem = context
        .problem(
            &rules::UNCLOSED_BRACKET,
            context.here(1),
            format!("this `{bracket}` has no opening bracket"),
        )
        .help("remove it; a text that begins with it needs quotes");
    let title = format!("write `{}`", single_quoted(context.source.slice(value)));
    let edit = Edit {
        span: value,
        text: single_quoted(context.source.slice(value)),
    };
    context.with_guessed_fix(problem, title, vec![edit])
}
