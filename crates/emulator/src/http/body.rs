//! Reads the bodies of requests. A body within the limit is kept, and a larger one is read and
//! discarded.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

/// The largest number of bytes that is kept of a body, by its content type.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// The limit of a multipart body: the largest library file and the rest of its form.
    multipart: usize,
}

/// The size of the other parts of an upload.
const FORM: u64 = 1024 * 1024;
/// The limit of every other body, far above the longest start that a client would send.
const PLAIN: usize = 4 * 1024 * 1024;
/// The part of an oversized body that is read and discarded, so that a client that sends everything
/// before it reads can read the answer. After more bytes, or more time than [`READ_OFF_FOR`], the
/// connection is closed.
const READ_OFF: u64 = 1024 * 1024 * 1024;
const READ_OFF_FOR: Duration = Duration::from_secs(30);

/// The result of reading a body.
pub(super) enum Taken {
    Whole(Bytes),
    /// It exceeded the limit and was discarded.
    Oversized,
    /// It ended early, or was not valid HTTP.
    Broken,
}

impl BodyLimits {
    pub(super) fn for_files_of(size_max: u64) -> Self {
        BodyLimits {
            multipart: usize::try_from(size_max.saturating_add(FORM)).unwrap_or(usize::MAX),
        }
    }

    /// Reads a body. It never holds more than the limit.
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
            // The client waits before it sends the body, and gets its answer at once.
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
                // The answer is the same whether the body ended in time or not.
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
