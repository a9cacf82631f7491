//! One device of a run: its state, what facts make of it, and what it needs next.
//!
//! [`state`] and [`traces`] hold the state, [`apply`] takes facts in, [`transition`] and [`outcome`] say
//! what follows from them, and [`intent`] decides what is to be done next. Nothing here knows other devices.

pub(crate) mod apply;
pub(crate) mod intent;
pub(crate) mod outcome;
pub(crate) mod state;
pub(crate) mod traces;
pub(crate) mod transition;
