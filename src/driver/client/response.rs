//! Interprets responses.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use svar_engine::Refusal;
use svar_wire::Moment;
use svar_wire::text::one_line;

use super::error::CallError;
use super::text::{retry_after, without_bom};
use super::transport::{
    BodyError, LoggedTransport, Request, ResponseBody, TransportError, retry_after_header,
};

/// Maximum size of a response that is read into memory. The longest lists are pages of 10,000
/// entries of one or two kilobytes.
const RESPONSE_BYTES_MAX: usize = 256 << 20;

/// A response with its whole body.
pub(crate) struct FullResponse {
    pub(crate) status: StatusCode,
    /// The delay that the service asks for.
    pub(crate) retry_after: Option<Duration>,
    /// The body, or the reason why it ended early.
    pub(crate) body: Result<Vec<u8>, BodyError>,
}

/// The only key that a successful response must not have.
#[derive(Deserialize)]
struct ErrorField {
    #[serde(default)]
    error: Option<Value>,
}

impl FullResponse {
    /// Sends a request and returns the response with its whole body. A date in `Retry-After` is
    /// compared with `now`.
    pub(crate) async fn receive(
        request: Request,
        transport: &LoggedTransport,
        timeout: Duration,
        now: Moment,
    ) -> Result<FullResponse, TransportError> {
        let response = transport.send(request, Some(timeout)).await?;
        let (head, body) = response.into_parts();
        Ok(FullResponse {
            status: head.status,
            retry_after: retry_after_header(&head.headers)
                .and_then(|value| retry_after(value, now)),
            body: read_whole(body).await,
        })
    }

    /// Reads the response as a `T`, or returns the error that it stands for.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let body = self.success()?;
        let bytes = without_bom(&body);
        let unreadable = |error: serde_json::Error| {
            CallError::unknown(if error.is_data() {
                format!("the response has an unexpected form ({error})")
            } else {
                format!("the response is not JSON but {}", describe(&body))
            })
        };
        // The bytes are parsed twice and never into a tree: a list of machines has tens of
        // thousands of entries, and is read all day.
        let parsed: ErrorField = serde_json::from_slice(bytes).map_err(unreadable)?;
        // Some successful responses contain an error in their body (API notes 9.2). Whether such a
        // call had an effect is unknown.
        if let Some(error) = parsed.error {
            let refusal = refusal_of(StatusCode::OK, Some(&error), None);
            return Err(CallError::unknown(format!(
                "the response reports success but contains an error, {}: {}",
                refusal.code, refusal.message
            )));
        }
        serde_json::from_slice(bytes).map_err(unreadable)
    }

    /// Returns the body of a successful response without parsing it.
    pub(crate) fn success(self) -> Result<Vec<u8>, CallError> {
        let status = self.status;
        if status.is_success() {
            return self
                .body
                .map_err(|error| CallError::unknown(format!("the response ended early: {error}")));
        }
        // A request that the service reports as timed out may have had an effect.
        if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
            return Err(CallError::Refused(self.refusal()));
        }
        Err(CallError::Unknown {
            why: format!(
                "HTTP {}, {}",
                status.as_u16(),
                describe(self.body.as_deref().unwrap_or_default())
            ),
            retry_after: self.retry_after,
        })
    }

    fn refusal(self) -> Refusal {
        let body = self.body.unwrap_or_default();
        let value: Option<Value> = serde_json::from_slice(without_bom(&body)).ok();
        let error = value.as_ref().and_then(|value| value.get("error"));
        let mut refusal = refusal_of(self.status, error, self.retry_after);
        if error.is_none() {
            refusal.message = describe(&body);
        }
        refusal
    }
}

async fn read_whole(mut body: ResponseBody) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.chunk().await? {
        if bytes.len() + piece.len() > RESPONSE_BYTES_MAX {
            return Err(BodyError(format!(
                "it is longer than {RESPONSE_BYTES_MAX} bytes"
            )));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Builds a refusal from either form of an error body (API notes 9.1, 9.2). Missing parts stay
/// empty.
fn refusal_of(status: StatusCode, error: Option<&Value>, retry_after: Option<Duration>) -> Refusal {
    let text = |key: &str| error.and_then(|error| error.get(key)?.as_str());
    Refusal {
        status: status.as_u16(),
        code: one_line(text("code").unwrap_or_default(), 100),
        message: one_line(
            text("message")
                .or_else(|| error.and_then(Value::as_str))
                .unwrap_or_default(),
            500,
        ),
        target: text("target").map(|target| one_line(target, 100)),
        retry_after_ms: retry_after.map(saturating_millis),
    }
}

/// Returns a duration in milliseconds, or the largest number if it is too long for one.
fn saturating_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Describes a body that is not the service's JSON, in a few words.
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
            Some(one_line(&text[start..end], 100))
        });
        return match title {
            Some(title) => format!("a web page: {title}"),
            None => "a web page".to_owned(),
        };
    }
    one_line(text, 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> FullResponse {
        FullResponse {
            status: StatusCode::from_u16(status).expect("a status"),
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
            ("no\u{1b}[31m such thing", "404: no<U+001B>[31m such thing"),
        ];
        for (body, expected) in rows {
            let failure = response(404, body).success().expect_err("a refusal");
            assert_eq!(
                failure.to_string(),
                format!("the service refused: {expected}")
            );
        }
    }

    #[test]
    fn only_a_refusal_is_certain_to_have_had_no_effect() {
        for status in [302, 408, 500, 502, 503, 504] {
            let failure = response(status, "").success().expect_err("a failure");
            assert!(matches!(failure, CallError::Unknown { .. }), "{status}");
        }
        for status in [400, 403, 404, 409, 429] {
            let failure = response(status, "").success().expect_err("a failure");
            assert!(matches!(failure, CallError::Refused(_)), "{status}");
        }
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"error":{"code":"x","message":"y"}}"#,
        ] {
            let failure = response(201, body)
                .read::<svar_wire::MachineAction>()
                .expect_err("a failure");
            assert!(matches!(failure, CallError::Unknown { .. }), "{body}");
        }
    }
}
