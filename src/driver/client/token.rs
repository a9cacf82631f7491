//! Fetches tokens, keeps them, and reads the permissions in them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use svar_wire::Moment;

use crate::driver::clock::Clock;

use super::connection::{Connection, Credentials};
use super::error::{Permission, SignInError};
use super::token_endpoint::TokenRequest;
use super::transport::LoggedTransport;

/// How long before its end a token is renewed (API notes 2.2).
const RENEWAL_MARGIN: Duration = Duration::from_secs(120);

/// Lifetime of a token whose response does not specify it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

/// The claims of a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The application's permissions; `None` if the token can't be read, which the service allows.
    pub roles: Option<Vec<String>>,
}

impl Identity {
    /// Returns which of these permissions are certainly missing.
    pub fn missing(&self, needed: &[Permission]) -> Vec<Permission> {
        let Some(roles) = &self.roles else {
            return Vec::new();
        };
        let missing = needed.iter().filter(|one| !one.is_granted(roles));
        missing.copied().collect()
    }

    /// Reads the claims without checking the signature. They only help to fail early; the service
    /// decides.
    fn from_token(token: &str) -> Identity {
        let claims = || -> Option<Value> {
            let payload = token.split('.').nth(1)?;
            let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        let Some(claims) = claims() else {
            return Identity::default();
        };
        let roles = match claims.get("roles") {
            Some(Value::Array(roles)) => Some(
                roles
                    .iter()
                    .filter_map(|role| role.as_str().map(str::to_owned))
                    .collect(),
            ),
            // A user's token has scopes instead, with other names.
            _ if claims.get("scp").is_some() => None,
            _ => Some(Vec::new()),
        };
        Identity { roles }
    }
}

/// A token in use.
#[derive(Clone)]
pub(crate) struct Bearer {
    pub(crate) secret: SecretString,
    /// Distinguishes this token from earlier ones.
    number: u64,
}

struct CachedToken {
    bearer: Bearer,
    renew_at: Moment,
    identity: Identity,
}

/// The current token.
#[derive(Default)]
struct TokenCache {
    /// The number of tokens that were fetched.
    fetches: u64,
    token: Option<CachedToken>,
}

/// Fetches tokens and keeps the current one. Concurrent callers wait for a single fetch.
pub(crate) struct Tokens {
    transport: LoggedTransport,
    connection: Connection,
    clock: Clock,
    cache: Mutex<TokenCache>,
}

impl Tokens {
    pub(crate) fn new(transport: LoggedTransport, connection: Connection, clock: Clock) -> Self {
        Tokens {
            transport,
            connection,
            clock,
            cache: Mutex::default(),
        }
    }

    /// Returns a token that stays valid for a while.
    pub(crate) async fn bearer(&self) -> Result<Bearer, SignInError> {
        self.read(|cached| cached.bearer.clone()).await
    }

    /// Returns the claims of the token.
    pub(crate) async fn identity(&self) -> Result<Identity, SignInError> {
        self.read(|cached| cached.identity.clone()).await
    }

    /// Returns what `read` returns for a token that stays valid for a while.
    async fn read<T>(&self, read: impl FnOnce(&CachedToken) -> T) -> Result<T, SignInError> {
        let mut cache = self.cache.lock().await;
        if let Some(cached) = &cache.token
            && self.clock.now() < cached.renew_at
        {
            return Ok(read(cached));
        }
        cache.token = None;
        cache.fetches += 1;
        let token = self.fetch(cache.fetches).await?;
        Ok(read(cache.token.insert(token)))
    }

    /// Drops a token that the service rejected, unless a newer one is cached already.
    pub(crate) async fn discard(&self, bearer: &Bearer) {
        let mut cache = self.cache.lock().await;
        if cache
            .token
            .as_ref()
            .is_some_and(|cached| cached.bearer.number == bearer.number)
        {
            cache.token = None;
        }
    }

    async fn fetch(&self, number: u64) -> Result<CachedToken, SignInError> {
        let asked_at = self.clock.now();
        // Only this `match` depends on the kind of credentials.
        let token = match &self.connection.credentials {
            Credentials::ClientSecret { client_id, secret } => {
                let secret = secret.expose_secret();
                let request = TokenRequest {
                    form: vec![
                        ("grant_type", "client_credentials"),
                        ("client_id", client_id),
                        ("client_secret", secret),
                    ],
                    secret,
                };
                request
                    .send(&self.transport, &self.connection, asked_at)
                    .await?
            }
        };
        let lifetime = match &token.expires_in {
            Value::Number(seconds) => seconds.as_u64(),
            Value::String(seconds) => seconds.trim().parse().ok(),
            _ => None,
        }
        .map_or(DEFAULT_LIFETIME, Duration::from_secs);
        // A token that lives for less than twice the margin is used for half its lifetime.
        let margin = RENEWAL_MARGIN.min(lifetime / 2);
        Ok(CachedToken {
            identity: Identity::from_token(&token.access_token),
            renew_at: asked_at + (lifetime - margin),
            bearer: Bearer {
                secret: token.access_token.into(),
                number,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_missing_role_is_named_and_an_unreadable_token_is_given_the_benefit_of_doubt() {
        let all = [
            Permission::LiveResponse,
            Permission::ReadMachines,
            Permission::Library,
        ];
        let some = Identity::from_token(&token(
            r#"{"roles":["Machine.LiveResponse","Machine.Read.All"]}"#,
        ));
        assert_eq!(some.missing(&all), [Permission::Library]);
        assert_eq!(Identity::from_token(&token("{}")).missing(&all), all);
        assert_eq!(
            Identity::from_token(&token(r#"{"scp":"x"}"#)).missing(&all),
            []
        );
        assert_eq!(Identity::from_token("opaque").missing(&all), []);
    }
}
