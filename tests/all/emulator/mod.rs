//! The emulator, by its front doors: HTTP and the pure core.

mod conformance;
mod world;
