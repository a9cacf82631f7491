//! `[…]` and `{…}`: where they end, and what can't stand inside them.

use crate::diagnostic::{Edit, Problem};
use crate::source::Span;

use super::{Spot, rules, single_quoted};

/// Something between brackets that neither ends them nor separates two entries.
pub(super) fn unclosed(spot: &Spot<'_>) -> Problem {
    let text = spot.text();
    if text[..spot.at as usize].ends_with('$') && text[spot.at as usize..].starts_with("{{") {
        // Text right before it is part of the same value: `[a-${{ x }}]`.
        let start = if spot.last.end == spot.at {
            spot.last.start
        } else {
            spot.at - 1
        };
        return template(spot, start);
    }
    let Some(open) = spot.open else {
        let at = spot.here(1);
        let bracket = spot.source.slice(at).to_owned();
        return spot
            .problem(
                &rules::UNCLOSED_BRACKET,
                at,
                format!("this `{bracket}` is never closed"),
            )
            .help(closing_help(&bracket));
    };
    let bracket = spot.source.slice(open).to_owned();
    if spot.at <= open.start || spot.source.line_of(open.start) != spot.line() {
        let problem = spot
            .problem(
                &rules::UNCLOSED_BRACKET,
                open,
                format!("this `{bracket}` is never closed"),
            )
            .help(closing_help(&bracket));
        let line = spot.content_from(open.start);
        let edit = Edit {
            span: Span::new(line.end, line.end),
            text: closing(&bracket).to_owned(),
        };
        let title = format!("add `{}` at the end of the line", closing(&bracket));
        return spot.try_guess(problem, title, vec![edit]);
    }
    spot.problem(
        &rules::UNCLOSED_BRACKET,
        spot.here(1),
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

/// Returns a template without quotes: its braces are read as a map.
fn template(spot: &Spot<'_>, start: u32) -> Problem {
    let end_of_line = spot.source.line_span(spot.line()).end;
    let rest = spot.source.slice(Span::new(start, end_of_line));
    let length = rest.find("}}").map_or(rest.trim_end().len(), |end| {
        // What stands right beside the template is part of the same text.
        let after = &rest[end + 2..];
        end + 2 + after.find([',', ']', '}', ' ']).unwrap_or(after.len())
    });
    let value = Span::new(start, start + length as u32);
    let text = spot.source.slice(value);
    let problem = spot
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
    spot.try_fix(problem, title, vec![edit])
}

/// `[` closed by `}`.
pub(super) fn mismatched(spot: &Spot<'_>, open: char, close: char) -> Problem {
    let opening = spot.open.unwrap_or(spot.here(1));
    let expected = closing(&open.to_string());
    let after = &spot.text()[opening.end as usize..];
    let problem = spot
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
            let title = format!("replace `{close}` by `{expected}`");
            spot.try_guess(
                problem.also(span, format!("not `{expected}`")),
                title,
                vec![edit],
            )
        }
        None => problem,
    }
}

/// Returns a closing bracket that closes nothing.
pub(super) fn misplaced(spot: &Spot<'_>) -> Problem {
    let value = spot.rest_of_line();
    let bracket = spot.source.slice(spot.here(1)).to_owned();
    let problem = spot
        .problem(
            &rules::UNCLOSED_BRACKET,
            spot.here(1),
            format!("this `{bracket}` has no opening bracket"),
        )
        .help("remove it; a text that begins with it needs quotes");
    let title = format!("write `{}`", single_quoted(spot.source.slice(value)));
    let edit = Edit {
        span: value,
        text: single_quoted(spot.source.slice(value)),
    };
    spot.try_guess(problem, title, vec![edit])
}
