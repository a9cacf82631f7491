//! Bodies of requests: read whole while they have a size the service may take, else read to nowhere.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

/// How many bytes of a body are kept, by what it says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Multipart: the largest library file, and the rest of its form.
    multipart: usize,
}

/// The other parts of an upload.
const FORM: u64 = 1024 * 1024;
/// Every other body: the longest start that a client could mean is far below.
const PLAIN: usize = 4 * 1024 * 1024;
/// A client that sends everything before it reads the answer gets to read it, so far and so long;
/// who sends more meets a closed connection.
const READ_OFF: u64 = 1024 * 1024 * 1024;
const READ_OFF_FOR: Duration = Duration::from_secs(30);

/// What came of a body.
pub(super) enum Taken {
    Whole(Bytes),
    /// It was larger than there is room for, and is gone.
    Oversized,
    /// It ended in its middle, or was no HTTP.
    Broken,
}

impl BodyLimits {
    pub(super) fn for_files_of(size_max: u64) -> Self {
        BodyLimits {
            multipart: usize::try_from(size_max.saturating_add(FORM)).unwrap_or(usize::MAX),
        }
    }

    /// Takes a body in. Never holds more than there is room for.
    pub(super) async fn take(self, headers: &HeaderMap, body: Body) -> Taken {
        let named = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().trim().to_ascii_lowercase()
        };
        let room = match named("content-type").starts_with("multipart/") {
            true => self.multipart,
            false => PLAIN,
        };
        let announced = body.size_hint().lower();
        if announced > room as u64 && named("expect") == "100-continue" {
            // It waits to be asked for the body, and is told at once that nobody wants it.
            return Taken::Oversized;
        }
        let mut kept = BytesMut::new();
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            let Ok(part) = part else {
                return Taken::Broken;
            };
            if announced > room as u64 || part.len() > room - kept.len() {
                drop(kept);
                let read = part.len() as u64;
                // Whether it ended in time or not: the answer is the same.
                let _ = tokio::time::timeout(READ_OFF_FOR, read_off(parts, read)).await;
                return Taken::Oversized;
            }
            kept.extend_from_slice(&part);
        }
        Taken::Whole(kept.freeze())
    }
}

async fn read_off(mut parts: axum::body::BodyDataStream, mut read: u64) {
    while read < READ_OFF {
        match parts.next().await {
            Some(Ok(part)) => read += part.len() as u64,
            _ => return,
        }
    }
}
