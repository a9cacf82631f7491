//! The message of an internal error.

use std::panic::{self, PanicHookInfo};

use crate::cli::output::terminal::eprint;

/// Prints a message instead of a backtrace when a thread panics; `main` then exits with code 70.
pub(crate) fn install_hook() {
    panic::set_hook(Box::new(|info| eprint(&message(info))));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message");
    let message = message.trim_start_matches("internal error: ");
    let place = info
        .location()
        .map(|at| format!(" ({}:{})", at.file(), at.line()))
        .unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "internal error: {message}{place}\n  help: this is a bug in svar {version}, please report it \
         with these lines; an active run keeps its journal and can be continued with `svar resume`\n"
    )
}
