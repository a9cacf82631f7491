//! The room `yaml`, by its front door: text in, values and places out.

mod typed;
mod values;
