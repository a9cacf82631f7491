//! Evaluates conditional requests and range requests to the storage: whether the client's version of a
//! blob is the present one, and which bytes it asks for.
//!
//! According to the storage's documentation, `If-Match`, `If-Unmodified-Since` and one of
//! `If-None-Match` and `If-Modified-Since` must hold. A range has the form `bytes=5-` or
//! `bytes=5-9`. A range of another form is ignored (our choice: HTTP lets a server ignore ranges,
//! so no client may rely on them).

use std::ops::Range;

use svar_wire::Moment;

use super::message::Request;

/// The present version of a blob.
#[derive(Debug)]
pub(super) struct BlobVersion<'a> {
    /// The ETag, with its quotes.
    pub(super) etag: &'a str,
    pub(super) modified: Moment,
}

/// A condition of a request that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConditionError {
    /// The client has this version already: 304.
    NotModified,
    /// The client asks for another version: 412.
    PreconditionFailed,
    /// A header that must be an HTTP date is not one: 400.
    InvalidDate,
}

impl BlobVersion<'_> {
    /// Checks the conditions of a request.
    pub(super) fn check_conditions(&self, request: &Request) -> Result<(), ConditionError> {
        let is_modified_since = |header: &str| -> Result<Option<bool>, ConditionError> {
            let Some(text) = request.header_value(header) else {
                return Ok(None);
            };
            let date = http_time(text).ok_or(ConditionError::InvalidDate)?;
            Ok(Some(self.modified_s() > date))
        };
        let if_modified_since = is_modified_since("if-modified-since")?;
        let if_unmodified_since =
            is_modified_since("if-unmodified-since")?.map(|modified| !modified);
        let if_match = request
            .header_value("if-match")
            .map(|tags| self.is_among(tags));
        if if_match == Some(false) || if_unmodified_since == Some(false) {
            return Err(ConditionError::PreconditionFailed);
        }
        let if_none_match = request
            .header_value("if-none-match")
            .map(|tags| !self.is_among(tags));
        match (if_none_match, if_modified_since) {
            (None, None) | (Some(true), _) | (_, Some(true)) => Ok(()),
            _ => Err(ConditionError::NotModified),
        }
    }

    /// Returns the range that a request asks for, of a blob with `size` bytes. `If-Range` with another
    /// version turns a range request into one for the whole blob.
    pub(super) fn range(&self, request: &Request, size: usize) -> ByteRange {
        let range = request
            .header_value("x-ms-range")
            .or(request.header_value("range"));
        let is_same_version = request.header_value("if-range").is_none_or(|version| {
            version.trim() == self.etag || http_time(version) == Some(self.modified_s())
        });
        match range {
            Some(range) if is_same_version => parse_range(range, size),
            _ => ByteRange::Whole,
        }
    }

    /// Returns the second of the last change. HTTP dates have whole seconds.
    fn modified_s(&self) -> i64 {
        self.modified.millis().div_euclid(1000)
    }

    /// Returns whether a list of tags, with or without quotes, contains this version's; `*` matches any.
    fn is_among(&self, tags: &str) -> bool {
        let bare = |tag: &str| {
            tag.trim()
                .trim_start_matches("W/")
                .trim_matches('"')
                .to_owned()
        };
        let own = bare(self.etag);
        tags.split(',')
            .map(bare)
            .any(|tag| tag == "*" || tag == own)
    }
}

/// Parses an HTTP date to seconds since 1970.
fn http_time(text: &str) -> Option<i64> {
    let time = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text.trim()).ok()?;
    let time = time.to_datetime().ok()?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
    Some(time.as_second())
}

/// The bytes to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// All bytes: the request has no range, or one that is ignored.
    Whole,
    /// A part, which is not empty.
    Part(Range<usize>),
    /// None: the range begins after the end (416).
    NotSatisfiable,
}

/// Parses the value of a `Range` header.
fn parse_range(text: &str, size: usize) -> ByteRange {
    let bounds = text
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((first, last)) = bounds else {
        return ByteRange::Whole;
    };
    let Some(first) = byte_position(first) else {
        return ByteRange::Whole;
    };
    let end = match byte_position(last) {
        Some(last) if last < first => return ByteRange::Whole,
        Some(last) => last.saturating_add(1).min(size),
        None if last.is_empty() => size,
        None => return ByteRange::Whole,
    };
    if first >= size {
        ByteRange::NotSatisfiable
    } else {
        ByteRange::Part(first..end)
    }
}

/// Parses a position in a blob. A number too large for this computer is after the end of every blob.
fn byte_position(text: &str) -> Option<usize> {
    const AFTER_EVERY_END: usize = usize::MAX;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(AFTER_EVERY_END))
}
