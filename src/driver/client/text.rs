//! Reads and formats short texts of responses and errors.

use std::time::Duration;

use svar_wire::Moment;

/// Returns the body without the byte order mark that some gateways add.
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Parses a `Retry-After` header: seconds, or an HTTP date (API notes 9.3).
pub(crate) fn retry_after(header: &str, now: Moment) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // The parser also accepts GMT, the zone of every HTTP date.
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    let until = Moment::from_millis(date.timestamp().as_millisecond());
    Some(until.since(now))
}

/// Returns an error of the HTTP library as text: its inner causes, and never an address, because an
/// address may be a secret.
pub(crate) fn describe_error(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        let message = if error.is_connect() {
            "timed out while connecting"
        } else {
            "timed out while waiting for a response"
        };
        return message.to_owned();
    }
    let mut cause: &dyn std::error::Error = &error;
    let mut causes = Vec::new();
    while let Some(inner) = cause.source() {
        let text = inner.to_string();
        // Each layer tends to repeat the message of the one below.
        if !causes
            .last()
            .is_some_and(|last: &String| last.contains(&text))
        {
            causes.push(text);
        }
        cause = inner;
    }
    if causes.is_empty() {
        return error.to_string();
    }
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Moment::parse("2026-02-03T09:00:00Z").expect("a moment");
        assert_eq!(retry_after("17", now), Some(Duration::from_secs(17)));
        assert_eq!(
            retry_after("Tue, 03 Feb 2026 09:01:30 GMT", now),
            Some(Duration::from_secs(90))
        );
        assert_eq!(
            retry_after("Tue, 03 Feb 2026 08:00:00 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon", now), None);
    }
}
