//! An emulator of the live response API of Microsoft Defender for Endpoint, for tests and rehearsals.
//!
//! It serves the token endpoint, machines, sessions, results, cancel, the library and hunting queries over
//! HTTP, with the limits, delays and refusals of the service. Scripts run for real, each in the folder of
//! its device. A client needs no changes: it gets another address and other credentials.
//!
//! # Start
//!
//! [`Emulator::start`] serves a [`Scenario`] on a free port of the loopback address, until the emulator is
//! dropped. [`blocking::Emulator`] is the same for tests that are not async.
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
//! # Scenario
//!
//! A [`Scenario`] describes the tenant: its applications, devices, library, settings, faults and other users.
//! It is plain data and implements `Deserialize`, so that it can be written as YAML or JSON. Every field has
//! a default. [`Scenario::problems`] reports values that are wrong or have no effect.
//!
//! Random values, such as ids and delays, are derived from the scenario's `seed`.
//!
//! # Clock
//!
//! Emulated time begins at the computer's time and runs at the scenario's `factor`.
//! [`Emulator::advance`] lets time pass at once and waits for the scripts that run meanwhile.
//!
//! # Ledger
//!
//! [`Emulator::ledger`] returns what was really done, whatever the client was told: sessions, commands,
//! cancels, restarts and changes to the library. A test compares the client's view with it.
//!
//! # Faults
//!
//! A [`Fault`] makes calls fail by count or by probability: refusals, server errors before or after the call
//! was carried out, lost connections, damaged results and others. See [`FaultKind`].
//!
//! # Without a socket
//!
//! [`Service`] is the emulator as a state machine: a [`Request`] and a time go in, and a [`Response`] comes
//! out, with [`Work`] for devices and the time of the next event. It has no socket, process, file or clock.
//! With [`InMemoryDevices`], a test can run a whole fleet in virtual time.
//!
//! # Scripts
//!
//! On Linux, a script has its device's folder as `/`, without network, if the kernel allows ordinary users to
//! create namespaces. Elsewhere it is an ordinary process, and the variable `SVAR_DEVICE_ROOT` has the path of
//! the device's folder. Scripts for both write it before every absolute path, as those in
//! `playbooks/scripts/` do: `"${SVAR_DEVICE_ROOT:-}/etc/passwd"`. A [`ScriptOutcome`] replaces a script that
//! can't or should not run.
//!
//! # What is not emulated
//!
//! Interactive sessions, device actions other than live response (isolation, scans, investigation packages),
//! alerts and incidents, real hunting queries (the scenario has their results), TLS, HTTP/2, and the signatures
//! of client assertions. Where the documentation of the service is silent, the emulator chooses, and the choice
//! is usually a [setting](Settings).
//!
//! The crate shares only the words of the API (`svar-wire`) with svar's client, so that it can't repeat the
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
    LibraryItem, Scenario, ScriptOutcome, StuckIn, TENANT_ID, TimeWindow,
};
pub use service::{Delivery, LedgerEntry, LedgerEvent, Request, Response, Service};
pub use settings::{
    DurationRange, Isolation, RateScope, RateWindow, RepeatedPut, ServiceProfile, SettingOverrides,
    Settings, TimeSpan, UnsuccessfulStatus, ViolationPolicy,
};
/// A command of a session, as the API writes it.
pub use svar_wire::Command;
/// A moment of emulated time.
pub use svar_wire::Moment;
