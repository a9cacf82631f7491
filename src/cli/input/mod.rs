//! Input from the command line: files to read, values of inputs, targets, scenarios.

pub(super) mod discover;
pub(super) mod inputs;
pub(super) mod prepare;
pub(super) mod scenario;
pub(super) mod target;
