//! The engine: short stories with time that jumps, a table of every state with every fact, and a
//! simulated world with faults and crashes.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod build;
mod cancels;
mod desk;
mod offline;
mod simulation;
mod stories;
mod table;
mod timeouts;
mod world;
