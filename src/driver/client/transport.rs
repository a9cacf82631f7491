//! How a request travels and its answer comes back: over HTTP, or by the hand of a [`Carrier`].
//!
//! Everything above this file (tokens, pages, filters, what an answer means) is the same for both,
//! so a run whose network is played has the client of a real one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url};

use svar_wire::Moment;

use super::response::Reply;
use super::text::{retry_after, words};

/// An answer of the API that is longer is no answer of the API. The longest lists are pages of
/// 10,000 entries of one or two kilobytes.
const LONGEST_BODY: usize = 256 << 20;

/// So much of a query the log shows: a filter may name two hundred machines.
const SHOWN_QUERY: usize = 160;

/// A request in plain words. It may hold a token or a result's address, so it is not for showing.
pub struct Letter {
    /// `GET`, `POST` …
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// The body, whole.
    pub body: Bytes,
}

/// An answer in plain words.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The body, as far as it came.
    pub body: Bytes,
    /// The connection ended before the body did, and why.
    pub broke_off: Option<String>,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was sent.
    Never(String),
    /// It may have been sent, and may have been acted on.
    Perhaps(String),
}

/// An answer on its way.
pub type Carried = Pin<Box<dyn Future<Output = Result<Delivered, Lost>> + Send>>;

/// Carries letters instead of the network: for runs in virtual time.
pub trait Carrier: Send + Sync {
    /// Takes a letter along. The answer may come whenever the carrier likes.
    fn carry(&self, letter: Letter) -> Carried;
}

/// The way to a service.
#[derive(Clone)]
pub(crate) enum Wire {
    Http(reqwest::Client),
    Hand(Arc<dyn Carrier>),
}

/// What is to be sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// For the whole call; a download has none.
    pub(crate) timeout: Option<Duration>,
    pub(crate) authorization: Option<HeaderValue>,
    /// Its content type and its bytes.
    pub(crate) body: Option<(String, Bytes)>,
}

impl Outgoing {
    pub(crate) fn get(url: Url) -> Self {
        Outgoing {
            method: Method::GET,
            url,
            timeout: None,
            authorization: None,
            body: None,
        }
    }

    /// For the log. The query of a call that carries no token may itself be the key: the address of a
    /// result is a secret for half an hour.
    fn shown(&self) -> String {
        let Outgoing { method, url, .. } = self;
        let (host, path) = (url.host_str().unwrap_or_default(), url.path());
        if url.query().is_none() {
            return format!("{method} {host}{path}");
        }
        let pairs: Vec<String> = match self.authorization {
            Some(_) => url
                .query_pairs()
                .map(|(key, value)| format!("{key}={value}")),
            None => return format!("{method} {host}{path}?…"),
        }
        .collect();
        let query = pairs.join("&");
        match query.char_indices().nth(SHOWN_QUERY) {
            Some((end, _)) => format!("{method} {host}{path}?{}…", &query[..end]),
            None => format!("{method} {host}{path}?{query}"),
        }
    }

    fn letter(self) -> Letter {
        let mut headers = Vec::new();
        if let Some(host) = self.url.host_str() {
            headers.push(match self.url.port() {
                Some(port) => ("host", format!("{host}:{port}")),
                None => ("host", host.to_owned()),
            });
        }
        if let Some(value) = &self.authorization {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.push(("authorization", value));
        }
        let mut body = Bytes::new();
        if let Some((kind, bytes)) = self.body {
            headers.push(("content-type", kind));
            body = bytes;
        }
        Letter {
            method: self.method.as_str().to_owned(),
            url: self.url.into(),
            headers,
            body,
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// Sends it; hands out the answer as soon as its head is there. The log tells of it at `debug`.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, Lost> {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return self.travel(outgoing).await;
        }
        let shown = outgoing.shown();
        let sent = Instant::now();
        let answered = self.travel(outgoing).await;
        let took = sent.elapsed().as_millis();
        match &answered {
            Ok(incoming) => {
                let retry_after = incoming.retry_after();
                let wait =
                    retry_after.map_or(String::new(), |wait| format!(", Retry-After {wait}"));
                tracing::debug!("{shown}: {} in {took} ms{wait}", incoming.status());
            }
            Err(Lost::Never(why)) => tracing::debug!("{shown}: not sent: {why}"),
            Err(Lost::Perhaps(why)) => tracing::debug!("{shown}: no answer after {took} ms: {why}"),
        }
        answered
    }

    async fn travel(&self, outgoing: Outgoing) -> Result<Incoming, Lost> {
        match self {
            Wire::Hand(carrier) => {
                let delivered = carrier.carry(outgoing.letter()).await?;
                Ok(Incoming::Hand(delivered))
            }
            Wire::Http(http) => {
                let mut request = http.request(outgoing.method, outgoing.url);
                if let Some(timeout) = outgoing.timeout {
                    request = request.timeout(timeout);
                }
                if let Some(value) = outgoing.authorization {
                    request = request.header(AUTHORIZATION, value);
                }
                if let Some((kind, bytes)) = outgoing.body {
                    request = request
                        .header(CONTENT_TYPE, kind)
                        .body(reqwest::Body::from(bytes));
                }
                match request.send().await {
                    Ok(response) => Ok(Incoming::Http(response)),
                    Err(error) if error.is_connect() || error.is_builder() => {
                        Err(Lost::Never(words(error)))
                    }
                    Err(error) => Err(Lost::Perhaps(words(error))),
                }
            }
        }
    }

    /// Sends it and takes the whole answer.
    pub(crate) async fn exchange(&self, outgoing: Outgoing, now: Moment) -> Result<Reply, Lost> {
        let mut incoming = self.send(outgoing).await?;
        let status = incoming.status();
        let wait = incoming
            .retry_after()
            .and_then(|value| retry_after(value, now));
        let mut body = Ok(Vec::new());
        loop {
            match (incoming.chunk().await, &mut body) {
                (Ok(Some(chunk)), Ok(bytes)) if bytes.len() + chunk.len() <= LONGEST_BODY => {
                    bytes.extend_from_slice(&chunk);
                }
                (Ok(Some(_)), _) => {
                    body = Err("it is longer than any answer of the service".to_owned());
                    break;
                }
                (Ok(None), _) => break,
                (Err(why), _) => {
                    body = Err(why);
                    break;
                }
            }
        }
        Ok(Reply {
            status,
            retry_after: wait,
            body,
        })
    }
}

/// An answer whose body is still to come.
pub(crate) enum Incoming {
    Http(reqwest::Response),
    Hand(Delivered),
}

impl Incoming {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Incoming::Http(response) => response.status().as_u16(),
            Incoming::Hand(delivered) => delivered.status,
        }
    }

    fn retry_after(&self) -> Option<&str> {
        match self {
            Incoming::Http(response) => response.headers().get(RETRY_AFTER)?.to_str().ok(),
            Incoming::Hand(delivered) => delivered.retry_after.as_deref(),
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        match self {
            Incoming::Http(response) => response.chunk().await.map_err(words),
            Incoming::Hand(delivered) if delivered.body.is_empty() => {
                match delivered.broke_off.take() {
                    Some(why) => Err(why),
                    None => Ok(None),
                }
            }
            Incoming::Hand(delivered) => Ok(Some(std::mem::take(&mut delivered.body))),
        }
    }
}
