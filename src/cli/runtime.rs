//! The async runtime, for commands that talk to a service.

use tokio::runtime::{Builder, Runtime};

use crate::cli::output::exit::{CommandError, Exit};

/// Starts the runtime.
///
/// # Errors
/// The system refuses to start threads.
pub(crate) fn start() -> Result<Runtime, CommandError> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::new(
                Exit::InternalError,
                format!("cannot start threads: {error}"),
            )
            .help("check the limits of processes and open files")
        })
}
