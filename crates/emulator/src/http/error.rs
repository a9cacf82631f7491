//! Errors of a served emulator.

use std::io;
use std::path::PathBuf;

/// The reason for which an emulator can't start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The scenario has no application, so there are no credentials to hand out.
    #[error("the scenario has no application that can sign in")]
    NoApplication,
    /// No port of the loopback address can be listened on.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Bind(#[source] io::Error),
    /// The temporary folder of the devices can't be created.
    #[error("cannot create the folder for the devices' files: {0}")]
    DeviceFolders(#[source] io::Error),
    /// The ledger file can't be opened or written.
    #[error("cannot write the ledger {path}: {source}")]
    Ledger {
        /// The ledger file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The computer provides no random bytes for the signing key.
    #[error("no random bytes available: {0}")]
    Random(String),
    /// The runtime of a blocking emulator can't be built.
    #[error("cannot start the emulator's runtime: {0}")]
    Runtime(#[source] io::Error),
    /// The listener failed while serving.
    #[error("the listener failed: {0}")]
    Listener(#[source] io::Error),
    /// The emulator's task panicked, which is an internal error.
    #[error("internal error: the emulator's task panicked")]
    Panicked,
}
