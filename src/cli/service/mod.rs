//! The service of a run: its selection and the connection to it.

pub(super) mod connect;
pub(super) mod select;
