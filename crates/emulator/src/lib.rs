//! An emulator of the live response API of Microsoft Defender for Endpoint, for tests and rehearsals.
//!
//! [`Emulator::start`] serves a [`Scenario`] on a free port of the loopback address. A test talks to it
//! with its own HTTP client, moves its clock, and reads the ledger of what was really done.
//! [`blocking::Emulator`] is the same for tests that are not async.
//!
//! ```
//! use std::time::Duration;
//!
//! use svar_emulator::{Device, Emulator, LedgerEvent, LibraryItem, Scenario, ScriptOutcome};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let _ = rustls::crypto::ring::default_provider().install_default();
//! let scenario = Scenario {
//!     devices: vec![Device::named("web-01.example.org", "Linux")],
//!     library: vec![LibraryItem { name: "collect.sh".into(), ..LibraryItem::default() }],
//!     outcomes: vec![ScriptOutcome { stdout: "3 files\n".into(), ..ScriptOutcome::default() }],
//!     ..Scenario::default()
//! };
//! let emulator = Emulator::start(scenario).await?;
//! let (base, token) = (emulator.base_url(), emulator.token());
//!
//! let http = reqwest::Client::new();
//! let list = http.get(format!("{base}/api/machines")).bearer_auth(&token).send().await?;
//! let list: serde_json::Value = list.json().await?;
//! let id = list["value"][0]["id"].as_str().unwrap();
//!
//! let session = serde_json::json!({
//!     "Commands": [{ "type": "RunScript", "params": [{ "key": "ScriptName", "value": "collect.sh" }] }],
//!     "Comment": "a test",
//! });
//! let start = format!("{base}/api/machines/{id}/runliveresponse");
//! let started = http.post(start).bearer_auth(&token).json(&session).send().await?;
//! assert_eq!(started.status(), 201);
//!
//! emulator.advance(Duration::from_secs(600)).await;
//! let done: Vec<LedgerEvent> = emulator.ledger().iter().map(|entry| entry.kind).collect();
//! assert_eq!(
//!     done,
//!     [LedgerEvent::SessionStarted, LedgerEvent::ScriptRun, LedgerEvent::SessionEnded]
//! );
//! # Ok(())
//! # }
//! ```
//!
//! Everything about the tenant is in the [`Scenario`]: applications, devices, library, settings, faults.
//! It is plain data, and can be read from YAML or JSON.
//!
//! Behind the socket is [`Service`], a pure state machine: a [`Request`] and the time go in, a
//! [`Response`] comes out, together with [`Work`] for devices and the moment at which it has to be woken.
//! It has no socket, process, file or clock, so that a test can also play whole fleets in virtual time,
//! with [`InMemoryDevices`] doing the work.
//!
//! Scripts run for real. A script finds the root of its device in the variable `SVAR_DEVICE_ROOT` where it
//! is an ordinary process of this computer; the variable is not set where the script has a root of its
//! own. The scripts in `playbooks/scripts/` put it before every absolute path.
//!
//! The crate shares only the words of the API (`svar-wire`) with the client, so that it can't repeat the
//! client's mistakes.

mod background_load;
mod check;
mod demo;
mod device;
mod fault;
mod http;
mod odata;
mod scenario;
mod service;
mod settings;

pub use background_load::BackgroundLoad;
pub use check::{RelatedLocation, ScenarioProblem, ScenarioProblemKind};
pub use device::{CommandOutcome, DeviceTask, InMemoryDevices, OnDiskDevices, Work};
pub use fault::{Call, Fault, FaultKind};
pub use http::{Credentials, Emulator, EmulatorError, ServeOptions, blocking, serve, serve_with};
pub use scenario::{
    ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Device, DeviceFile, FileKind, Fleet, InvalidBase64,
    LibraryItem, OsFamily, Scenario, ScriptOutcome, StuckIn, TENANT_ID, TimeWindow,
};
pub use service::{Delivery, LedgerEntry, LedgerEvent, Request, Response, Service};
pub use settings::{
    DurationRange, Isolation, RateScope, RateWindow, RepeatedPut, ServiceProfile, SettingOverrides,
    Settings, TimeSpan, UnsuccessfulStatus, ViolationPolicy,
};
/// A moment of emulated time, and a command of a session, as the API writes it.
pub use svar_wire::{Command, Moment};
