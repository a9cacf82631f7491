//! Checks a certificate's assertion, which takes the place of a secret (API notes 2.2): its form,
//! its parties and its times. Checking the signature would need the certificate, so it is left out.
//! A `jti` may be used again, since no source says that Entra refuses it (our choice).

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use svar_wire::Moment;

use super::super::scenario::{App, Scenario};

/// The longest lifetime of an assertion, in seconds (API notes 2.2).
const LIFE_MAX_S: f64 = 600.0;
/// The tolerated clock difference, in seconds: an assertion may begin this much later than now, as
/// with Entra.
const EARLY_MAX_S: f64 = 300.0;

/// The decoder of thumbprints and signatures. As token libraries do, it accepts them with or
/// without padding, and with any trailing bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The reason for which an assertion is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AssertionError {
    #[error("no certificate is registered for this application.")]
    NotRegistered,
    #[error("the assertion is no JWT.")]
    NotAJwt,
    #[error("the assertion can't be read.")]
    Unreadable,
    #[error("the assertion is not signed with RS256 or PS256.")]
    Algorithm,
    #[error("the assertion's signature is no base64url.")]
    Signature,
    #[error("the assertion names no certificate ('x5t').")]
    NoThumbprint,
    #[error("the certificate's thumbprint must be the hash's bytes as base64url.")]
    Thumbprint,
    #[error("'iss' and 'sub' must be the client id.")]
    Parties,
    #[error("'jti' is missing.")]
    NoJti,
    #[error("'aud' must be the token endpoint of the tenant.")]
    Audience,
    #[error("'exp' is missing.")]
    NoExpiry,
    #[error("'exp' must be a number of seconds.")]
    Expiry,
    #[error("'nbf' must be a number of seconds.")]
    NotBefore,
    #[error("the assertion is not within its valid time range.")]
    TimeRange,
    #[error("the assertion lives longer than 10 minutes.")]
    Lifetime,
}

/// Checks whether the application can sign in with this assertion.
pub(super) fn check(
    scenario: &Scenario,
    app: &App,
    now: Moment,
    assertion: &str,
) -> Result<(), AssertionError> {
    if !app.certificate_sign_in {
        return Err(AssertionError::NotRegistered);
    }
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        return Err(AssertionError::NotAJwt);
    };
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let (Some(header), Some(claims)) = (read(header), read(claims)) else {
        return Err(AssertionError::Unreadable);
    };
    check_header(&header, signature)?;
    check_parties(scenario, app, &claims)?;
    check_times(now, &claims)
}

fn check_header(header: &Value, signature: &str) -> Result<(), AssertionError> {
    if !matches!(header["alg"].as_str(), Some("RS256" | "PS256")) {
        return Err(AssertionError::Algorithm);
    }
    if signature.is_empty() || LENIENT.decode(signature).is_err() {
        return Err(AssertionError::Signature);
    }
    let thumbprint = |key: &str, length: usize| {
        let bytes = header[key].as_str().map(|text| LENIENT.decode(text));
        bytes.map(|bytes| bytes.is_ok_and(|bytes| bytes.len() == length))
    };
    match (thumbprint("x5t", 20), thumbprint("x5t#S256", 32)) {
        (None, None) => Err(AssertionError::NoThumbprint),
        (Some(false), _) | (_, Some(false)) => Err(AssertionError::Thumbprint),
        _ => Ok(()),
    }
}

fn check_parties(scenario: &Scenario, app: &App, claims: &Value) -> Result<(), AssertionError> {
    let own = |name: &str| {
        let text = claims[name].as_str().unwrap_or_default();
        text.eq_ignore_ascii_case(&app.id)
    };
    if !own("iss") || !own("sub") {
        return Err(AssertionError::Parties);
    }
    if claims["jti"].as_str().is_none_or(str::is_empty) {
        return Err(AssertionError::NoJti);
    }
    // The host is not compared: the client uses the one it has for the sign-in, which is rarely the
    // emulator's own.
    let path = claims["aud"]
        .as_str()
        .and_then(|audience| audience.strip_prefix("https://"))
        .and_then(|audience| audience.split_once('/'))
        .map(|(_, path)| path.to_ascii_lowercase());
    let tenant = scenario.tenant.to_ascii_lowercase();
    let endpoints = ["oauth2/v2.0/token", "oauth2/token"].map(|end| format!("{tenant}/{end}"));
    match path {
        Some(path) if endpoints.contains(&path) => Ok(()),
        _ => Err(AssertionError::Audience),
    }
}

fn check_times(now: Moment, claims: &Value) -> Result<(), AssertionError> {
    // The times are numbers of seconds, which may have a fraction.
    let now_s = now.millis() as f64 / 1000.0;
    let until_s = match &claims["exp"] {
        Value::Null => return Err(AssertionError::NoExpiry),
        until => until.as_f64().ok_or(AssertionError::Expiry)?,
    };
    let from_s = match &claims["nbf"] {
        Value::Null => now_s,
        from => from.as_f64().ok_or(AssertionError::NotBefore)?,
    };
    if until_s <= now_s || from_s > now_s + EARLY_MAX_S {
        return Err(AssertionError::TimeRange);
    }
    if until_s - from_s > LIFE_MAX_S {
        return Err(AssertionError::Lifetime);
    }
    Ok(())
}
