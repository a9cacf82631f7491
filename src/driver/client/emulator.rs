//! The one question that only an emulator can answer: what time is it there?

use std::time::Duration;

use serde::Deserialize;

use svar_wire::Moment;

use crate::driver::clock::Clock;

use super::call::choose_cryptography;
use super::connection::Root;
use super::error::CallError;
use super::text::words;
use super::transport::{Lost, Outgoing, Wire};

/// What `/emulator/clock` says, off the API's namespace.
#[derive(Deserialize)]
struct Time {
    now: String,
    factor: f64,
}

/// The clock of the emulator at this address, running at its pace. No token is needed.
///
/// # Errors
/// Nobody answers there, or not an emulator.
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
    let http = builder.build().map_err(|error| unreachable(words(error)))?;
    let outgoing = Outgoing {
        timeout: Some(Duration::from_secs(10)),
        ..Outgoing::get(url)
    };
    let reply = Wire::Http(http)
        .exchange(outgoing, Moment::EPOCH)
        .await
        .map_err(|lost| match lost {
            Lost::Never(why) | Lost::Perhaps(why) => unreachable(why),
        })?;
    let time: Time = reply
        .read()
        .map_err(|_| unreachable("it does not answer as an emulator does".to_owned()))?;
    let now = Moment::parse(&time.now)
        .map_err(|_| unreachable(format!("its clock says `{}`", time.now.escape_default())))?;
    Ok(Clock::scaled(now, time.factor))
}
