//! Waiting for the signals that ask the process to end.

use std::future::Future;

use crate::cli::output::exit::{CommandError, Exit};

/// Returns a future that resolves when the process is asked to end, by Ctrl-C or `SIGTERM`. Signals
/// are caught from this call on, not from the first poll.
///
/// # Errors
/// The system does not let us listen to signals.
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
