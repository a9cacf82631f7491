//! Being asked to end.

use std::future::Future;

use crate::cli::output::exit::{Exit, Failure};

/// Ends when the process is asked to: Ctrl-C, or the system's polite request. Listening begins now,
/// not when the future is first polled, so that nothing in between is lost.
///
/// # Errors
/// The system gives no signals.
pub(crate) fn asked_to_end() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let no_signals = |error: std::io::Error| {
        Failure::new(Exit::Bug, format!("signals can't be listened to: {error}"))
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
