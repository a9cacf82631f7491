//! What an answer means.
//!
//! The one question that matters about a failed call: may it have had an effect? A refusal and a
//! connection that never stood certainly had none; everything else may have.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use svar_engine::Refusal;
use svar_wire::Moment;

use super::token::SignInError;

/// How a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The service refused it: it certainly had no effect.
    #[error("the service refused: {}", words(.0))]
    Refused(Refusal),
    /// The answer was lost, or says nothing that can be relied on: it may have had an effect.
    #[error("the answer is not known: {why}")]
    Unknown {
        /// What happened.
        why: String,
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// No connection stood: it certainly had no effect.
    #[error("the service can't be reached: {why}")]
    Unreachable {
        /// What happened.
        why: String,
    },
    /// There is no valid token to ask with: it certainly had no effect.
    #[error(transparent)]
    SignedOut(#[from] SignInError),
}

impl Failure {
    /// A failure after which nothing is known.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Failure::Unknown {
            why: why.into(),
            retry_after: None,
        }
    }

    /// A failure before anything was sent.
    pub(crate) fn unreachable(why: impl Into<String>) -> Self {
        Failure::Unreachable { why: why.into() }
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Failure::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether it is a refusal with this HTTP status.
    pub fn is_refused_with(&self, status: u16) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.status == status)
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Refused(refusal) => refusal.retry_after_ms.map(Duration::from_millis),
            Failure::Unknown { retry_after, .. } => *retry_after,
            Failure::Unreachable { .. } | Failure::SignedOut(_) => None,
        }
    }

    /// What the operator can do about it, in one sentence.
    pub fn next_step(&self) -> String {
        match self {
            Failure::Refused(refusal) => match refusal.status {
                403 => "check the application's permissions; newly granted ones take about a minute to count".into(),
                404 => "check the id, and that the API host is that of the tenant's cloud".into(),
                429 => "wait a minute, somebody else is using the tenant's quota".into(),
                _ => match &refusal.target {
                    Some(target) => format!("quote the correlation id {target} to the service's support"),
                    None => "try again; if it stays, the service's support can tell".into(),
                },
            },
            Failure::Unknown { .. } => "try again in a minute".into(),
            Failure::Unreachable { .. } => {
                "check the network, the proxy settings and the API host".into()
            }
            Failure::SignedOut(error) => error.next_step(),
        }
    }
}

fn words(refusal: &Refusal) -> String {
    let Refusal {
        status,
        code,
        message,
        ..
    } = refusal;
    match (code.is_empty(), message.is_empty()) {
        (false, false) => format!("{status} {code}: {message}"),
        (false, true) => format!("{status} {code}"),
        (true, false) => format!("{status}: {message}"),
        (true, true) => format!("{status}"),
    }
}

/// An answer as it came over the wire.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// Its bytes, or why they did not all come.
    pub(crate) body: Result<Vec<u8>, String>,
}

/// The one key that a success must not have.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    error: Option<Value>,
}

impl Reply {
    /// Reads the answer as a `T`, or says what it means instead.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let body = self.success()?;
        let bytes = without_mark(&body);
        let unread = |error: serde_json::Error| {
            Failure::unknown(match error.is_data() {
                true => format!("the answer has another shape ({error})"),
                false => format!("the answer is no JSON but {}", describe(&body)),
            })
        };
        // Twice over the bytes and never into a tree: a list of machines has tens of thousands of
        // entries, and is read all day.
        let head: Head = serde_json::from_slice(bytes).map_err(unread)?;
        // Seen in the wild: a success whose body holds an error (API notes 9.2). What it did is
        // anybody's guess.
        if let Some(error) = head.error {
            let refusal = refusal_of(200, Some(&error), None);
            return Err(Failure::unknown(format!(
                "a success that holds an error, {}: {}",
                refusal.code, refusal.message
            )));
        }
        serde_json::from_slice(bytes).map_err(unread)
    }

    /// Takes the answer as a success without reading it.
    pub(crate) fn success(self) -> Result<Vec<u8>, Failure> {
        match self.status {
            200..=299 => self
                .body
                .map_err(|why| Failure::unknown(format!("the answer broke off: {why}"))),
            // A request that the service itself calls timed out may have been at work already.
            400..=499 if self.status != 408 => Err(Failure::Refused(self.refusal())),
            status => Err(Failure::Unknown {
                why: format!(
                    "HTTP {status}, {}",
                    describe(self.body.as_deref().unwrap_or_default())
                ),
                retry_after: self.retry_after,
            }),
        }
    }

    fn refusal(self) -> Refusal {
        let body = self.body.unwrap_or_default();
        let value: Option<Value> = serde_json::from_slice(without_mark(&body)).ok();
        let error = value.as_ref().and_then(|value| value.get("error"));
        let mut refusal = refusal_of(self.status, error, self.retry_after);
        if error.is_none() {
            refusal.message = describe(&body);
        }
        refusal
    }
}

/// Both shapes of an error body (API notes 9.1, 9.2); whatever is missing stays empty.
fn refusal_of(status: u16, error: Option<&Value>, retry_after: Option<Duration>) -> Refusal {
    let text = |key: &str| error.and_then(|error| error.get(key)?.as_str());
    Refusal {
        status,
        code: clean(text("code").unwrap_or_default(), 100),
        message: clean(
            text("message")
                .or_else(|| error.and_then(Value::as_str))
                .unwrap_or_default(),
            500,
        ),
        target: text("target").map(|target| clean(target, 100)),
        retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// A body that is not the service's JSON, in a few words.
fn describe(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        return "an empty body".to_owned();
    }
    if text.starts_with('<') {
        let lower = text.to_ascii_lowercase();
        let title = lower.find("<title>").and_then(|start| {
            let start = start + "<title>".len();
            let end = start + lower[start..].find('<')?;
            Some(clean(&text[start..end], 100))
        });
        return match title {
            Some(title) => format!("a web page: {title}"),
            None => "a web page".to_owned(),
        };
    }
    clean(text, 200)
}

/// A stranger's words made fit for a terminal and a log: control characters become blanks, length
/// is limited.
pub(crate) fn clean(text: &str, letters_max: usize) -> String {
    let mut cleaned: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(letters_max)
        .collect();
    if text.chars().nth(letters_max).is_some() {
        cleaned.push('…');
    }
    cleaned.trim().to_owned()
}

/// Without the byte order mark that some gateways put first.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// `Retry-After`: seconds, or an HTTP date (API notes 9.3).
pub(crate) fn retry_after(header: &str, now: Moment) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // The parser wants a zone by number; HTTP dates are always in GMT.
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    let until = Moment::from_millis(date.timestamp().as_millisecond());
    Some(until.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            retry_after: None,
            body: Ok(body.as_bytes().to_vec()),
        }
    }

    #[test]
    fn every_shape_of_a_refusal_keeps_its_words() {
        let rows = [
            (
                r#"{"error":{"code":"ResourceNotFound","message":"Machine not known","target":"2b7d"}}"#,
                "404 ResourceNotFound: Machine not known",
            ),
            (
                r#"{"error":{"code":"","message":"Syntax error","details":[]}}"#,
                "404: Syntax error",
            ),
            ("", "404: an empty body"),
            (
                "<html><head><title>Bad\ngateway</title></head></html>",
                "404: a web page: Bad gateway",
            ),
            ("no\u{1b}[31m such thing", "404: no [31m such thing"),
        ];
        for (body, expected) in rows {
            let failure = reply(404, body).success().expect_err("a refusal");
            assert_eq!(
                failure.to_string(),
                format!("the service refused: {expected}")
            );
        }
    }

    #[test]
    fn only_a_refusal_is_certain_to_have_had_no_effect() {
        for status in [302, 408, 500, 502, 503, 504] {
            let failure = reply(status, "").success().expect_err("a failure");
            assert!(matches!(failure, Failure::Unknown { .. }), "{status}");
        }
        for status in [400, 403, 404, 409, 429] {
            let failure = reply(status, "").success().expect_err("a failure");
            assert!(matches!(failure, Failure::Refused(_)), "{status}");
        }
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"error":{"code":"x","message":"y"}}"#,
        ] {
            let failure = reply(201, body)
                .read::<svar_wire::MachineAction>()
                .expect_err("a failure");
            assert!(matches!(failure, Failure::Unknown { .. }), "{body}");
        }
    }

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
