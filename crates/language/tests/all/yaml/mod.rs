//! The room `yaml`, by its front door: text in, values and places out.

mod cases;
mod deserialize;
mod recovery;
mod round_trip;
mod source_spans;
mod values;
