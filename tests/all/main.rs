//! All integration tests, one module a room, in one binary.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod check;
mod cli;
mod crash;
mod driver;
mod emulator;
mod engine;
mod expect;
mod expression;
mod floors;
mod plan;
mod playbooks;
mod render;
mod report;
mod schema;
mod simulation;
mod yaml;
