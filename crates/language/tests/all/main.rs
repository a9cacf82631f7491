//! The language, by its front doors: text in, values and problems out.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod check;
mod expression;
mod render;
mod schema;
mod yaml;
