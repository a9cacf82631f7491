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
    /// The result is invalid; the next try may deliver it intact.
    #[error("{0}")]
    Spoiled(String),
    /// The result exceeds a limit; the next try will too.
    #[error("{0}")]
    TooLarge(String),
    /// An error of the local disk.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Returns the error for a gzip that can't be unpacked.
pub(crate) fn spoiled(error: &io::Error) -> CollectError {
    CollectError::Spoiled(match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated gzip".to_owned(),
        _ => format!("invalid gzip ({error})"),
    })
}
