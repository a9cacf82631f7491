//! The log: off unless asked for, always on standard error.

use tracing_subscriber::EnvFilter;

use crate::cli::output::exit::Failure;

/// Starts logging by a filter such as `debug` or `svar::driver=trace`.
///
/// # Errors
/// The filter can't be read.
pub(crate) fn start(filter: Option<&str>, color: bool) -> Result<(), Failure> {
    let Some(filter) = filter.filter(|filter| !filter.trim().is_empty()) else {
        return Ok(());
    };
    // A bare level means svar's own words: those of the HTTP crates below it can hold addresses
    // that are secrets for half an hour.
    let bare = filter.parse::<tracing::Level>().is_ok();
    let directives = match bare {
        true => format!("svar={filter}"),
        false => filter.to_owned(),
    };
    let filter = EnvFilter::try_new(&directives).map_err(|_| {
        Failure::refused("the log filter can't be read")
            .help("use error, warn, info, debug or trace, or a filter such as svar::driver=debug")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(color)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
