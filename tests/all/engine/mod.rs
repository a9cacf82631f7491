//! The engine: short stories with time that jumps, a table of every state with every fact, and a
//! simulated world with faults and crashes.

mod build;
mod cancels;
mod desk;
mod shown;
mod simulation;
mod sleepers;
mod stories;
mod table;
mod timeouts;
mod world;
