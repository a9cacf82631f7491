//! The work of devices and its outcomes.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};

use svar_wire::ScriptResult;

use super::super::scenario::{Device, OsFamily};

/// A piece of work for a device. Its outcome is passed to
/// [`Service::finished`](crate::Service::finished) together with its number.
#[derive(Debug, Clone)]
pub struct Work {
    /// The number of the work, which is not used again.
    pub number: u64,
    /// The device's index in the scenario. The same index always means the same device.
    pub machine: u32,
    /// The device's full name.
    pub name: Arc<str>,
    /// The scenario's description of the device.
    pub device: Arc<Device>,
    /// The task to perform.
    pub task: DeviceTask,
}

/// What a device has to do: one command of a session, or a restart.
#[derive(Debug, Clone)]
pub enum DeviceTask {
    /// Copies a library file to the working folder.
    Put {
        /// Name of the library file.
        name: String,
        /// Content of the file; `None` if the scenario gives it none, so that only a scripted outcome can
        /// be used.
        content: Option<Bytes>,
        /// `true` if a file of that name may exist already.
        may_overwrite: bool,
    },
    /// Runs a library script.
    Run {
        /// Name of the script.
        script: String,
        /// The argument text, as sent.
        args: String,
        /// Content of the script; `None` if the scenario gives it none, so that only a scripted outcome can
        /// be used.
        content: Option<Bytes>,
        /// Time limit, in emulated time.
        time_limit: Duration,
    },
    /// Restarts: files that PutFile has written are removed, and a running script is stopped.
    Restart,
    /// Returns a file.
    Get {
        /// Path of the file, as the client sent it.
        path: String,
    },
}

/// The outcome of a command.
#[derive(Debug, Clone, Default)]
pub struct CommandOutcome {
    /// The reasons for which it failed; empty if it completed.
    pub errors: Vec<String>,
    /// A script's exit code.
    pub exit: Option<i64>,
    /// Body of the response to its result link; `None` if it has no result.
    pub result: Option<Bytes>,
    /// Minimum duration of the command, in emulated time from its start.
    pub duration_min: Duration,
}

impl CommandOutcome {
    /// Creates the outcome of a command that failed.
    pub fn failed(reason: impl Into<String>) -> Self {
        CommandOutcome {
            errors: vec![reason.into()],
            ..CommandOutcome::default()
        }
    }

    /// Creates the outcome of a script, with the document its link leads to (API notes 6.3). On
    /// Windows the output is a transcript: it begins with a line that names the transcript's file,
    /// and ends with NUL characters.
    pub(super) fn script(
        family: OsFamily,
        script: &str,
        exit: i64,
        stdout: &str,
        stderr: &str,
    ) -> Self {
        let output = match family {
            OsFamily::Unix => stdout.to_owned(),
            OsFamily::Windows => format!(
                "Transcript started, output file is {TRANSCRIPTS}\\PSScript_Transcript_{}.txt\r\n{stdout}\0\0",
                transcript_id(script, stdout),
            ),
        };
        let document = ScriptResult {
            script_name: Some(script.to_owned()),
            exit_code: exit,
            script_output: output,
            script_errors: stderr.to_owned(),
        };
        CommandOutcome {
            exit: Some(exit),
            result: Some(without_spare_capacity(
                serde_json::to_vec(&document)
                    .expect("internal error: plain data can always be written as JSON"),
            )),
            ..CommandOutcome::default()
        }
    }

    /// Creates the outcome with a collected file, as gzip with the file's name in the header (API
    /// notes 6.3).
    pub(super) fn file(name: &str, content: &[u8]) -> Self {
        // The name in the header ends at the first NUL, and readers expect Latin-1.
        let name: String = name
            .chars()
            .map(|c| if c == '\0' || !c.is_ascii() { '_' } else { c })
            .collect();
        let mut compressed = GzBuilder::new()
            .filename(name)
            .mtime(0)
            .write(Vec::new(), Compression::fast());
        let written = compressed
            .write_all(content)
            .and_then(|()| compressed.finish());
        match written {
            Ok(bytes) => CommandOutcome {
                result: Some(without_spare_capacity(bytes)),
                ..CommandOutcome::default()
            },
            Err(error) => {
                CommandOutcome::failed(format!("The file could not be compressed: {error}"))
            }
        }
    }
}

/// Returns the bytes without spare capacity, since results are kept for a long time.
fn without_spare_capacity(bytes: Vec<u8>) -> Bytes {
    bytes.into_boxed_slice().into()
}

const TRANSCRIPTS: &str = "C:\\ProgramData\\Microsoft\\Windows Defender Advanced Threat Protection\\Temp\\PSScriptOutputs";

/// Returns the transcript's GUID. It is derived from the script and its output, so that runs are
/// repeatable.
fn transcript_id(script: &str, stdout: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new()
        .chain_update(script)
        .chain_update([0])
        .chain_update(stdout)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    format!(
        "{{{}}}",
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::CommandOutcome;

    #[test]
    fn the_name_in_a_gzip_header_is_ascii_without_nul() {
        for (name, written) in [
            ("auth.log", "auth.log"),
            ("Grüße 日本.txt", "Gr__e __.txt"),
            ("a\0b.txt", "a_b.txt"),
        ] {
            let outcome = CommandOutcome::file(name, b"content");
            let compressed = outcome.result.expect("a result");
            let mut reader = GzDecoder::new(&compressed[..]);
            let header = reader.header().expect("a gzip header");
            assert_eq!(header.filename(), Some(written.as_bytes()), "{name:?}");
            let mut content = String::new();
            reader
                .read_to_string(&mut content)
                .expect("whole gzip data");
            assert_eq!(content, "content");
        }
    }
}
