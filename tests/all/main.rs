//! All integration tests, one module a room, in one binary.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod circles;
mod citations;
mod cli;
mod crash;
mod driver;
mod floors;
mod plan_report;
mod playbooks;
mod report;
mod scenario;
mod shown;
mod simulation;
