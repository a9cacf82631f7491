//! The playbook language of svar: YAML with exact positions, expressions, the typed model, its
//! schema, and the checks.
//!
//! [`playbook::load`] takes a text and returns a typed playbook and all problems with their places;
//! [`diagnostic::render`] draws problems for a terminal or as JSON.
//!
//! ```
//! use svar_language::diagnostic::render::{RenderStyle, text};
//! use svar_language::playbook::{NoFiles, load};
//! use svar_language::source::SourceText;
//!
//! let source = SourceText::new(
//!     "triage.yaml",
//!     "playbook: 1\nsteps:\n  - run: collect.ps1\n    timout: 5m\n",
//! );
//! let loaded = load(&source, &NoFiles);
//! assert!(loaded.playbook.is_none());
//! let drawn = text(&loaded.problems, &RenderStyle::plain());
//! assert!(drawn.starts_with("error[unknown-key]: a step has no key `timout`"));
//! assert!(drawn.contains("did you mean `timeout`?"));
//! ```
//!
//! A module uses modules on lower floors only; a test holds the `use crate::` lines against this
//! table.
//!
//! | floor | module | contents |
//! | --- | --- | --- |
//! | 1 | [`source`] | text, and positions in it |
//! | 2 | [`diagnostic`] | problems and rules, and how they are drawn |
//! | 3 | [`yaml`], [`expression`] | YAML with exact positions; expressions inside `${{ }}` |
//! | 4 | [`playbook`] | the model, the schema, the checks |

pub mod diagnostic;
pub mod expression;
pub mod playbook;
pub mod source;
pub mod yaml;

pub use playbook::rule_list as rules;
