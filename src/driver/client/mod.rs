//! The client of the service: makes HTTP calls and interprets the responses.
//!
//! Only this module uses the HTTP library, and only in a few files. `transport.rs` sends the
//! requests; another [`Transport`] may replace it, for runs in virtual time. Nothing here retries
//! a call, with one exception: a response 401 drops the token, and the call is sent once more with
//! a fresh one. The engine decides everything else, so each outcome says whether the call may have
//! had an effect; see [`CallError`].
//!
//! The hosts are fixed when the client is created. The bearer token is sent only to the API's host,
//! never to the address of a result, and never along a `nextLink` to another host.

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
