//! The playbook language: the typed model, its schema, and the rules that a schema cannot express.
//!
//! A text becomes a [`Playbook`] in stages: YAML, schema, rules, typed model. Each stage reports all its
//! findings, also if an earlier stage has found errors. Files are read only through [`Files`]. Expressions
//! inside `${{ }}` belong to [`crate::expression`], and drawing of findings to [`crate::diagnostic`].

pub(crate) mod check;
mod condition;
pub mod defaults;
mod files;
mod input_value;
mod load;
pub mod model;
mod notation;
mod outline;
pub mod rule_list;
pub(crate) mod rules;
mod schema;
pub(crate) mod suppression;
mod templated;
pub mod templates;

pub use check::{DocumentSchema, playbook_schema};
pub use files::{FileStatus, Files, NoFiles, PlaybookFolder};
pub use input_value::InputError;
pub use load::{Loaded, apply_suppressions, load, load_with};
pub use model::Playbook;
pub use schema::{
    committed_schema, generate as generate_schema, pretty as pretty_schema, schema_of,
    terse as terse_schema,
};
pub use templated::{AnyValue, Condition, OneOrMany, Templated};
