//! The emulator, by its front doors: HTTP and the pure core.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod conformance;
mod demo;
mod devices;
mod foreign;
mod handle;
mod isolation;
mod ledger;
#[cfg(unix)]
mod limits;
mod load;
mod model;
mod noise;
mod odata;
mod properties;
mod virtual_time;
mod world;
