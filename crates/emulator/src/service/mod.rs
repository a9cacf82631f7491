//! Implements the rules of the service, without sockets, processes, files or clocks.
//!
//! [`Service::handle`] answers a request at a given time. [`Service::advance`] lets time pass and
//! returns the work for devices. [`Service::finished`] accepts the outcome of a piece of work.
//! Random values are derived from the seed and the subject (such as an action and its device), not
//! from the order of calls. So two runs with the same seed and the same calls at the same times are
//! identical, byte for byte.
//!
//! A reader can start with `core/mod.rs`, which holds the state and the checks before each call.
//! `core/start.rs` is the most important call, and `core/timeline.rs` is what happens to an action
//! afterwards. `core/storage.rs` emulates a second service, the one behind result links.

mod action_json;
mod actions;
mod client_assertion;
mod conditional_request;
mod core;
mod corrupt_gzip;
mod id_index;
mod index_set;
mod json;
mod ledger;
mod list_query;
mod machines;
mod message;
mod other_users;
mod random;
mod rate_limiter;
mod recent_commands;
mod refusal;
mod route;
mod timestamp;
mod token;

pub use self::core::Service;
pub use ledger::{LedgerEntry, LedgerEvent};
pub use message::{Delivery, Request, Response};
