//! Plays the live response service.
//!
//! The heart is [`Service`], a pure state machine: a [`Request`] and the time go in, a [`Response`]
//! comes out, together with [`Work`] for devices and the moment it wants to be woken. It has no
//! socket, process, file or clock, so the same rules play behind HTTP ([`serve`]) and in virtual time.
//!
//! What is played is a [`Scenario`]: tenant, applications, devices, library, knobs, faults.
//!
//! A script learns its device's root from the variable `SVAR_DEVICE_ROOT`: the device's folder where
//! the script is an ordinary process of this computer, absent where it has a root of its own.
//! The scripts in `playbooks/scripts/` put it before every absolute path; what the playbook's `get`
//! names is the path without it.
//!
//! This room shares the words on the wire with the client, and nothing else, so that it can't
//! repeat the client's mistakes.

mod check;
mod colleague;
mod demo;
mod device;
mod fault;
mod knobs;
mod odata;
mod scenario;
mod service;
mod shell;

pub use check::Flaw;
pub use colleague::Colleague;
pub use device::{Bench, Devices, Outcome as CommandOutcome, Task};
pub use fault::{Call, Fault, Mishap};
pub use knobs::{
    BadEnd, Between, Isolation, KnobSettings, Knobs, Minds, Profile, RateScope, RateWindow,
    SecondPut, Span,
};
pub use scenario::{
    ALL_ROLES, App, CLIENT_ID, CLIENT_SECRET, Device, DeviceFile, Family, FileKind, Fleet,
    LibraryItem, Outcome, Scenario, Silence, TENANT_ID, Window,
};
pub use service::{Delivery, Request, Response, Service, Work};
pub use shell::{EmulatorError, Options, serve, serve_with};
