//! Whole runs in virtual time under a seed: the real driver (its decisions, calls, client, journal
//! and run folder), the emulator's own service and devices, a network that loses and delays, and a
//! computer that dies. The judge is the emulator's ledger.
//!
//! `network.rs` carries letters, `computer.rs` runs and kills the process, `draw.rs` makes a case out
//! of a seed, `judge.rs` says what must hold afterwards, `seeds.rs` plays them. The others are stories
//! by hand.

pub(crate) mod computer;
mod draw;
mod gate;
mod judge;
mod load;
pub(crate) mod network;
mod seeds;
mod sleepers;
