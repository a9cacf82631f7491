//! The client of the service: what is asked over HTTP, and what the answers mean.
//!
//! The only place that knows the HTTP library, and it knows it in `transport.rs`: a [`Transport`] may take
//! its place, so that a run plays in virtual time. Nothing in here retries a call by itself, with one
//! exception: an answer 401 drops the token, and the call is sent once more with a fresh one.
//! Everything else is the engine's to decide, so each outcome says whether the call may have had an
//! effect; see [`CallError`].
//!
//! The hosts are pinned when the client is made. The bearer token goes to the API's host only,
//! never to a result's address and never along a `nextLink` that leads elsewhere.

mod actions;
mod call;
mod connection;
mod download;
mod emulator;
mod error;
mod library;
mod machines;
mod odata;
mod response;
mod text;
mod token;
mod token_endpoint;
mod transport;

pub use call::Client;
pub use connection::{
    Connection, ConnectionError, Credentials, DEFAULT_API, DEFAULT_AUTHORITY, DEFAULT_SCOPE, Root,
    Timeouts,
};
pub use download::{DownloadError, Downloaded, ResultLink};
pub use emulator::emulator_clock;
pub use error::{CallError, Permission, SignInError};
pub(super) use machines::last_seen;
pub use token::Identity;
pub use transport::{
    BodyError, Request, Response, ResponseBody, ResponseFuture, Transport, TransportError,
};
