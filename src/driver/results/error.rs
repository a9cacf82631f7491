//! Why a result was not stored.

use std::io;

use crate::driver::client::CallError;
use crate::driver::store::FolderError;

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// What came can't be right; the next try may bring it whole.
    #[error("{0}")]
    Spoiled(String),
    /// It goes beyond a cap; the next try will too.
    #[error("{0}")]
    TooLarge(String),
    /// Our own disk.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// A gzip that can't be undone, in words.
pub(crate) fn spoiled(error: &io::Error) -> CollectError {
    CollectError::Spoiled(match error.kind() {
        io::ErrorKind::UnexpectedEof => "truncated gzip".to_owned(),
        _ => format!("invalid gzip ({error})"),
    })
}
