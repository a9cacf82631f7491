//! Work that holds a thread up: the disk, hashing.

use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

/// Does the work on a thread of its own, away from those that wait for the network. In virtual
/// time, where no runtime keeps threads, it is done in place.
///
/// # Errors
/// The work panicked.
pub(crate) async fn spawn_blocking_io<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match Handle::try_current() {
        Ok(_) => spawn_blocking(work).await,
        Err(_) => Ok(work()),
    }
}
