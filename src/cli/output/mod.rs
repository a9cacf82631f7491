//! Output: the terminal, exit codes, the log, and the message of an internal error.

pub(super) mod exit;
pub(super) mod internal_error;
pub(super) mod log;
pub(super) mod terminal;
