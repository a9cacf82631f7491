//! Errors of collecting a result.

use std::io;

use crate::driver::client::CallError;
use crate::driver::store::FolderError;

/// The reason why a result was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The result is corrupt; the next download may be intact.
    #[error("{0}")]
    Corrupt(String),
    /// The result exceeds a limit; the next try will too.
    #[error("{0}")]
    TooLarge(String),
    /// An error of the local disk.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Returns the error for a gzip that can't be unpacked.
pub(crate) fn corrupt_gzip(error: &io::Error) -> CollectError {
    CollectError::Corrupt(match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated gzip".to_owned(),
        _ => format!("invalid gzip ({error})"),
    })
}
