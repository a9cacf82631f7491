//! The playbook language of svar: YAML with exact positions, expressions, the typed model, its
//! schema, and the checks.
//!
//! Start at [`playbook::load`]: it takes a text and gives a typed playbook, and every problem with
//! its bytes. [`diagnostic::render`] draws problems for a terminal or as JSON.
//!
//! A module uses modules on lower floors only; a test holds the `use crate::` lines against this
//! table.
//!
//! | floor | module | what it holds |
//! | --- | --- | --- |
//! | 1 | [`source`] | text, and where things are in it |
//! | 2 | [`diagnostic`] | problems, rules, and how they are drawn |
//! | 3 | [`yaml`], [`expression`] | YAML with exact positions; what stands inside `${{ }}` |
//! | 4 | [`playbook`] | the model, the schema, the checks |

pub mod diagnostic;
pub mod expression;
pub mod playbook;
pub mod rules;
pub mod source;
pub mod yaml;
