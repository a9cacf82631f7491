//! Reads the bodies of requests. A body within the limit is kept. A larger one is refused; what the
//! client still sends of it is read and discarded, up to a limit of its own.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

/// The largest bodies that are kept, by content type.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// The limit of a multipart body, in bytes: the largest library file and the rest of its form.
    multipart: u64,
}

/// The space for the other parts of an upload form, in bytes.
const UPLOAD_FORM_MAX: u64 = 1024 * 1024;
/// The limit of every other body, in bytes: far above the longest start that a client would send.
const OTHER_BODY_MAX: u64 = 4 * 1024 * 1024;
/// The part of a body above the limit that is read and discarded, in bytes, so that a client that sends
/// everything before it reads can read the answer. After more bytes, or more time than
/// [`DISCARD_TIME_MAX`], the connection is closed.
const DISCARD_MAX: u64 = 1024 * 1024 * 1024;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(30);

/// The result of reading a body.
pub(super) enum ReadBody {
    Complete(Bytes),
    /// The body exceeded the limit. What was read of it was discarded.
    TooLarge,
    /// The body ended early, or was not valid HTTP.
    Invalid,
}

impl BodyLimits {
    /// Returns the limits for uploads of library files with at most `library_file_max` bytes.
    pub(super) fn new(library_file_max: u64) -> Self {
        BodyLimits {
            multipart: library_file_max.saturating_add(UPLOAD_FORM_MAX),
        }
    }

    /// Reads a body. It never holds more bytes than the limit.
    pub(super) async fn read(self, headers: &HeaderMap, body: Body) -> ReadBody {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().trim().to_ascii_lowercase()
        };
        let limit = if header("content-type").starts_with("multipart/") {
            self.multipart
        } else {
            OTHER_BODY_MAX
        };
        let announced = body.size_hint().lower();
        if announced > limit && header("expect") == "100-continue" {
            // The client waits before it sends the body, and gets its answer at once.
            return ReadBody::TooLarge;
        }
        let mut content = BytesMut::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let Ok(chunk) = chunk else {
                return ReadBody::Invalid;
            };
            if announced > limit || (content.len() + chunk.len()) as u64 > limit {
                drop(content);
                let already_read = chunk.len() as u64;
                // The answer is the same whether the body ended in time or not.
                let _ = tokio::time::timeout(DISCARD_TIME_MAX, discard(chunks, already_read)).await;
                return ReadBody::TooLarge;
            }
            content.extend_from_slice(&chunk);
        }
        ReadBody::Complete(content.freeze())
    }
}

/// Reads the rest of a body up to [`DISCARD_MAX`] bytes in total.
async fn discard(mut chunks: BodyDataStream, mut read: u64) {
    while read < DISCARD_MAX {
        match chunks.next().await {
            Some(Ok(chunk)) => read += chunk.len() as u64,
            _ => return,
        }
    }
}
