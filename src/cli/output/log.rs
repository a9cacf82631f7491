//! The log on standard error, off by default.

use tracing_subscriber::EnvFilter;

use crate::report;

use crate::cli::output::exit::CommandError;
use crate::cli::output::terminal::Terminal;

/// Starts logging with a filter such as `debug` or `svar::driver=trace`.
///
/// # Errors
/// The filter is invalid.
pub(crate) fn start(filter: Option<&str>, terminal: &Terminal) -> Result<(), CommandError> {
    let Some(filter) = filter.filter(|filter| !filter.trim().is_empty()) else {
        return Ok(());
    };
    // A bare level applies only to svar's own log. The log of the HTTP crates can contain addresses
    // that are secrets for half an hour.
    let is_level = filter.parse::<tracing::Level>().is_ok();
    let directives = if is_level {
        format!("svar={filter}")
    } else {
        filter.to_owned()
    };
    let filter = EnvFilter::try_new(&directives).map_err(|_| {
        CommandError::refused(format!(
            "invalid log filter `{}`",
            report::clean(&directives)
        ))
        .help("use error, warn, info, debug or trace, or a filter such as svar::driver=debug")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal.color)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
