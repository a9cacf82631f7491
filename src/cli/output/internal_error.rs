//! What is said and done when svar itself is wrong.

use std::panic::{self, PanicHookInfo};

use crate::cli::output::terminal::say;

/// Words instead of a back trace when a thread panics; `main` then ends with exit code 70.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(|info| say(&words(info))));
}

fn words(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it gave up without words");
    let message = message.trim_start_matches("internal error: ");
    let place = info
        .location()
        .map(|at| format!(" ({}:{})", at.file(), at.line()))
        .unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "internal error: {message}{place}\n  help: this is a mistake in svar {version}; a run that \
         was under way keeps its journal and can be taken up with `svar resume`; please report \
         these lines\n"
    )
}
