//! The language: the model, its schema, and what a schema can't say.
//!
//! A playbook's text becomes a [`Playbook`] in stages: YAML, schema, rules, typed model. Each
//! stage reports all it finds, and none hides what another one found. The room draws nothing and
//! reads no file but through `Files`; what stands inside `${{ }}` is judged by the
//! room `expression`.

mod accept;
mod check;
mod condition;
pub mod defaults;
mod files;
mod load;
pub mod model;
mod notation;
mod outline;
mod rules;
mod schema;
mod silence;
mod templated;
pub mod templates;

pub use accept::Refusal;
pub use check::{Shape, playbook as shape};
pub use files::{Beside, Files, Found, NoFiles};
pub use load::{Loaded, load};
pub use model::Playbook;
pub use schema::{
    generate as generate_schema, pretty as pretty_schema, schema, schema_of, terse as terse_schema,
};
pub use silence::apply as silence;
pub use templated::{Condition, Several, Templated, Written};
