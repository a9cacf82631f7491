//! Refusals of calls, in the two forms of the service (API notes 9).

use std::borrow::Cow;

use svar_wire::Moment;
use svar_wire::{ErrorBody, ErrorDetail};

use super::message::Response;
use super::timestamp::http_date;

/// The time of the next attempt, in the two forms that HTTP has (API notes 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Seconds(u64),
    Date(Moment),
}

/// The reason for which a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) retry_after: Option<RetryAfter>,
    /// The methods of a path, for a 405.
    pub(crate) allow: Option<String>,
}

impl Refusal {
    pub(crate) fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Refusal {
            status,
            code: code.into(),
            message: message.into(),
            retry_after: None,
            allow: None,
        }
    }

    /// Creates a 400 in the form of the query parser: an empty code, no target (API notes 9.2).
    pub(crate) fn query(message: impl Into<String>) -> Self {
        Refusal::new(400, "", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Refusal::new(404, "ResourceNotFound", message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Refusal::new(400, "InvalidInput", message)
    }

    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Refusal::new(400, "MissingRequiredParameter", message)
    }

    pub(crate) fn too_many(message: impl Into<String>, retry_after_s: Option<u64>) -> Self {
        Refusal {
            retry_after: retry_after_s.map(RetryAfter::Seconds),
            ..Refusal::new(429, "TooManyRequests", message)
        }
    }

    /// Creates a refusal of a body that is not a JSON object of the right form (API notes 3.4).
    pub(crate) fn body(message: impl Into<String>) -> Self {
        Refusal::new(400, "InvalidRequestBody", message)
    }

    /// Returns the answer, with the correlation id that a user would quote to support.
    pub(crate) fn answer(self, correlation: uuid::Uuid) -> Response {
        let parser_shape = self.code.is_empty();
        let body = ErrorBody {
            error: ErrorDetail {
                code: self.code.into_owned(),
                message: self.message,
                target: (!parser_shape).then(|| correlation.to_string()),
                details: parser_shape.then(Vec::new),
            },
        };
        let mut response = Response::json(self.status, &body);
        if let Some(wait) = self.retry_after {
            let text = match wait {
                RetryAfter::Seconds(seconds) => seconds.to_string(),
                RetryAfter::Date(moment) => http_date(moment),
            };
            response.headers.push(("retry-after", text));
        }
        if self.status == 401 {
            // HTTP requires this header for every 401. No source says what the service writes (our
            // choice).
            let scheme = "Bearer".to_owned();
            response.headers.push(("www-authenticate", scheme));
        }
        if let Some(allow) = self.allow {
            response.headers.push(("allow", allow));
        }
        response
    }
}
