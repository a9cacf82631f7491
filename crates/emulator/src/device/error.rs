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
    #[error("The file '{}' is too large for this device.", .0.escape_debug())]
    PutTooLarge(String),
    #[error("The file '{}' is already on the device.", .0.escape_debug())]
    AlreadyExists(String),
    #[error("The file '{}' is in use by another process.", .0.escape_debug())]
    Locked(String),
    #[error("The file '{}' is not fully on the device and can't be collected.", .0.escape_debug())]
    CloudOnly(String),
    #[error("{}", .error.message(.path))]
    Read { path: String, error: ReadError },
    #[error(
        "The scenario has no outcome for '{}', and a device in memory executes no scripts.",
        .0.escape_debug()
    )]
    NoOutcome(String),
    #[error("The script '{}' can't be run on {}.", .script.escape_debug(), .os.escape_debug())]
    UnsupportedScript { script: String, os: String },
    #[error("The emulator has neither the content of '{}' nor an outcome for it.", .0.escape_debug())]
    NoContent(String),
    #[error(
        "The emulator can't run '{}': this computer has no {interpreter}, and the scenario has no outcome for it.",
        .script.escape_debug()
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
    Folder(#[source] io::Error),
    #[error("internal error: the device's work panicked")]
    Panicked,
}

#[cfg(test)]
mod tests {
    use super::CommandError;

    #[test]
    fn names_from_outside_are_escaped() {
        let name = || "a\u{1b}[2Jb".to_owned();
        for error in [
            CommandError::PutTooLarge(name()),
            CommandError::AlreadyExists(name()),
            CommandError::Locked(name()),
            CommandError::CloudOnly(name()),
            CommandError::NoOutcome(name()),
            CommandError::UnsupportedScript {
                script: name(),
                os: name(),
            },
            CommandError::NoContent(name()),
            CommandError::NoInterpreter {
                script: name(),
                interpreter: "bash",
            },
        ] {
            let message = error.to_string();
            assert!(!message.contains('\u{1b}'), "{message:?}");
            assert!(message.contains("a\\u{1b}[2Jb"), "{message:?}");
        }
    }
}
