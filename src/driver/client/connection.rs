//! The addresses of the service and the credentials to use there.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

/// The root of the API in the public cloud (API notes 2.1).
pub const DEFAULT_API: &str = "https://api.security.microsoft.com";
/// The root of the token endpoint in the public cloud (API notes 2.2).
pub const DEFAULT_AUTHORITY: &str = "https://login.microsoftonline.com";
/// The scope to request for a token: the API's audience, whatever the host (API notes 2.2).
pub const DEFAULT_SCOPE: &str = "https://api.securitycenter.microsoft.com/.default";

/// The root of a service: `https://host`, with a port or a path if needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Root(Url);

impl Root {
    /// Parses a root. A tenant is reached by https; plain http is allowed only for loopback
    /// addresses, for an emulator.
    ///
    /// # Errors
    /// The address is invalid or not allowed. The error says why in one sentence.
    pub fn parse(text: &str) -> Result<Root, ConnectionError> {
        let invalid = |why: &str| ConnectionError::Address {
            address: text.chars().filter(|c| !c.is_control()).take(200).collect(),
            why: why.to_owned(),
        };
        let mut url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("it has no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ConnectionError::Address {
                address: url.host_str().unwrap_or_default().to_owned(),
                why: "it contains a user name or password".to_owned(),
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it has a query or a fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(invalid(
                    "plain http is for loopback addresses only; use https",
                ));
            }
            _ => return Err(invalid("it is not an https address")),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Root(url))
    }

    /// Returns whether the host is this computer.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Returns the address without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Returns the host, with the port if it is not the default one.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Returns an address below the root. `path` begins with a slash and must already be encoded.
    pub(crate) fn join(&self, path: &str) -> Result<Url, ConnectionError> {
        Url::parse(&format!("{}{path}", self.as_str())).map_err(|error| ConnectionError::Address {
            address: self.as_str().to_owned(),
            why: error.to_string(),
        })
    }

    /// Returns whether an address has the same scheme, host and port.
    pub(crate) fn is_same_host(&self, url: &Url) -> bool {
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
    // An IPv6 address is in brackets.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The credentials of an application. A further kind (a certificate, a managed identity, a
/// federated token) needs a variant, an arm in each `match` of this file, and one in `Tokens::fetch`.
#[derive(Clone)]
pub enum Credentials {
    /// The application's id and its secret.
    ClientSecret {
        /// The application's id.
        client_id: String,
        /// The application's secret. It is never shown.
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

/// Timeouts for the network, in real time whatever the run's clock.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Timeout for connecting.
    pub connect: Duration,
    /// Timeout between two pieces of a response.
    pub read: Duration,
    /// Timeout for a whole call. The download of a result has none.
    pub total: Duration,
}

impl Default for Timeouts {
    /// Returns the default timeouts (our choice): long enough for the list of a large fleet, short
    /// enough that a dead connection is noticed within a tick or two.
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            total: Duration::from_secs(100),
        }
    }
}

/// A service and the application that uses it.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The API's root.
    pub api: Root,
    /// The token endpoint's root.
    pub authority: Root,
    /// The scope to request for the token.
    pub scope: String,
    /// The tenant's id or domain.
    pub tenant: String,
    /// The credentials of the application.
    pub credentials: Credentials,
    /// The timeouts for the network.
    pub timeouts: Timeouts,
}

/// An error in the settings of a connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The address is invalid, or one that no secret may be sent to.
    #[error("`{address}` is not an address of the service: {why}")]
    Address {
        /// The given address, without user name and password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A credential is missing or invalid.
    #[error("{0}")]
    Credentials(String),
    /// The HTTP client can't be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
}
