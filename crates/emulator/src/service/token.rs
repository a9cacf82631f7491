//! Implements the sign-in: the token endpoint, and the check of tokens in requests (API notes 2.2).
//!
//! A token has the form of a JWT, with the claims a client may read. Its signature is a keyed hash
//! that only this emulator can check.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use svar_wire::Moment;

use super::super::scenario::Scenario;
use super::super::settings::Settings;
use super::client_assertion;
use super::message::{Request, Response};
use super::refusal::Refusal;
use super::route::{TokenVersion, form_pairs};

/// The key of everything the emulator signs.
pub(crate) type Key = [u8; 32];

/// Returns a keyed hash. The key has a fixed length, so two different pairs of key and text never
/// hash the same input.
pub(crate) fn signature(key: &Key, text: &str) -> [u8; 32] {
    let inner = Sha256::new()
        .chain_update(key)
        .chain_update(b"inner")
        .chain_update(text.as_bytes())
        .finalize();
    Sha256::new()
        .chain_update(key)
        .chain_update(b"outer")
        .chain_update(inner)
        .finalize()
        .into()
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The scope of v2 and the resource of v1 that lead to this API. Regional hosts are accepted, too.
const AUDIENCE: &str = "https://api.securitycenter.microsoft.com";
const OTHER_SCOPE: &str = "https://securitycenter.onmicrosoft.com/windowsatpservice";

/// The application and roles of a checked token.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The application's index in the scenario.
    pub(crate) app: usize,
    pub(crate) roles: Arc<[String]>,
}

/// Tokens that have been checked. A client sends the same one with thousands of calls.
#[derive(Debug, Default)]
pub(crate) struct TokenCache(HashMap<Box<str>, Claims>);

/// The claims of a token with a valid signature.
#[derive(Debug, Clone)]
struct Claims {
    expiry_s: i64,
    audience: Box<str>,
    identity: Identity,
}

/// The largest number of cached tokens, which is more than a test uses at once. Beyond it the cache
/// is cleared.
const CACHED_MAX: usize = 1000;

/// The issuer of tokens, with everything a token depends on besides the request.
pub(crate) struct TokenIssuer<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) key: &'a Key,
    pub(crate) now: Moment,
    /// The time at which the emulator began, which is the zero of the scenario's times.
    pub(crate) started: Moment,
    pub(crate) settings: &'a Settings,
    /// A number that is different for every token.
    pub(crate) number: u64,
}

impl TokenIssuer<'_> {
    /// Answers a token request.
    pub(crate) fn issue(&self, request: &Request, tenant: &str, version: TokenVersion) -> Response {
        match check_sign_in(self.scenario, self.now, request, tenant, version) {
            Ok(Grant { app, audience }) => self.token_response(app, &audience, version),
            Err(SignInRefusal { error, description }) => Response::json(
                match error {
                    OAuthError::InvalidClient => self.settings.sign_in_refusal_status,
                    _ => 400,
                },
                &json!({"error": error.code(), "error_description": description}),
            ),
        }
    }

    /// Returns a token of the application at that index, for this API.
    pub(crate) fn token_of(&self, app: usize) -> String {
        self.token(app, AUDIENCE)
    }

    /// Returns the answer with a token.
    fn token_response(&self, app: usize, audience: &str, version: TokenVersion) -> Response {
        let token = self.token(app, audience);
        let bearer = |expires_in: Value| {
            json!({
                "token_type": "Bearer",
                "expires_in": expires_in,
                "ext_expires_in": 0,
                "access_token": token,
            })
        };
        let reply = match version {
            TokenVersion::V2 => bearer(self.ttl_s().into()),
            TokenVersion::V1 => {
                let mut reply = bearer(if self.settings.v1_expires_in_as_text {
                    self.ttl_s().to_string().into()
                } else {
                    self.ttl_s().into()
                });
                reply["resource"] = audience.into();
                reply["expires_on"] = self.expiry_s().to_string().into();
                reply
            }
        };
        Response::json(200, &reply)
    }

    /// Returns the lifetime of a token, in seconds.
    fn ttl_s(&self) -> u64 {
        self.settings.token_ttl.0.as_secs()
    }

    /// Returns the second since 1970 at which a token expires.
    fn expiry_s(&self) -> i64 {
        (self.now.millis() / 1000).saturating_add_unsigned(self.ttl_s())
    }

    /// Returns a token of the application at that index.
    fn token(&self, app: usize, audience: &str) -> String {
        let app = &self.scenario.apps[app];
        let now_s = self.now.millis() / 1000;
        let roles: &[String] = if self.now >= self.started + app.roles_from.0 {
            &app.roles
        } else {
            &[]
        };
        let claims = json!({
            "aud": audience,
            "iss": format!("https://sts.windows.net/{}/", self.scenario.tenant),
            "iat": now_s,
            "nbf": now_s,
            "exp": self.expiry_s(),
            "appid": app.id,
            "app_displayname": app.name,
            "roles": roles,
            "tid": self.scenario.tenant,
            "uti": self.number.to_string(),
            "ver": "1.0",
        });
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": "emulator"});
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = URL_SAFE_NO_PAD.encode(signature(self.key, &signed));
        format!("{signed}.{signature}")
    }
}

/// A sign-in that is granted.
struct Grant {
    /// The application's index in the scenario.
    app: usize,
    audience: String,
}

/// An error code of OAuth 2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OAuthError {
    InvalidRequest,
    InvalidClient,
    InvalidScope,
    UnsupportedGrantType,
}

impl OAuthError {
    fn code(self) -> &'static str {
        match self {
            OAuthError::InvalidRequest => "invalid_request",
            OAuthError::InvalidClient => "invalid_client",
            OAuthError::InvalidScope => "invalid_scope",
            OAuthError::UnsupportedGrantType => "unsupported_grant_type",
        }
    }
}

/// A refused sign-in, in Entra's form.
struct SignInRefusal {
    error: OAuthError,
    description: String,
}

impl SignInRefusal {
    fn new(error: OAuthError, description: impl Into<String>) -> Self {
        SignInRefusal {
            error,
            description: description.into(),
        }
    }
}

/// Checks a sign-in: the tenant, the application, its secret or assertion, and the audience.
fn check_sign_in(
    scenario: &Scenario,
    now: Moment,
    request: &Request,
    tenant: &str,
    version: TokenVersion,
) -> Result<Grant, SignInRefusal> {
    let form = form_pairs(&String::from_utf8_lossy(&request.body));
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let bad = |text: &str| {
        SignInRefusal::new(OAuthError::InvalidRequest, format!("AADSTS900144: {text}"))
    };
    if request.is_oversized {
        return Err(bad("The request body is too large."));
    }
    if !tenant.eq_ignore_ascii_case(&scenario.tenant) {
        return Err(SignInRefusal::new(
            OAuthError::InvalidClient,
            format!("AADSTS90002: Tenant '{tenant}' not found."),
        ));
    }
    match field("grant_type") {
        Some("client_credentials") => {}
        Some(other) => {
            return Err(SignInRefusal::new(
                OAuthError::UnsupportedGrantType,
                format!("AADSTS70003: The grant type '{other}' is not supported."),
            ));
        }
        None => return Err(bad("The request body must contain 'grant_type'.")),
    }
    let client =
        field("client_id").ok_or_else(|| bad("The request body must contain 'client_id'."))?;
    let app = scenario
        .apps
        .iter()
        .position(|app| app.id.eq_ignore_ascii_case(client))
        .ok_or_else(|| {
            SignInRefusal::new(
                OAuthError::InvalidClient,
                format!("AADSTS700016: Application '{client}' was not found in the tenant."),
            )
        })?;
    match (field("client_secret"), field("client_assertion")) {
        (Some(secret), None) => {
            if secret != scenario.apps[app].secret {
                return Err(SignInRefusal::new(
                    OAuthError::InvalidClient,
                    "AADSTS7000215: Invalid client secret provided.".to_owned(),
                ));
            }
        }
        (None, Some(assertion)) => {
            if field("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(bad("'client_assertion_type' must be the JWT bearer type."));
            }
            client_assertion::check(scenario, &scenario.apps[app], now, assertion).map_err(
                |reason| {
                    SignInRefusal::new(OAuthError::InvalidClient, format!("AADSTS700027: {reason}"))
                },
            )?;
        }
        _ => {
            return Err(SignInRefusal::new(
                OAuthError::InvalidClient,
                "AADSTS7000216: 'client_assertion' or 'client_secret' is required.".to_owned(),
            ));
        }
    }
    let audience = match version {
        TokenVersion::V1 => field("resource")
            .ok_or_else(|| bad("The request body must contain 'resource'."))?
            .to_owned(),
        TokenVersion::V2 => field("scope")
            .ok_or_else(|| bad("The request body must contain 'scope'."))?
            .strip_suffix("/.default")
            .ok_or_else(|| {
                SignInRefusal::new(
                    OAuthError::InvalidScope,
                    "AADSTS1002012: The scope must end in '/.default'.".to_owned(),
                )
            })?
            .to_owned(),
    };
    Ok(Grant { app, audience })
}

impl TokenCache {
    /// Checks the token of a request.
    pub(crate) fn check(
        &mut self,
        scenario: &Scenario,
        key: &Key,
        now: Moment,
        request: &Request,
    ) -> Result<Identity, Refusal> {
        let unauthorized = |message: &str| Refusal::new(401, "Unauthorized", message);
        let header = request
            .header_value("authorization")
            .ok_or_else(|| unauthorized("The request has no token."))?;
        let token = header
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| unauthorized("The request has no bearer token."))?;
        let claims = match self.0.get(token) {
            Some(claims) => claims,
            None => {
                let claims = claims(scenario, key, token)
                    .ok_or_else(|| unauthorized("The token is not valid."))?;
                if self.0.len() >= CACHED_MAX {
                    self.0.clear();
                }
                self.0.entry(token.into()).or_insert(claims)
            }
        };
        if claims.expiry_s <= now.millis() / 1000 {
            return Err(unauthorized("The token has expired."));
        }
        if !is_audience_of_api(&claims.audience) {
            return Err(Refusal::new(
                403,
                "Forbidden",
                format!(
                    "The token was issued for another audience: {}",
                    claims.audience
                ),
            ));
        }
        Ok(claims.identity.clone())
    }
}

/// Returns the claims of a token if this emulator has issued it, for an application that still
/// exists.
fn claims(scenario: &Scenario, key: &Key, token: &str) -> Option<Claims> {
    let (signed, encoded) = token.rsplit_once('.')?;
    if URL_SAFE_NO_PAD.decode(encoded).ok()? != signature(key, signed) {
        return None;
    }
    let (_, claims) = signed.split_once('.')?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let id = claims["appid"].as_str()?;
    let roles = claims["roles"].as_array().into_iter().flatten();
    Some(Claims {
        expiry_s: claims["exp"].as_i64()?,
        audience: claims["aud"].as_str().unwrap_or_default().into(),
        identity: Identity {
            app: scenario.apps.iter().position(|app| app.id == id)?,
            roles: roles
                .filter_map(|role| role.as_str().map(str::to_owned))
                .collect(),
        },
    })
}

/// Returns whether an audience is the documented one, one of its older forms, or one of the regional
/// hosts that some clients use (API notes 2.2).
fn is_audience_of_api(audience: &str) -> bool {
    let audience = audience.trim_end_matches('/').to_ascii_lowercase();
    if audience == AUDIENCE || audience == OTHER_SCOPE {
        return true;
    }
    let Some(host) = audience.strip_prefix("https://") else {
        return false;
    };
    host.starts_with("api")
        && (host.ends_with(".securitycenter.microsoft.com")
            || host.ends_with(".securitycenter.windows.com")
            || host.ends_with(".securitycenter.microsoft.us"))
}
