//! HTTP messages as plain values: the input and output of the service.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::json;
use super::refusal::Refusal;

/// A request, independent of its transport.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, `DELETE` …
    pub method: String,
    /// The path as sent, with percent encoding.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// `true` if the body exceeded the limit. `body` is empty in that case.
    pub is_oversized: bool,
}

impl Request {
    /// Creates a request without headers and body. `target` is the path, with the query after a
    /// `?`.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            ..Request::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Parses the body as JSON.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Refusal> {
        if self.is_oversized {
            return Err(Refusal::body("The body is too large."));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::body(format!("The body is not valid JSON: {error}")))
    }

    /// Returns the first value of a header.
    pub(crate) fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// How an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Completely.
    #[default]
    Whole,
    /// Not at all: the connection is closed.
    Dropped,
    /// Half of the body, after which the connection is closed.
    Truncated,
    /// In ten pieces, with a pause of that emulated length before each.
    Slow(Duration),
}

/// The content type of JSON, as the service writes it.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The whole body.
    pub body: Bytes,
    /// How it is sent.
    pub delivery: Delivery,
}

impl Response {
    /// Creates an answer without headers and body.
    pub(crate) fn empty(status: u16) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delivery: Delivery::Whole,
        }
    }

    /// Creates an answer with a value as JSON.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        Response {
            headers: vec![("content-type", JSON.to_owned())],
            body: json::to_vec(value).into(),
            ..Response::empty(status)
        }
    }

    /// Creates an answer with a body of that content type.
    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Response {
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            ..Response::empty(status)
        }
    }

    /// Removes the body, as in the answer to a HEAD request. The headers stay, with the length of the
    /// body.
    pub(crate) fn remove_body(&mut self) {
        if self.delivery != Delivery::Dropped {
            self.delivery = Delivery::Whole;
        }
        let is_bodiless = matches!(self.status, 204 | 304);
        if !is_bodiless {
            let length = self.body.len().to_string();
            self.headers.push(("content-length", length));
        }
        self.body.clear();
    }

    /// Returns a header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_str())
    }
}
