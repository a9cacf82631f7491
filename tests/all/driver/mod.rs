//! The driver: the client over a small service, the journal, the folder, targets, and the loop.

mod client;
mod journal;
mod run;
mod service;
mod world;
