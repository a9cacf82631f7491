//! Runs blocking work: disk access and hashing.

use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

/// Runs blocking work on another thread, so that network calls are not delayed. In virtual time
/// there is no runtime, and the work is done on the current thread.
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
