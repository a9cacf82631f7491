//! The inputs of a run: what the user handed in, merged with what the playbook declares.

mod merge;
mod value;

pub(crate) use value::for_each_text;
pub use value::{ENVIRONMENT_PREFIX, GivenInputs, InputOrigin, InputValue, Inputs, MissingSecrets};
