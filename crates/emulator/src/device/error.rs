//! The reasons for which a command fails on its device.

use std::io;

use super::folder::ReadError;
use super::path::DevicePathError;
use super::sandbox::SandboxError;

/// The reason for which a command fails on its device, as a sentence for the command's `errors`.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("The {0}.")]
    Path(#[from] DevicePathError),
    #[error("The file '{0}' is too large for this device.")]
    PutTooLarge(String),
    #[error("The file '{0}' is already on the device.")]
    AlreadyExists(String),
    #[error("The file '{}' is in use by another process.", .0.escape_debug())]
    Locked(String),
    #[error("The file '{}' is not fully on the device and can't be collected.", .0.escape_debug())]
    CloudOnly(String),
    #[error("{}", .error.message(.path))]
    Read { path: String, error: ReadError },
    #[error("The scenario has no outcome for '{0}', and a device in memory executes no scripts.")]
    NoOutcome(String),
    #[error("The script '{script}' can't be run on {os}.")]
    UnsupportedScript { script: String, os: String },
    #[error("The emulator has neither the content of '{0}' nor an outcome for it.")]
    NoContent(String),
    #[error(
        "The emulator can't run '{script}': this computer has no {interpreter}, and the scenario has no outcome for it."
    )]
    NoInterpreter {
        script: String,
        interpreter: &'static str,
    },
    #[error("The device restarted while the script ran.")]
    Restarted,
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("The device's folder can't be used: {0}")]
    Folder(#[from] io::Error),
    #[error("internal error: the device's work panicked")]
    Panicked,
}
