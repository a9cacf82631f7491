//! The service a run talks to: which one is used, and the connection to it.

pub(super) mod connect;
pub(super) mod select;
