//! Plain text: what it can't begin with and can't hold, and colons too many or too few.

use crate::diagnostic::{Edit, Problem};
use crate::source::Span;

use super::{Spot, excerpt, indentation, rules, single_quoted};

/// Returns a colon where no value can begin.
pub(super) fn colon(spot: &Spot<'_>) -> Problem {
    let last = spot.source.slice(spot.last);
    let begins_above = spot.source.line_of(spot.last.start) < spot.line();
    if begins_above && spot.last.end <= spot.at {
        return match missing_space(spot, last) {
            Some(problem) => problem,
            None => indentation::swallowed(spot),
        };
    }
    let value = spot.content_from(spot.last.start);
    let text = spot.source.slice(value);
    let between = spot.text().get(spot.last.end as usize..spot.at as usize);
    let is_beside = between.is_some_and(|between| between.trim().is_empty());
    if !is_beside || text.starts_with(['"', '\'']) {
        return spot
            .problem(
                &rules::UNQUOTED_TEXT,
                spot.here(1),
                "a value is not allowed here",
            )
            .label("a second colon")
            .help("a line has one key; a text that contains `: ` needs quotes");
    }
    if text.contains("${{") {
        return quote(
            spot,
            spot.problem(
                &rules::UNQUOTED_TEMPLATE,
                spot.here(1),
                "`: ` ends the text in the middle of the template",
            )
            .label("read as a second colon")
            .help("put the whole value in quotes"),
            value,
        );
    }
    if last.len() > 1_000 {
        return spot
            .problem(
                &rules::YAML_LIMIT,
                spot.content_from(spot.last.start),
                "a key has at most 1,024 characters",
            )
            .help("put it in quotes if it is a text");
    }
    quote(
        spot,
        spot.problem(
            &rules::UNQUOTED_TEXT,
            spot.here(1),
            "a text that contains `: ` needs quotes",
        )
        .label("read as a second colon")
        .help("put the whole value in quotes"),
        value,
    )
}

/// `name:x` or `-x`: without the space it is text, and the next line goes on with it.
fn missing_space(spot: &Spot<'_>, last: &str) -> Option<Problem> {
    let first = last.lines().next()?;
    let start = spot.last.start;
    if first.starts_with('-') {
        let dash = Span::new(start, start + 1);
        let problem = spot
            .problem(
                &rules::MISSING_SPACE,
                dash,
                "a list item needs a space after `-`",
            )
            .help("without the space this line and the next one are one text");
        return Some(insert(spot, problem, start + 1, " ", "add the space"));
    }
    let colon = start + first.find(':')? as u32;
    let problem = spot
        .problem(
            &rules::MISSING_SPACE,
            Span::new(colon, colon + 1),
            "a key needs a space after its colon",
        )
        .also(spot.here(1), "this colon is one too many")
        .help("without the space this line and the next one are one text");
    Some(insert(spot, problem, colon + 1, " ", "add the space"))
}

fn insert(spot: &Spot<'_>, problem: Problem, at: u32, text: &str, title: &str) -> Problem {
    let edit = Edit {
        span: Span::new(at, at),
        text: text.to_owned(),
    };
    spot.try_fix(problem, title, vec![edit])
}

/// Offers the text in single quotes.
fn quote(spot: &Spot<'_>, problem: Problem, value: Span) -> Problem {
    let edit = Edit {
        span: value,
        text: single_quoted(spot.source.slice(value)),
    };
    let title = format!("write `{}`", excerpt(&edit.text));
    spot.try_fix(problem, title, vec![edit])
}

/// Returns a line among keys that has no colon.
pub(super) fn missing_colon(spot: &Spot<'_>) -> Problem {
    let line = spot.rest_of_line();
    let text = spot.source.slice(line);
    let problem = spot
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
    spot.try_guess(problem, title, vec![edit])
}

/// Returns a character that plain text can't begin with.
pub(super) fn reserved(spot: &Spot<'_>, character: char) -> Problem {
    let value = match spot.open {
        Some(_) => spot.word(),
        None => spot.rest_of_line(),
    };
    let problem = spot
        .problem(
            &rules::UNQUOTED_TEXT,
            spot.here(1),
            match character {
                '`' => "a text cannot begin with a backtick".to_owned(),
                _ => format!("a text cannot begin with `{character}`"),
            },
        )
        .help("put it in quotes");
    quote(spot, problem, value)
}

/// `key: - item`
pub(super) fn dash(spot: &Spot<'_>) -> Problem {
    let problem = spot
        .problem(
            &rules::UNQUOTED_TEXT,
            spot.here(1),
            "a list item is not allowed here",
        )
        .help("put each item on a line of its own below the key; a text that begins with `- ` needs quotes");
    if spot.open.is_some() {
        return problem.help("between brackets items are separated by `,`");
    }
    quote(spot, problem, spot.rest_of_line())
}

/// `"text"#comment`
pub(super) fn comment(spot: &Spot<'_>) -> Problem {
    let problem = spot
        .problem(
            &rules::MISSING_SPACE,
            spot.here(1),
            "a comment needs a space before its `#`",
        )
        .help("put it inside the quotes if it is part of the text");
    insert(spot, problem, spot.at, " ", "add the space")
}

/// `key: | text`
pub(super) fn block_header(spot: &Spot<'_>) -> Problem {
    let header = spot.rest_of_line();
    let text = spot.source.slice(header);
    let mark = &text[..1.min(text.len())];
    let rest = text[mark.len()..]
        .trim_start_matches(['+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let start = header.end - rest.trim_start().len() as u32;
    if rest.trim().is_empty() {
        return spot
            .problem(
                &rules::INVALID_BLOCK_HEADER,
                header,
                format!("`{text}` does not start a text block"),
            )
            .help(format!("write `{mark}`, and the text indented below it"));
    }
    spot.problem(
        &rules::INVALID_BLOCK_HEADER,
        Span::new(start, header.end),
        format!("after `{mark}` the text starts on the next line"),
    )
    .label("move this down")
    .help(format!(
        "indent it below its key; a one-line text that begins with `{mark}` needs quotes"
    ))
}
