//! Waits for the signals that end the process.

use std::future::Future;

use crate::cli::output::exit::{CommandError, Exit};

/// Returns a future that completes on Ctrl-C or `SIGTERM`. Signals are caught from this call on,
/// not only from the first poll.
///
/// # Errors
/// The signal handlers can't be installed.
pub(crate) fn termination() -> Result<impl Future<Output = ()> + Send + 'static, CommandError> {
    let no_signals = |error: std::io::Error| {
        CommandError::new(
            Exit::InternalError,
            format!("cannot listen to signals: {error}"),
        )
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        Ok(async move {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c().map_err(no_signals)?;
        Ok(async move {
            interrupt.recv().await;
        })
    }
}
