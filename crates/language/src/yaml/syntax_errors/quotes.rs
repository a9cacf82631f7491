//! Problems with quotes: escapes, missing quotes, text after a quote.

use crate::diagnostic::{Edit, Problem};
use crate::source::Span;

use crate::yaml::rules;
use crate::yaml::text::{excerpt, single_quoted};

use super::ErrorContext;

/// Returns the problem of an unknown or incomplete escape in double quotes.
pub(super) fn escape(context: &ErrorContext<'_>) -> Problem {
    let quote = context.at;
    let Some(escape) = first_bad_escape(context.text(), quote) else {
        return context.problem(
            &rules::INVALID_ESCAPE,
            context.here(1),
            "invalid escape in this text",
        );
    };
    let written = context.source.slice(escape);
    let is_unfinished = written.len() > 2;
    let problem = context
        .problem(
            &rules::INVALID_ESCAPE,
            escape,
            if is_unfinished {
                format!("`{written}` is not a complete character")
            } else {
                format!("unknown escape `{written}` in double quotes")
            },
        )
        .also(
            Span::new(quote, quote + 1),
            "in double quotes `\\` starts an escape",
        )
        .help("write the text in single quotes, where `\\` is an ordinary character");
    let Some(end) = closing_quote(context.text(), quote) else {
        return problem;
    };
    let inside = &context.text()[quote as usize + 1..end as usize];
    if inside.contains('\n') || is_unfinished && !inside.contains(":\\") {
        return problem;
    }
    // If only some backslashes are doubled, single ones are meant.
    let raw = inside.replace("\\\"", "\"").replace("\\\\", "\\");
    let edit = Edit {
        span: Span::new(quote, end + 1),
        text: single_quoted(&raw),
    };
    let title = format!("write `{}`", edit.text);
    context.with_fix(problem, title, vec![edit])
}

/// Returns the first invalid escape after a quote.
fn first_bad_escape(text: &str, quote: u32) -> Option<Span> {
    let mut at = quote as usize + 1;
    loop {
        let rest = text.get(at..)?;
        let next = rest.find(['\\', '"'])?;
        at += next;
        if text.as_bytes()[at] == b'"' {
            return None;
        }
        let kind = text[at + 1..].chars().next()?;
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let after = at + 1 + kind.len_utf8();
        let written = text[after..]
            .bytes()
            .take(digits)
            .take_while(u8::is_ascii_hexdigit)
            .count();
        let code = u32::from_str_radix(&text[after..after + written], 16);
        let length = 1 + kind.len_utf8() + written;
        let is_known = "0abtnvfre \"/\\N_LPxuU\t\r\n".contains(kind);
        let is_pair = matches!(code, Ok(0xD800..0xDC00))
            && text.get(at + 6..at + 8) == Some("\\u")
            && is_low_surrogate(text.get(at + 8..at + 12));
        let is_character =
            digits == 0 || is_pair || code.is_ok_and(|code| char::from_u32(code).is_some());
        if !is_known || written < digits || !is_character {
            return Some(Span::new(at as u32, (at + length) as u32));
        }
        at += length + if is_pair { 6 } else { 0 };
    }
}

fn is_low_surrogate(digits: Option<&str>) -> bool {
    digits
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .is_some_and(|code| (0xDC00..0xE000).contains(&code))
}

/// Returns the offset of the closing quote for an opening quote.
fn closing_quote(text: &str, quote: u32) -> Option<u32> {
    let bytes = text.as_bytes();
    let mark = *bytes.get(quote as usize)?;
    let mut at = quote as usize + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if mark == b'"' => at += 2,
            b'\'' if mark == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if byte == mark => return Some(at as u32),
            _ => at += 1,
        }
    }
    None
}

/// Returns the problem of a quote that is never closed.
pub(super) fn unclosed(context: &ErrorContext<'_>) -> Problem {
    let text = context.source.slice(context.rest_of_line());
    let mark = text.chars().next().unwrap_or('"');
    let quote = context.here(1);
    let line = context.content_from(context.at);
    let problem = context.problem(&rules::UNCLOSED_QUOTE, quote, "this quote is never closed");
    // `"C:\temp\"`: the last backslash escapes the quote.
    if mark == '"' && text.len() > 2 && text.ends_with("\\\"") {
        let raw = text[1..text.len() - 1].replace("\\\\", "\\");
        let edit = Edit {
            span: line,
            text: single_quoted(&raw),
        };
        let title = format!("write `{}`", edit.text);
        let end = line.end;
        let problem = problem
            .also(
                Span::new(end - 2, end),
                "this is an escaped quote, not the closing one",
            )
            .help("write the text in single quotes, where `\\` is an ordinary character");
        return context.with_fix(problem, title, vec![edit]);
    }
    let problem = problem.help(format!(
        "close it with `{mark}` at the end of the text{}",
        if mark == '\'' {
            "; inside single quotes an apostrophe is written `''`"
        } else {
            ""
        }
    ));
    let edit = Edit {
        span: Span::new(line.end, line.end),
        text: mark.to_string(),
    };
    context.with_guessed_fix(
        problem,
        format!("add `{mark}` after `{}`", excerpt(text)),
        vec![edit],
    )
}

/// Returns the problem of text after a closing quote.
pub(super) fn text_after(context: &ErrorContext<'_>) -> Problem {
    let text = context.text();
    let line = context.source.line_span(context.line());
    let before = text[line.start as usize..context.at as usize].trim_end();
    let closing = line.start + before.len() as u32 - 1;
    let mark = before.chars().next_back().unwrap_or('"');
    let rest = context.rest_of_line();
    let problem = context
        .problem(
            &rules::TEXT_AFTER_QUOTE,
            rest,
            "text after the closing quote",
        )
        .also(Span::new(closing, closing + 1), "the text ends here");
    let Some(opening) = opening_quote(context, line, closing) else {
        return problem.help("put the whole value in quotes");
    };
    let whole = Span::new(opening, rest.end);
    let value = context.source.slice(whole);
    if mark == '\'' && value.ends_with('\'') && value.len() > 2 {
        let edit = Edit {
            span: whole,
            text: single_quoted(&value[1..value.len() - 1].replace("''", "'")),
        };
        let title = format!("write `{}`", edit.text);
        let problem = problem.help("inside single quotes an apostrophe is written `''`");
        return context.with_fix(problem, title, vec![edit]);
    }
    let problem =
        problem.help("put the whole value in quotes; single quotes can contain double quotes");
    let edit = Edit {
        span: whole,
        text: single_quoted(value),
    };
    let title = format!("write `{}`", edit.text);
    context.with_fix(problem, title, vec![edit])
}

/// Returns the offset of the opening quote in this line for a closing quote.
fn opening_quote(context: &ErrorContext<'_>, line: Span, closing: u32) -> Option<u32> {
    let text = context.source.slice(line);
    text.match_indices(['"', '\''])
        .map(|(at, _)| line.start + at as u32)
        .find(|quote| closing_quote(context.text(), *quote) == Some(closing))
}
