//! Serves the emulator over HTTP: a socket, a clock, processes and the ledger file.
//!
//! All decisions are made in the [`Service`](super::Service). It gets each request with the clock's
//! time. Work for devices is spawned, and one timer calls the service at the time it has asked for.

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
