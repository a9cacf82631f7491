//! The room `yaml`, by its front door: text in, values and places out.

mod cases;
mod places;
mod typed;
mod values;
