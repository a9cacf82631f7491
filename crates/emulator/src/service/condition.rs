//! Evaluates the conditions and ranges of a read of the storage: which part of a blob is requested,
//! and whether it is still that blob.
//!
//! According to the storage's documentation, `If-Match`, `If-Unmodified-Since` and one of
//! `If-None-Match` and `If-Modified-Since` must hold. A range has the form `bytes=5-` or
//! `bytes=5-9`. A range of another form is ignored (our choice: HTTP lets a server ignore ranges,
//! so no client may rely on them).

use svar_wire::Moment;

use super::message::Request;

/// The version of a blob with which conditions are compared.
#[derive(Debug)]
pub(super) struct Version<'a> {
    /// The ETag, with its quotes.
    pub(super) etag: &'a str,
    pub(super) modified: Moment,
}

/// The result of a request's conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Read,
    /// The client has this version already: 304.
    NotModified,
    /// The client asks for another version: 412.
    NotMet,
    /// A header has an invalid date: 400.
    BadDate,
}

/// An error: a header that must be an HTTP date is not one.
struct InvalidDate;

impl Version<'_> {
    /// Evaluates a request's conditions.
    pub(super) fn judge(&self, request: &Request) -> Verdict {
        match self.conditions(request) {
            Ok(verdict) => verdict,
            Err(InvalidDate) => Verdict::BadDate,
        }
    }

    fn conditions(&self, request: &Request) -> Result<Verdict, InvalidDate> {
        let since = |header: &str| -> Result<Option<bool>, InvalidDate> {
            let Some(text) = request.find(header) else {
                return Ok(None);
            };
            let date = http_time(text).ok_or(InvalidDate)?;
            // HTTP dates have whole seconds, so a change within the same second does not count.
            Ok(Some(self.modified.millis().div_euclid(1000) > date))
        };
        let (modified_since, changed_since) =
            (since("if-modified-since")?, since("if-unmodified-since")?);
        let is_meant = request
            .find("if-match")
            .is_none_or(|tags| self.is_among(tags));
        if !is_meant || changed_since == Some(true) {
            return Ok(Verdict::NotMet);
        }
        let is_other = request
            .find("if-none-match")
            .map(|tags| !self.is_among(tags));
        Ok(match (is_other, modified_since) {
            (None, None) | (Some(true), _) | (_, Some(true)) => Verdict::Read,
            _ => Verdict::NotModified,
        })
    }

    /// Returns the range a request asks for, or [`Range::Whole`] if `If-Range` names another
    /// version of the blob.
    pub(super) fn range(&self, request: &Request, size: usize) -> Range {
        let Some(text) = request.find("x-ms-range").or(request.find("range")) else {
            return Range::Whole;
        };
        let is_meant = request.find("if-range").is_none_or(|wanted| {
            let date = || http_time(wanted) == Some(self.modified.millis().div_euclid(1000));
            wanted.trim() == self.etag || date()
        });
        match is_meant {
            true => range(text, size),
            false => Range::Whole,
        }
    }

    /// Checks whether the tags, with or without quotes, contain this version's; `*` matches any.
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

/// Returns the second of an HTTP date.
fn http_time(text: &str) -> Option<i64> {
    let time = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text.trim()).ok()?;
    let time = time.to_datetime().ok()?;
    let time = jiff::tz::Offset::UTC.to_timestamp(time).ok()?;
    Some(time.as_second())
}

/// The bytes to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// Everything: there is no range, or it has an unknown form.
    Whole,
    /// From the first number (inclusive) to the second (exclusive).
    Part(usize, usize),
    Outside,
}

fn range(text: &str, size: usize) -> Range {
    let bounds = text
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((from, to)) = bounds else {
        return Range::Whole;
    };
    // A number with too many digits is beyond every end.
    let place = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<usize>().unwrap_or(usize::MAX))
    };
    match (place(from), place(to)) {
        (Some(from), Some(to)) if to < from => Range::Whole,
        (Some(from), _) if from >= size && (to.is_empty() || place(to).is_some()) => Range::Outside,
        (Some(from), Some(to)) => Range::Part(from, to.saturating_add(1).min(size)),
        (Some(from), None) if to.is_empty() => Range::Part(from, size),
        _ => Range::Whole,
    }
}
