//! Classifies answers by what they mean for the next call.

/// Meaning of the answer to a call for what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerClass {
    /// It was done.
    Success,
    /// It was not done, and may be later: a read that failed, a token that expired.
    Retry,
    /// It was not sent: there was no connection, or no token.
    NotSent,
    /// It was not done, for lack of a permission. A permission takes effect about a minute after it was
    /// granted, so one such refusal is tried again, and a second is final (API notes 2.4, 12).
    Forbidden,
    /// It was not done, and never will be.
    Rejected,
    /// A live response runs on the device already (API notes 3.4).
    Busy,
    /// The rate limit, or no free slot; the quota tells them apart (API notes 9.3).
    Throttled,
    /// It may have been done.
    Unknown,
}

/// Returns the class of the answer to a start (API notes 3.4, 3.6).
///
/// Everything from 500 on is unknown: the action may have been created.
pub fn class_of_start(status: u16, code: &str) -> AnswerClass {
    match status {
        0 => AnswerClass::NotSent,
        200..=299 => AnswerClass::Success,
        400 if code.eq_ignore_ascii_case("ActiveRequestAlreadyExists") => AnswerClass::Busy,
        // Both say "not now" and promise that nothing was done.
        401 | 425 => AnswerClass::Retry,
        403 if code.is_empty() || code.eq_ignore_ascii_case("Forbidden") => AnswerClass::Forbidden,
        429 => AnswerClass::Throttled,
        // The service may have gone on with it after it stopped waiting for us.
        408 => AnswerClass::Unknown,
        // A conflict is not documented; a device in use is the one cause that would fit.
        409 => AnswerClass::Busy,
        400..=499 => AnswerClass::Rejected,
        _ => AnswerClass::Unknown,
    }
}

/// Returns the class of the answer to a read: lists, result links, downloads.
///
/// A 404 is `Rejected` here; whether it is final, the need says ([`NotFound`](crate::NotFound)).
pub fn class_of_read(status: u16) -> AnswerClass {
    match status {
        200..=299 => AnswerClass::Success,
        401 | 408 | 425 => AnswerClass::Retry,
        429 => AnswerClass::Throttled,
        400..=499 => AnswerClass::Rejected,
        _ => AnswerClass::Retry,
    }
}
