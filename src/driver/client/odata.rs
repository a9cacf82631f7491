//! Writes OData filters, and percent-encodes the parts of addresses.

use svar_wire::Moment;

/// Returns a text literal in single quotes, with each inner quote doubled (API notes 5.1).
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Returns `field in ('a','b')`.
///
/// # Panics
/// There are no values.
pub(crate) fn in_list<'t>(field: &str, values: impl Iterator<Item = &'t str>) -> String {
    let values: Vec<String> = values.map(literal).collect();
    assert!(
        !values.is_empty(),
        "internal error: a filter without values"
    );
    format!("{field} in ({})", values.join(","))
}

/// Returns `field eq 'a' or field eq 'b'`, for services that refuse `in`.
///
/// # Panics
/// There are no values.
pub(crate) fn any_of<'t>(field: &str, values: impl Iterator<Item = &'t str>) -> String {
    let values: Vec<String> = values
        .map(|value| format!("{field} eq {}", literal(value)))
        .collect();
    assert!(
        !values.is_empty(),
        "internal error: a filter without values"
    );
    values.join(" or ")
}

/// Returns a time as an OData literal: without quotes, in whole seconds, rounded down (API notes 5.1).
pub(crate) fn time_literal(moment: Moment) -> String {
    let text = moment.to_string();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

/// Percent-encodes one part of a path or a query value: everything but letters, digits, `-`, `_`, `.`, `~`.
pub(crate) fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                encoded.push(char::from(byte));
            } else {
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_doubled_and_then_encoded() {
        assert_eq!(literal("o'hara's"), "'o''hara''s'");
        assert_eq!(
            percent_encode(&literal("o'h & é")),
            "%27o%27%27h%20%26%20%C3%A9%27"
        );
        assert_eq!(in_list("id", ["a", "b"].into_iter()), "id in ('a','b')");
        assert_eq!(
            any_of("id", ["a", "b"].into_iter()),
            "id eq 'a' or id eq 'b'"
        );
        let moment = Moment::parse("2026-02-03T09:10:11.987Z").expect("a moment");
        assert_eq!(time_literal(moment), "2026-02-03T09:10:11Z");
    }
}
