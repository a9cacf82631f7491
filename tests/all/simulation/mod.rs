//! Whole runs in virtual time under a seed: the real driver (its decisions, calls, client, journal
//! and run folder), the emulator's own service and devices, a network that loses and delays, and a
//! computer that dies. The judge is the emulator's ledger.
//!
//! `network.rs` carries requests and responses, `computer.rs` runs and kills the process, `draw.rs` makes a
//! case out of a seed, `judge.rs` checks what must hold afterwards, `seeds.rs` plays the cases. The other
//! files are stories written by hand.

pub(crate) mod computer;
mod draw;
mod gate;
mod judge;
mod load;
pub(crate) mod network;
mod offline;
mod seeds;
