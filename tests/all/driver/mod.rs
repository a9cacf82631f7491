//! The driver: the client over a small service, the journal, the folder, targets, and the loop.

mod answers;
mod budget;
mod client;
mod faults;
mod folder;
mod gone;
mod journal;
mod library;
mod record_store;
mod run;
mod service;
mod targets;
mod world;
