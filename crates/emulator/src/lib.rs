//! Plays the live response service.
//!
//! The heart is [`Service`], a pure state machine: a [`Request`] and the time go in, a [`Response`]
//! comes out, together with [`Work`] for devices and the moment it wants to be woken. It has no
//! socket, process, file or clock, so the same rules play behind HTTP ([`serve`]) and in virtual time.
//!
//! What is played is a [`Scenario`]: tenant, applications, devices, library, settings, faults.
//!
//! A script learns its device's root from the variable `SVAR_DEVICE_ROOT`: the device's folder where
//! the script is an ordinary process of this computer, absent where it has a root of its own.
//! The scripts in `playbooks/scripts/` put it before every absolute path; what the playbook's `get`
//! names is the path without it.
//!
//! This room shares the words on the wire with the client, and nothing else, so that it can't
//! repeat the client's mistakes.

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
pub use check::ScenarioProblem;
pub use device::{CommandOutcome, DeviceTask, InMemoryDevices, OnDiskDevices};
pub use fault::{Call, Fault, FaultKind};
pub use http::{EmulatorError, ServeOptions, serve, serve_with};
pub use scenario::{
    ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Device, DeviceFile, FileKind, Fleet, LibraryItem,
    OsFamily, Scenario, ScriptOutcome, StuckIn, TENANT_ID, TimeWindow,
};
pub use service::{Delivery, Request, Response, Service, Work};
pub use settings::{
    DurationRange, Isolation, RateScope, RateWindow, RepeatedPut, ServiceProfile, SettingOverrides,
    Settings, TimeSpan, UnsuccessfulStatus, ViolationPolicy,
};
