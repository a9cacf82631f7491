//! Signing in: the token, its life, and what it allows.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use svar_wire::Moment;
use svar_wire::TokenReply;

use crate::driver::clock::Clock;

use super::connection::Connection;
use super::error::{Permission, SignInError};
use super::odata::encode;
use super::text::{clean, without_mark};
use super::transport::{Lost, Outgoing, Wire};

/// Renewed so long before its end (API notes 2.2).
const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// Life of a token that does not say it.
const USUAL_LIFE: Duration = Duration::from_secs(3_600);

/// What a token says about its bearer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The application's permissions; `None` where the token can't be read, which it need not be.
    pub roles: Option<Vec<String>>,
}

impl Identity {
    /// Which of these permissions are certainly missing.
    pub fn missing(&self, needed: &[Permission]) -> Vec<Permission> {
        let Some(roles) = &self.roles else {
            return Vec::new();
        };
        let missing = needed.iter().filter(|one| !one.is_granted(roles));
        missing.copied().collect()
    }

    /// Reads the claims without checking the signature: they only help to fail early, the service
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
            // A person's token has scopes instead, with other names.
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
    /// Tells this token from the one before it.
    number: u64,
}

struct Held {
    bearer: Bearer,
    renew_at: Moment,
    identity: Identity,
}

/// Fetches tokens and keeps the present one. Many callers who need one wait for a single fetch.
pub(crate) struct Tokens {
    wire: Wire,
    connection: Connection,
    clock: Clock,
    held: Mutex<(u64, Option<Held>)>,
}

impl Tokens {
    pub(crate) fn new(wire: Wire, connection: Connection, clock: Clock) -> Self {
        Tokens {
            wire,
            connection,
            clock,
            held: Mutex::new((0, None)),
        }
    }

    /// A token that is good for a while.
    pub(crate) async fn bearer(&self) -> Result<Bearer, SignInError> {
        self.held(|held| held.bearer.clone()).await
    }

    /// Who the token says we are.
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

    /// Forgets a token that the service refused, unless a newer one is held already.
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
        let Connection {
            authority,
            scope,
            credentials,
            timeouts,
            ..
        } = &self.connection;
        let host = authority.host();
        let unusable = |why: String| SignInError::Unusable {
            host: host.clone(),
            why,
        };
        let path = format!("/{}/oauth2/v2.0/token", encode(&credentials.tenant));
        let url = authority
            .join(&path)
            .map_err(|error| unusable(error.to_string()))?;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", credentials.secret.expose_secret()),
            ("scope", scope.as_str()),
        ];
        let fields = form.map(|(name, value)| format!("{name}={}", encode(value)));
        let kind = "application/x-www-form-urlencoded".to_owned();
        let outgoing = Outgoing {
            method: Method::POST,
            timeout: Some(timeouts.total),
            body: Some((kind, fields.join("&").into())),
            ..Outgoing::get(url)
        };
        let asked_at = self.clock.now();
        let reply = match self.wire.exchange(outgoing, asked_at).await {
            Ok(reply) => reply,
            Err(Lost::Never(why) | Lost::Perhaps(why)) => {
                return Err(SignInError::Unreachable { host, why });
            }
        };
        let body = reply.body.map_err(&unusable)?;
        // Whatever the endpoint says, the secret must not come back in it.
        let hush = |words: &str| {
            let secret = credentials.secret.expose_secret();
            if secret.is_empty() {
                words.to_owned()
            } else {
                words.replace(secret, "***")
            }
        };
        match reply.status {
            200..=299 => {}
            400..=499 if reply.status != 408 && reply.status != 429 => {
                let value: Value = serde_json::from_slice(without_mark(&body)).unwrap_or_default();
                let code = value["error"].as_str().unwrap_or_default();
                let words = value["error_description"].as_str().unwrap_or_default();
                // The description goes on with trace ids and times on lines of their own.
                let words = hush(words.lines().next().unwrap_or_default());
                return Err(SignInError::Refused {
                    host,
                    code: clean(code, 100),
                    words: match (code, words.as_str()) {
                        ("", "") => format!("HTTP {}", reply.status),
                        (code, "") => clean(code, 100),
                        (_, words) => clean(words, 300),
                    },
                });
            }
            status => return Err(unusable(format!("HTTP {status}"))),
        }
        let token: TokenReply = serde_json::from_slice(without_mark(&body))
            .map_err(|_| unusable("its answer is of another shape".to_owned()))?;
        let life = match &token.expires_in {
            Value::Number(seconds) => seconds.as_u64(),
            Value::String(seconds) => seconds.trim().parse().ok(),
            _ => None,
        }
        .map_or(USUAL_LIFE, Duration::from_secs);
        // A token that lives shorter than the margin is used for half its life.
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
