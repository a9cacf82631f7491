//! One call, once: address, token, answer.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};

use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::driver::clock::Clock;

use super::connection::{Connection, ConnectionError};
use super::error::{CallError, Permission, SignInError};
use super::response::Reply;
use super::text::words;
use super::token::{Bearer, Identity, Tokens};
use super::transport::{Carrier, Lost, Outgoing, Wire};

/// Speaks with one service as one application. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// Calls made with this clone and those made of it.
    count: Arc<AtomicU32>,
}

struct Inner {
    wire: Wire,
    connection: Connection,
    clock: Clock,
    tokens: Tokens,
    /// The service refused `in (…)`; remembered so that it is asked once.
    in_refused: std::sync::atomic::AtomicBool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.inner.connection)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client of that service. Nothing is sent yet.
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
            .map_err(|error| ConnectionError::Setup(words(error)))?;
        Ok(Client::of(Wire::Http(http), connection, clock))
    }

    /// A client whose letters somebody carries: for runs in virtual time. The connection says where
    /// to, the clock when.
    pub fn carried(connection: Connection, clock: Clock, carrier: Arc<dyn Carrier>) -> Client {
        Client::of(Wire::Hand(carrier), connection, clock)
    }

    fn of(wire: Wire, connection: Connection, clock: Clock) -> Client {
        Client {
            count: Arc::default(),
            inner: Arc::new(Inner {
                tokens: Tokens::new(wire.clone(), connection.clone(), clock.clone()),
                wire,
                connection,
                clock,
                in_refused: false.into(),
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

    /// The service and who asks it.
    pub fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    /// The same client, counting from nought.
    pub(crate) fn counting(&self) -> Client {
        Client {
            count: Arc::default(),
            ..self.clone()
        }
    }

    /// Calls to the API that were made since [`Client::counting`]: one for each page of a list, and
    /// one more where a call was made again with a fresh token.
    pub(crate) fn calls_made(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.inner.wire
    }

    pub(crate) fn is_in_refused(&self) -> bool {
        self.inner
            .in_refused
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    pub(crate) fn note_in_refused(&self) {
        self.inner
            .in_refused
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// An address of the API; `path` is encoded already.
    pub(crate) fn address(&self, path: &str) -> Result<Url, CallError> {
        let address = self.inner.connection.api.join(path);
        address.map_err(|error| CallError::unreachable(error.to_string()))
    }

    /// Reads a `T`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, CallError> {
        self.call(Method::GET, url, Body::None).await?.read()
    }

    /// Sends a JSON body and reads a `T`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| CallError::unreachable(format!("internal error: no JSON: {error}")))?;
        let body = Body::Bytes {
            kind: "application/json".to_owned(),
            bytes: bytes.into(),
        };
        let url = self.address(path)?;
        self.call(Method::POST, url, body).await?.read()
    }

    /// One call with a token; on a 401 once more with a fresh one, and never a third time.
    pub(crate) async fn call(
        &self,
        method: Method,
        url: Url,
        body: Body,
    ) -> Result<Reply, CallError> {
        let Inner {
            connection, tokens, ..
        } = &*self.inner;
        // The one gate that the token passes: whoever built the address, it leads home.
        if !connection.api.is_home_of(&url) {
            return Err(CallError::unreachable(
                "the address leads to another host than the pinned one",
            ));
        }
        let bearer = tokens.bearer().await?;
        let reply = self.send(&method, &url, &body, &bearer).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        tokens.forget(&bearer).await;
        let bearer = tokens.bearer().await?;
        let reply = self.send(&method, &url, &body, &bearer).await?;
        if reply.status == 401 {
            return Err(CallError::SignedOut(SignInError::Rejected {
                host: connection.api.host(),
            }));
        }
        Ok(reply)
    }

    async fn send(
        &self,
        method: &Method,
        url: &Url,
        body: &Body,
        bearer: &Bearer,
    ) -> Result<Reply, CallError> {
        let mut secret = HeaderValue::try_from(format!("Bearer {}", bearer.secret.expose_secret()))
            .map_err(|_| {
                CallError::SignedOut(SignInError::Unusable {
                    host: self.inner.connection.authority.host(),
                    why: "its token can't stand in a header".to_owned(),
                })
            })?;
        secret.set_sensitive(true);
        let outgoing = Outgoing {
            method: method.clone(),
            url: url.clone(),
            timeout: Some(self.inner.connection.timeouts.total),
            authorization: Some(secret),
            body: match body {
                Body::None => None,
                Body::Bytes { kind, bytes } => Some((kind.clone(), bytes.clone())),
            },
        };
        let now = self.inner.clock.now();
        self.count.fetch_add(1, Ordering::Relaxed);
        let reply = self.inner.wire.exchange(outgoing, now).await;
        reply.map_err(|lost| match lost {
            Lost::Never(why) => CallError::unreachable(why),
            Lost::Perhaps(why) => CallError::unknown(why),
        })
    }
}

/// Must have happened before the HTTP library is set up.
pub(super) fn choose_cryptography() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error says that there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// What goes along with a call.
#[derive(Clone)]
pub(crate) enum Body {
    None,
    /// Kept whole, so that it can be sent again after a 401.
    Bytes {
        kind: String,
        bytes: bytes::Bytes,
    },
}
