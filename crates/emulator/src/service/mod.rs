//! The service's rules, pure: no socket, process, file or clock.
//!
//! [`Service::handle`] answers a request at a moment; [`Service::advance`] lets time pass and hands
//! out what devices have to do; [`Service::finished`] takes in what came of it. Everything by chance
//! follows from the seed and the subject (which action of which device), not from the order of
//! calls, so two plays with the same seed and the same calls at the same moments agree byte for byte.
//!
//! Where to start: `core/mod.rs` holds the state and the checks before a call; `core/start.rs` is the
//! call this is all about; `core/timeline.rs` is what happens to an action afterwards. `core/storage.rs` plays
//! another service, the one behind result links.

mod action_json;
mod actions;
mod background;
mod client_assertion;
mod command_cache;
mod condition;
mod core;
mod corrupt;
mod id_index;
mod index_set;
mod ledger;
mod list_query;
mod machines;
mod message;
mod random;
mod rates;
mod refusal;
mod route;
mod timestamp;
mod token;

pub use self::core::Service;
pub use self::core::timeline::Work;
pub use ledger::{LedgerEntry, LedgerEvent};
pub use message::{Delivery, Request, Response};
