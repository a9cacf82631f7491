//! Decides what a run does next.
//!
//! The engine is told what happened and what time it is, and answers what it needs next. It has no
//! clock, socket, file or randomness, so a test plays an hour of waiting in a millisecond.
//!
//! Everything rests on one order: a call that changes a device is sent only after the journal has
//! confirmed the fact announcing it. Facts are the only thing journalled; replaying them through
//! the same code gives the same state.

mod fact;

pub use fact::{
    Care, CommandEnd, EndState, FORMAT, Fact, FactBody, LaneId, Need, Refusal, ResultSummary, Row,
    SessionIndex,
};
