//! Makes the calls for each need and translates their answers into facts.

mod context;
mod devices;
mod fetch;
mod start;
mod watch;

pub(super) use context::{Calls, Done, Patience, Then};
