//! What an answer means: done, again later, never, busy, no slot, or not known.

/// What the answer to a call means for what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerClass {
    /// It was done.
    Done,
    /// It was not done, and may be later: a read that failed, a token that ran out.
    AgainLater,
    /// It was not even asked: no connection stood, or there was no token to ask with.
    NotSent,
    /// It was not done, for want of a permission: one that was granted lately counts after about a
    /// minute, so one such refusal may heal, a second is real (API notes 2.4, 12).
    MayHeal,
    /// It was not done, and never will be.
    Never,
    /// A live response runs on the device already (API notes 3.4).
    Busy,
    /// The rate limit, or no free slot: which of the two, the quota knows (API notes 9.3).
    Throttled,
    /// It may have been done.
    Unknown,
}

/// The class of the answer to a start (API notes 3.4, 3.6).
///
/// Everything from 500 on is unknown: the action may have been created.
pub fn class_of_start(status: u16, code: &str) -> AnswerClass {
    match status {
        0 => AnswerClass::NotSent,
        200..=299 => AnswerClass::Done,
        400 if code.eq_ignore_ascii_case("ActiveRequestAlreadyExists") => AnswerClass::Busy,
        // Both say "not now" and promise that nothing was done.
        401 | 425 => AnswerClass::AgainLater,
        403 if code.is_empty() || code.eq_ignore_ascii_case("Forbidden") => AnswerClass::MayHeal,
        429 => AnswerClass::Throttled,
        // The service may have gone on with it after it stopped waiting for us.
        408 => AnswerClass::Unknown,
        // A conflict is not documented; a device in use is the one cause that would fit.
        409 => AnswerClass::Busy,
        400..=499 => AnswerClass::Never,
        _ => AnswerClass::Unknown,
    }
}

/// The class of the answer to a read: lists, result links, downloads.
///
/// A 404 is `Never` here; whether it may only be early, the need says (`conclusive`).
pub fn class_of_read(status: u16) -> AnswerClass {
    match status {
        200..=299 => AnswerClass::Done,
        401 | 408 | 425 => AnswerClass::AgainLater,
        429 => AnswerClass::Throttled,
        400..=499 => AnswerClass::Never,
        _ => AnswerClass::AgainLater,
    }
}
