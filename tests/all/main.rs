//! All integration tests, one module a room, in one binary.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod engine;
mod emulator;
mod expression;
mod floors;
mod playbooks;
mod schema;
mod yaml;
