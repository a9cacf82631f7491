//! The shell around the pure core: a socket, a clock, processes and the ledger's file.
//!
//! It decides nothing. A request is handed to the [`Service`](super::Service) with the clock's time;
//! work for devices is spawned; one timer wakes the core when it asked to be woken.

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
