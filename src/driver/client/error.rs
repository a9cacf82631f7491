//! Errors of calls and sign-ins.
//!
//! The most important property of a failed call is whether it may have had an effect. A refused
//! call and a failed connection certainly had none. Any other failed call may have had one.

use std::fmt;
use std::time::Duration;

use svar_engine::Refusal;

use super::transport::TransportError;

/// An error of a call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service refused the call: it certainly had no effect.
    #[error("the service refused: {}", describe(.0))]
    Refused(Refusal),
    /// The answer was lost or can't be relied on: the call may have had an effect.
    #[error("the outcome of the call is unknown: {why}")]
    Unknown {
        /// The reason.
        why: String,
        /// The delay that the service asks for.
        retry_after: Option<Duration>,
    },
    /// No connection could be made: the call certainly had no effect.
    #[error("cannot reach the service: {why}")]
    Unreachable {
        /// The reason.
        why: String,
    },
    /// There is no valid token: the call certainly had no effect.
    #[error(transparent)]
    SignedOut(#[from] SignInError),
}

impl CallError {
    /// Returns the error for a call whose outcome is not known.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        CallError::Unknown {
            why: why.into(),
            retry_after: None,
        }
    }

    /// Returns the error for a call that was not sent.
    pub(crate) fn unreachable(why: impl Into<String>) -> Self {
        CallError::Unreachable { why: why.into() }
    }

    /// Returns the refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            CallError::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns whether it is a refusal with this HTTP status.
    pub fn is_refused_with(&self, status: u16) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.status == status)
    }

    /// Returns the delay that the service asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Refused(refusal) => refusal.retry_after_ms.map(Duration::from_millis),
            CallError::Unknown { retry_after, .. } => *retry_after,
            CallError::Unreachable { .. } | CallError::SignedOut(_) => None,
        }
    }

    /// Returns what the operator can do about it, in one sentence.
    pub fn next_step(&self) -> String {
        match self {
            CallError::Refused(refusal) => match refusal.status {
                403 => "check the application's permissions; newly granted ones take about a minute to take effect".into(),
                404 => "check the id, and that the API host is that of the tenant's cloud".into(),
                429 => "wait a minute; other clients are using the tenant's quota".into(),
                _ => match &refusal.target {
                    Some(target) => format!("contact Microsoft support with the correlation id {target}"),
                    None => "try again; if it persists, contact Microsoft support".into(),
                },
            },
            CallError::Unknown { .. } => "try again in a minute".into(),
            CallError::Unreachable { .. } => {
                "check the network, the proxy settings and the API host".into()
            }
            CallError::SignedOut(error) => error.next_step(),
        }
    }
}

fn describe(refusal: &Refusal) -> String {
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

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::NotSent(why) => CallError::unreachable(why),
            TransportError::MaybeSent(why) => CallError::unknown(why),
        }
    }
}

/// A permission that the application needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Start sessions.
    LiveResponse,
    /// Read actions, results and machines.
    ReadMachines,
    /// List and upload library files.
    Library,
}

impl Permission {
    /// Returns the name of the permission to request from an administrator.
    pub fn name(self) -> &'static str {
        match self {
            Permission::LiveResponse => "Machine.LiveResponse",
            // The read-only permission was once enough but is no longer listed (API notes 12,
            // quirk 2).
            Permission::ReadMachines => "Machine.ReadWrite.All",
            Permission::Library => "Library.Manage",
        }
    }

    pub(super) fn is_granted(self, roles: &[String]) -> bool {
        let has = |name: &str| roles.iter().any(|role| role == name);
        match self {
            Permission::ReadMachines => has("Machine.Read.All") || has("Machine.ReadWrite.All"),
            Permission::LiveResponse | Permission::Library => has(self.name()),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error of a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The token endpoint refused the tenant, the application or its secret.
    #[error("sign-in at {host} was refused: {message}")]
    Refused {
        /// The token endpoint's host.
        host: String,
        /// The endpoint's error code, `invalid_client` …
        code: String,
        /// The endpoint's message.
        message: String,
    },
    /// The token endpoint can't be reached.
    #[error("cannot reach the token endpoint {host}: {why}")]
    Unreachable {
        /// Its host.
        host: String,
        /// The reason.
        why: String,
    },
    /// The response of the token endpoint is neither a token nor a refusal.
    #[error("the token endpoint {host} returned no token: {why}")]
    Unusable {
        /// Its host.
        host: String,
        /// The reason.
        why: String,
    },
    /// The token lacks a permission.
    #[error("the application lacks the permission {}", names(.missing))]
    MissingPermission {
        /// The missing permissions.
        missing: Vec<Permission>,
    },
    /// The API rejected a fresh token.
    #[error("{host} rejected a token that was just issued")]
    Rejected {
        /// The API's host.
        host: String,
    },
}

impl SignInError {
    /// Returns whether waiting may help: the endpoint could not be reached or had an error of its
    /// own (RFC 6749, 4.1.2.1 has codes for that).
    pub fn is_temporary(&self) -> bool {
        match self {
            SignInError::Unreachable { .. } | SignInError::Unusable { .. } => true,
            SignInError::Refused { code, .. } => {
                matches!(code.as_str(), "temporarily_unavailable" | "server_error")
            }
            SignInError::MissingPermission { .. } | SignInError::Rejected { .. } => false,
        }
    }

    /// Returns what the operator can do about it, in one sentence.
    pub fn next_step(&self) -> String {
        match self {
            SignInError::Refused { code, message, .. } => {
                // These numbers of Entra have been stable for years. Without a known one the error
                // code decides.
                let number = |known: &str| message.contains(known);
                if number("AADSTS7000222") {
                    "the secret has expired; create a new one for the application and set AZURE_CLIENT_SECRET"
                } else if number("AADSTS7000215") {
                    "check AZURE_CLIENT_SECRET: it must be the secret's value, not its id"
                } else if number("AADSTS700016") {
                    "check AZURE_CLIENT_ID: the tenant has no such application"
                } else if number("AADSTS90002") || number("AADSTS900023") {
                    "check AZURE_TENANT_ID: there is no such tenant"
                } else if code == "invalid_scope" {
                    "check the scope: it must belong to the API"
                } else {
                    "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"
                }
                .into()
            }
            SignInError::Unreachable { .. } => {
                "check the network, the proxy settings and the authority's address".into()
            }
            SignInError::Unusable { .. } => {
                "check the authority's address, or try again in a minute".into()
            }
            SignInError::MissingPermission { missing } => format!(
                "ask an administrator to grant {} of WindowsDefenderATP to the application and to consent to it; it takes effect after about a minute",
                names(missing)
            ),
            SignInError::Rejected { .. } => {
                "check that the scope belongs to the cloud of this API host".into()
            }
        }
    }
}

fn names(permissions: &[Permission]) -> String {
    let names: Vec<&str> = permissions.iter().map(|one| one.name()).collect();
    names.join(", ")
}
