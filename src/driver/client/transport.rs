//! Sends requests to the service and receives its responses.
//!
//! [`HttpTransport`] sends over the network; a run in virtual time provides its own [`Transport`].
//! Everything above this module (tokens, pages, filters, the meaning of a response) is the same for
//! both.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method};
use reqwest::Url;

use super::text::describe_error;

/// Maximum length of a logged query in characters: a filter may name many devices.
const LOGGED_QUERY_LENGTH: usize = 160;

/// A request with its whole body. It may hold a token or the address of a result, so it must not be
/// shown.
pub type Request = http::Request<Bytes>;

/// A response whose body has not been read yet.
pub type Response = http::Response<ResponseBody>;

/// A future of a response.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

/// Sends requests and returns the responses.
pub trait Transport: Send + Sync {
    /// Sends a request. The future completes as soon as the head of the response has arrived.
    /// `timeout` limits the whole exchange, including the body.
    fn send(&self, request: Request, timeout: Option<Duration>) -> ResponseFuture;
}

/// The reason why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request was not sent, so it had no effect.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have been sent, so it may have had an effect.
    #[error("no response: {0}")]
    MaybeSent(String),
}

impl TransportError {
    /// Returns the reason, for callers that need not know whether anything was sent.
    pub(crate) fn into_reason(self) -> String {
        let (TransportError::NotSent(reason) | TransportError::MaybeSent(reason)) = self;
        reason
    }
}

/// The reason why the body of a response ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(pub String);

/// The body of a response, read piece by piece.
pub struct ResponseBody(Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>);

impl ResponseBody {
    /// Returns a body that ends with an error after these bytes.
    pub fn cut_off(arrived: Bytes, error: BodyError) -> Self {
        ResponseBody(stream::iter([Ok(arrived), Err(error)]).boxed())
    }

    /// Returns the next piece; `None` at the end of the body.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.0.next().await.transpose()
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        ResponseBody(stream::iter([Ok(bytes)]).boxed())
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseBody")
    }
}

/// Builds a request without a body.
///
/// # Errors
/// The address can't be sent as it is.
pub(crate) fn get(url: &Url) -> Result<Request, TransportError> {
    build(Method::GET, url, Bytes::new())
}

/// Builds a request with a body.
///
/// # Errors
/// The address or the content type can't be sent as it is.
pub(crate) fn post(url: &Url, content_type: &str, body: Bytes) -> Result<Request, TransportError> {
    let mut request = build(Method::POST, url, body)?;
    let content_type = HeaderValue::try_from(content_type)
        .map_err(|error| TransportError::NotSent(error.to_string()))?;
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(request)
}

fn build(method: Method, url: &Url, body: Bytes) -> Result<Request, TransportError> {
    http::Request::builder()
        .method(method)
        .uri(url.as_str())
        .body(body)
        .map_err(|error| TransportError::NotSent(error.to_string()))
}

/// A transport over the network.
pub(crate) struct HttpTransport(pub(crate) reqwest::Client);

impl Transport for HttpTransport {
    fn send(&self, request: Request, timeout: Option<Duration>) -> ResponseFuture {
        let (head, body) = request.into_parts();
        let mut request = self
            .0
            .request(head.method, head.uri.to_string())
            .headers(head.headers);
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        Box::pin(async {
            match request.send().await {
                Ok(mut received) => {
                    let status = received.status();
                    let headers = std::mem::take(received.headers_mut());
                    let pieces = received
                        .bytes_stream()
                        .map(|piece| piece.map_err(|error| BodyError(describe_error(error))));
                    let mut response = Response::new(ResponseBody(pieces.boxed()));
                    *response.status_mut() = status;
                    *response.headers_mut() = headers;
                    Ok(response)
                }
                Err(error) if error.is_connect() || error.is_builder() => {
                    Err(TransportError::NotSent(describe_error(error)))
                }
                Err(error) => Err(TransportError::MaybeSent(describe_error(error))),
            }
        })
    }
}

/// A transport that logs each request at `debug`.
#[derive(Clone)]
pub(crate) struct LoggedTransport(Arc<dyn Transport>);

impl LoggedTransport {
    pub(crate) fn new(transport: Arc<dyn Transport>) -> Self {
        LoggedTransport(transport)
    }

    /// Sends a request and returns the response as soon as its head has arrived.
    pub(crate) async fn send(
        &self,
        request: Request,
        timeout: Option<Duration>,
    ) -> Result<Response, TransportError> {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return self.0.send(request, timeout).await;
        }
        let shown = loggable(&request);
        let sent = Instant::now();
        let answered = self.0.send(request, timeout).await;
        let took = sent.elapsed().as_millis();
        match &answered {
            Ok(response) => {
                let wait = retry_after_header(response.headers())
                    .map_or(String::new(), |wait| format!(", Retry-After {wait}"));
                let status = response.status().as_u16();
                tracing::debug!("{shown}: {status} in {took} ms{wait}");
            }
            Err(TransportError::NotSent(why)) => tracing::debug!("{shown}: not sent: {why}"),
            Err(TransportError::MaybeSent(why)) => {
                tracing::debug!("{shown}: no response after {took} ms: {why}");
            }
        }
        answered
    }
}

/// Returns the value of the `Retry-After` header.
pub(crate) fn retry_after_header(headers: &HeaderMap) -> Option<&str> {
    headers.get(RETRY_AFTER)?.to_str().ok()
}

/// Returns the method and address for the log. The query of a request without a token may itself
/// grant access: the address of a result is a secret for half an hour.
fn loggable(request: &Request) -> String {
    let (method, uri) = (request.method(), request.uri());
    let (host, path) = (uri.host().unwrap_or_default(), uri.path());
    let Ok(url) = Url::parse(&uri.to_string()) else {
        return format!("{method} {host}{path}");
    };
    if url.query().is_none() {
        return format!("{method} {host}{path}");
    }
    if !request.headers().contains_key(AUTHORIZATION) {
        return format!("{method} {host}{path}?…");
    }
    let pairs: Vec<String> = url
        .query_pairs()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let query = pairs.join("&");
    match query.char_indices().nth(LOGGED_QUERY_LENGTH) {
        Some((end, _)) => format!("{method} {host}{path}?{}…", &query[..end]),
        None => format!("{method} {host}{path}?{query}"),
    }
}
