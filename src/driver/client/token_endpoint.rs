//! Requests tokens from the tenant's token endpoint (OAuth 2.0).

use http::StatusCode;
use serde_json::Value;

use svar_wire::{Moment, TokenReply, text};

use super::connection::Connection;
use super::error::SignInError;
use super::odata::percent_encode;
use super::response::FullResponse;
use super::text::without_bom;
use super::transport::{LoggedTransport, TransportError, post};

/// A token request for one kind of credentials.
pub(super) struct TokenRequest<'a> {
    /// The fields of the form, without the scope.
    pub(super) form: Vec<(&'static str, &'a str)>,
    /// The value that proves the application's identity. It must not appear in an error.
    pub(super) secret: &'a str,
}

impl TokenRequest<'_> {
    /// Sends the request and returns the token.
    ///
    /// # Errors
    /// The endpoint can't be reached, refuses, or answers with something else.
    pub(super) async fn send(
        &self,
        transport: &LoggedTransport,
        connection: &Connection,
        now: Moment,
    ) -> Result<TokenReply, SignInError> {
        let Connection {
            authority,
            scope,
            tenant,
            timeouts,
            ..
        } = connection;
        let host = authority.host();
        let unusable = |why: String| SignInError::Unusable {
            host: host.clone(),
            why,
        };
        let path = format!("/{}/oauth2/v2.0/token", percent_encode(tenant));
        let url = authority
            .join(&path)
            .map_err(|error| unusable(error.to_string()))?;
        let form: Vec<String> = (self.form.iter())
            .chain([&("scope", scope.as_str())])
            .map(|(name, value)| format!("{name}={}", percent_encode(value)))
            .collect();
        let content_type = "application/x-www-form-urlencoded";
        let unreachable = |error: TransportError| {
            let (host, why) = (host.clone(), error.into_reason());
            SignInError::Unreachable { host, why }
        };
        let request = post(&url, content_type, form.join("&").into()).map_err(unreachable)?;
        let response = FullResponse::receive(request, transport, timeouts.total, now)
            .await
            .map_err(unreachable)?;
        let body = response
            .body
            .map_err(|error| unusable(format!("its response ended early: {error}")))?;
        match response.status {
            status if status.is_success() => serde_json::from_slice(without_bom(&body))
                .map_err(|_| unusable("its response has an unexpected form".to_owned())),
            status if status.is_client_error() && !is_temporary(status) => {
                Err(self.refused(host, status, &body))
            }
            status => Err(unusable(format!("HTTP {}", status.as_u16()))),
        }
    }

    fn refused(&self, host: String, status: StatusCode, body: &[u8]) -> SignInError {
        let value: Value = serde_json::from_slice(without_bom(body)).unwrap_or_default();
        let code = text::one_line(value["error"].as_str().unwrap_or_default(), 100);
        let description = value["error_description"].as_str().unwrap_or_default();
        // The other lines are trace ids and times.
        let description = description.lines().next().unwrap_or_default();
        let description = text::one_line(&self.without_secret(description), 300);
        let message = match (description.is_empty(), code.is_empty()) {
            (false, _) => description,
            (true, false) => code.clone(),
            (true, true) => format!("HTTP {}", status.as_u16()),
        };
        SignInError::Refused {
            host,
            code,
            message,
        }
    }

    fn without_secret(&self, text: &str) -> String {
        if self.secret.is_empty() {
            text.to_owned()
        } else {
            text.replace(self.secret, "***")
        }
    }
}

/// Returns whether the endpoint itself has a problem, so that waiting may help.
fn is_temporary(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status == StatusCode::TOO_MANY_REQUESTS
}
