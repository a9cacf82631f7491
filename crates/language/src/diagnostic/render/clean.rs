//! Characters that must not reach a terminal as they are.

pub(super) use svar_wire::text::push_visible;
pub use svar_wire::text::visible as clean;
