//! Inputs of a run: the given values, merged with the declarations of the playbook.

mod merge;
mod value;

pub(crate) use value::for_each_text;
pub use value::{ENVIRONMENT_PREFIX, GivenInputs, InputOrigin, InputValue, Inputs, MissingSecrets};
