//! What each need means in calls, and what each answer means in facts.

mod context;
mod devices;
mod fetch;
mod start;
mod watch;

pub(super) use context::{Calls, Done, Patience, Then};
