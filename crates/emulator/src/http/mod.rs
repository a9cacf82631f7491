//! Serves the emulator over HTTP: a socket, a clock, processes and the ledger file.
//!
//! Nothing is decided here. A request is handed to the [`Service`](super::Service) with the clock's time;
//! work for devices is spawned; one timer wakes the service when it asked for it.

pub mod blocking;
mod body;
mod clock;
mod connection;
mod emulator;
mod error;
mod ledger_file;
mod server;

pub use emulator::{Credentials, Emulator};
pub use error::EmulatorError;
pub use server::{ServeOptions, serve, serve_with};
