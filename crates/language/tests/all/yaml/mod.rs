//! The room `yaml`, by its front door: text in, values and places out.

mod agreement;
mod cases;
mod places;
mod recovery;
mod typed;
mod values;
