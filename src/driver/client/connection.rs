//! Where the service is and who asks.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

/// The API's root in the public cloud (API notes 2.1).
pub const DEFAULT_API: &str = "https://api.security.microsoft.com";
/// The token endpoint's root in the public cloud (API notes 2.2).
pub const DEFAULT_AUTHORITY: &str = "https://login.microsoftonline.com";
/// What the token is asked for: the API's audience, whatever host answers (API notes 2.2).
pub const DEFAULT_SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";

/// The root of a service: `https://host`, with a port or a path where one is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Root(Url);

impl Root {
    /// Takes a root. A tenant is reached by https; plain http is for loopback addresses only, where
    /// an emulator listens.
    ///
    /// # Errors
    /// Says in one sentence what is wrong with it.
    pub fn parse(text: &str) -> Result<Root, ConnectionError> {
        let wrong = |why: &str| ConnectionError::Address {
            address: text.chars().filter(|c| !c.is_control()).take(200).collect(),
            why: why.to_owned(),
        };
        let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("it names no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConnectionError::Address {
                address: url.host_str().unwrap_or_default().to_owned(),
                why: "it holds a user name or password".to_owned(),
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query or a fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(wrong(
                    "plain http is for loopback addresses only; use https",
                ));
            }
            _ => return Err(wrong("it is no https address")),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Root(url))
    }

    /// Whether it is this very machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The host and, where it is not the usual one, the port.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The address of something below the root. `path` begins with a slash and is already encoded.
    pub(crate) fn join(&self, path: &str) -> Result<Url, ConnectionError> {
        Url::parse(&format!("{}{path}", self.as_str())).map_err(|error| ConnectionError::Address {
            address: self.as_str().to_owned(),
            why: error.to_string(),
        })
    }

    /// Whether an address leads to the same scheme, host and port.
    pub(crate) fn is_home_of(&self, url: &Url) -> bool {
        self.0.scheme() == url.scheme()
            && self.0.host_str() == url.host_str()
            && self.0.port_or_known_default() == url.port_or_known_default()
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    // Brackets stand around an IPv6 address.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// How an application proves to the tenant who it is. A further kind (a certificate, a managed
/// identity, a federated token) is a variant here and an arm of the one `match` in `token.rs`.
#[derive(Clone)]
pub enum Credentials {
    /// The application's id and its secret.
    ClientSecret {
        /// The application's id.
        client_id: String,
        /// The application's secret; shown nowhere.
        secret: SecretString,
    },
}

impl Credentials {
    /// Returns the id of the application.
    pub fn client_id(&self) -> &str {
        match self {
            Credentials::ClientSecret { client_id, .. } => client_id,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::ClientSecret { client_id, .. } => f
                .debug_struct("ClientSecret")
                .field("client_id", client_id)
                .finish_non_exhaustive(),
        }
    }
}

/// How long is waited for the network, in real time whatever the run's clock.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub read: Duration,
    /// For a whole call; a download of a large file has none.
    pub total: Duration,
}

impl Default for Timeouts {
    /// Our choice: long enough for the list of a large fleet, short enough that a dead connection
    /// is noticed within a tick or two.
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            total: Duration::from_secs(100),
        }
    }
}

/// A service and who asks it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The API's root.
    pub api: Root,
    /// The token endpoint's root.
    pub authority: Root,
    /// What the token is asked for.
    pub scope: String,
    /// The tenant's id or domain.
    pub tenant: String,
    /// Who asks.
    pub credentials: Credentials,
    /// How long is waited.
    pub timeouts: Timeouts,
}

/// Why a service can't be spoken to at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The address is none, or not one we would send a secret to.
    #[error("`{address}` is not an address of the service: {why}")]
    Address {
        /// What was given, without user name and password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A credential is missing or is no such thing.
    #[error("{0}")]
    Credentials(String),
    /// The HTTP client can't be set up.
    #[error("the HTTP client can't be set up: {0}")]
    Setup(String),
}
