//! Makes one call: builds the address, adds the token, and returns the response.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};

use bytes::Bytes;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::driver::clock::Clock;

use super::connection::{Connection, ConnectionError};
use super::error::{CallError, Permission, SignInError};
use super::response::FullResponse;
use super::text::describe_error;
use super::token::{Bearer, Identity, Tokens};
use super::transport::{HttpTransport, LoggedTransport, Request, Transport, get, post};

/// A client of one service for one application. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// Number of calls made with this clone and clones of it.
    count: Arc<AtomicU32>,
}

struct Inner {
    transport: LoggedTransport,
    connection: Connection,
    clock: Clock,
    tokens: Tokens,
    /// Whether the service has refused `in (…)`; kept so that it is tried only once.
    rejects_in: std::sync::atomic::AtomicBool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.inner.connection)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Returns a client of the service. Nothing is sent yet.
    ///
    /// # Errors
    /// The HTTP client can't be set up.
    pub fn new(connection: Connection, clock: Clock) -> Result<Client, ConnectionError> {
        choose_cryptography();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("svar/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connection.timeouts.connect)
            .read_timeout(connection.timeouts.read)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if connection.api.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| ConnectionError::Setup(describe_error(error)))?;
        Ok(Client::with_transport(
            connection,
            clock,
            Arc::new(HttpTransport(http)),
        ))
    }

    /// Returns a client whose requests go through `transport` instead of the network, for runs in
    /// virtual time.
    pub fn with_transport(
        connection: Connection,
        clock: Clock,
        transport: Arc<dyn Transport>,
    ) -> Client {
        let transport = LoggedTransport::new(transport);
        Client {
            count: Arc::default(),
            inner: Arc::new(Inner {
                tokens: Tokens::new(transport.clone(), connection.clone(), clock.clone()),
                transport,
                connection,
                clock,
                rejects_in: false.into(),
            }),
        }
    }

    /// Signs in and checks that the application may do what the run needs.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in(&self, needed: &[Permission]) -> Result<Identity, SignInError> {
        let identity = self.inner.tokens.identity().await?;
        match identity.missing(needed) {
            missing if missing.is_empty() => Ok(identity),
            missing => Err(SignInError::MissingPermission { missing }),
        }
    }

    /// Returns the connection that the client uses.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// Returns the same client with a new counter of calls.
    pub(crate) fn counting(&self) -> Client {
        Client {
            count: Arc::default(),
            ..self.clone()
        }
    }

    /// Returns the number of calls to the API since [`Client::counting`]: one for each page of a
    /// list, and one more for each call that was repeated with a fresh token.
    pub(crate) fn calls_made(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn transport(&self) -> &LoggedTransport {
        &self.inner.transport
    }

    pub(crate) fn rejects_in(&self) -> bool {
        self.inner
            .rejects_in
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn set_rejects_in(&self) {
        self.inner
            .rejects_in
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Returns an address of the API. `path` must already be encoded.
    pub(crate) fn address(&self, path: &str) -> Result<Url, CallError> {
        let address = self.inner.connection.api.join(path);
        address.map_err(|error| CallError::unreachable(error.to_string()))
    }

    /// Sends a GET request and returns the `T` of the response.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, CallError> {
        self.call(url, None).await?.read()
    }

    /// Sends a POST request with a JSON body and returns the `T` of the response.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let bytes = serde_json::to_vec(body).expect("internal error: a request that is no JSON");
        let body = RequestBody {
            content_type: "application/json".to_owned(),
            bytes: bytes.into(),
        };
        let url = self.address(path)?;
        self.call(url, Some(body)).await?.read()
    }

    /// Makes one call with a token: a POST if there is a body, otherwise a GET. After a response
    /// 401 the token is dropped and the call is sent once more with a fresh one, but never a third
    /// time.
    pub(crate) async fn call(
        &self,
        url: Url,
        body: Option<RequestBody>,
    ) -> Result<FullResponse, CallError> {
        let Inner {
            connection, tokens, ..
        } = &*self.inner;
        // Only here is the token sent. However the address was built, it must be on this host.
        if !connection.api.is_same_host(&url) {
            return Err(CallError::unreachable(
                "refusing to send the token to another host",
            ));
        }
        let request = match body {
            None => get(&url),
            Some(body) => post(&url, &body.content_type, body.bytes),
        }?;
        let bearer = tokens.bearer().await?;
        let response = self.send(request.clone(), &bearer).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        tokens.discard(&bearer).await;
        let bearer = tokens.bearer().await?;
        let response = self.send(request, &bearer).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(CallError::SignedOut(SignInError::Rejected {
                host: connection.api.host(),
            }));
        }
        Ok(response)
    }

    async fn send(&self, mut request: Request, bearer: &Bearer) -> Result<FullResponse, CallError> {
        let Connection {
            authority,
            timeouts,
            ..
        } = &self.inner.connection;
        let mut secret = HeaderValue::try_from(format!("Bearer {}", bearer.secret.expose_secret()))
            .map_err(|_| {
                CallError::SignedOut(SignInError::Unusable {
                    host: authority.host(),
                    why: "its token has characters that a header can't contain".to_owned(),
                })
            })?;
        secret.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, secret);
        let now = self.inner.clock.now();
        self.count.fetch_add(1, Ordering::Relaxed);
        let transport = &self.inner.transport;
        Ok(FullResponse::receive(request, transport, timeouts.total, now).await?)
    }
}

/// Installs the cryptography provider. Must be called before the HTTP library is set up.
pub(super) fn choose_cryptography() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that a provider is already installed, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The body of a request. It is kept whole so that it can be sent again after a 401.
pub(crate) struct RequestBody {
    pub(crate) content_type: String,
    pub(crate) bytes: Bytes,
}
