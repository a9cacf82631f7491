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
const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// Lifetime of a token whose response does not specify it.
const DEFAULT_LIFE: Duration = Duration::from_secs(3_600);

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
    fn of(token: &str) -> Identity {
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

struct Held {
    bearer: Bearer,
    renew_at: Moment,
    identity: Identity,
}

/// Fetches tokens and keeps the current one. Concurrent callers wait for a single fetch.
pub(crate) struct Tokens {
    transport: LoggedTransport,
    connection: Connection,
    clock: Clock,
    held: Mutex<(u64, Option<Held>)>,
}

impl Tokens {
    pub(crate) fn new(transport: LoggedTransport, connection: Connection, clock: Clock) -> Self {
        Tokens {
            transport,
            connection,
            clock,
            held: Mutex::new((0, None)),
        }
    }

    /// Returns a token that stays valid for a while.
    pub(crate) async fn bearer(&self) -> Result<Bearer, SignInError> {
        self.held(|held| held.bearer.clone()).await
    }

    /// Returns the claims of the token.
    pub(crate) async fn identity(&self) -> Result<Identity, SignInError> {
        self.held(|held| held.identity.clone()).await
    }

    async fn held<T>(&self, take: impl FnOnce(&Held) -> T) -> Result<T, SignInError> {
        let mut slot = self.held.lock().await;
        if let Some(held) = &slot.1
            && self.clock.now() < held.renew_at
        {
            return Ok(take(held));
        }
        slot.1 = None;
        slot.0 += 1;
        let held = self.fetch(slot.0).await?;
        let taken = take(&held);
        slot.1 = Some(held);
        Ok(taken)
    }

    /// Drops a token that the service rejected, unless a newer one is held already.
    pub(crate) async fn forget(&self, bearer: &Bearer) {
        let mut slot = self.held.lock().await;
        if slot
            .1
            .as_ref()
            .is_some_and(|held| held.bearer.number == bearer.number)
        {
            slot.1 = None;
        }
    }

    async fn fetch(&self, number: u64) -> Result<Held, SignInError> {
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
        let life = match &token.expires_in {
            Value::Number(seconds) => seconds.as_u64(),
            Value::String(seconds) => seconds.trim().parse().ok(),
            _ => None,
        }
        .map_or(DEFAULT_LIFE, Duration::from_secs);
        // A token that lives for less than twice the margin is used for half its life.
        let margin = RENEW_BEFORE.min(life / 2);
        Ok(Held {
            identity: Identity::of(&token.access_token),
            renew_at: asked_at + (life - margin),
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
        let some = Identity::of(&token(
            r#"{"roles":["Machine.LiveResponse","Machine.Read.All"]}"#,
        ));
        assert_eq!(some.missing(&all), [Permission::Library]);
        assert_eq!(Identity::of(&token("{}")).missing(&all), all);
        assert_eq!(Identity::of(&token(r#"{"scp":"x"}"#)).missing(&all), []);
        assert_eq!(Identity::of("opaque").missing(&all), []);
    }
}
