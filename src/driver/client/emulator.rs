//! Reads the clock of an emulator.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use svar_wire::Moment;

use crate::driver::clock::Clock;

use super::call::choose_cryptography;
use super::connection::Root;
use super::error::CallError;
use super::response::FullResponse;
use super::text::describe_error;
use super::transport::{HttpTransport, LoggedTransport, TransportError, get};

/// Timeout for the emulator's response.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The response of `/emulator/clock`, which is not part of the API.
#[derive(Deserialize)]
struct EmulatorTime {
    now: String,
    factor: f64,
}

/// Returns a clock that follows the emulator at this address. No token is needed.
///
/// # Errors
/// The service there can't be reached or is not an emulator.
pub async fn emulator_clock(root: &Root) -> Result<Clock, CallError> {
    let unreachable = |why: String| CallError::Unreachable { why };
    let url = root
        .join("/emulator/clock")
        .map_err(|error| unreachable(error.to_string()))?;
    choose_cryptography();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none());
    if root.is_loopback() {
        builder = builder.no_proxy();
    }
    let http = builder
        .build()
        .map_err(|error| unreachable(describe_error(error)))?;
    let lost = |error: TransportError| unreachable(error.into_reason());
    let transport = LoggedTransport::new(Arc::new(HttpTransport(http)));
    let request = get(&url).map_err(lost)?;
    let response = FullResponse::receive(request, &transport, CLOCK_TIMEOUT, Moment::EPOCH)
        .await
        .map_err(lost)?;
    let time: EmulatorTime = response
        .read()
        .map_err(|_| unreachable("it is not an emulator".to_owned()))?;
    let now = Moment::parse(&time.now).map_err(|_| {
        unreachable(format!(
            "its clock returned the invalid time `{}`",
            time.now.escape_default()
        ))
    })?;
    Ok(Clock::scaled(now, time.factor))
}
