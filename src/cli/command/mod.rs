//! The subcommands, one file each: from parsed arguments to an exit code.

pub(super) mod cancel;
pub(super) mod check;
pub(super) mod completions;
pub(super) mod emulator;
pub(super) mod explain;
pub(super) mod init;
pub(super) mod pause;
pub(super) mod plan;
pub(super) mod resume;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod schema;
pub(super) mod show;
mod waive;
