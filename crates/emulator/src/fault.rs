//! What goes wrong at calls, as a scenario says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::TimeSpan;

/// Something that goes wrong at a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Fault")]
pub struct Fault {
    /// At which call it happens.
    pub call: Call,
    /// What happens then.
    pub kind: FaultKind,
    /// So many calls go well first.
    #[serde(default)]
    pub after: u32,
    /// So many calls in a row go wrong.
    #[serde(default = "once")]
    pub times: u32,
    /// Instead of counting: each call goes wrong with this probability, under the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1), example = 0.1)]
    pub probability: Option<f64>,
    /// Only for this device, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// A length of time, for those mishaps that have one; they say what it means and how long it is unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<TimeSpan>,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// That mishap at the next such call, once.
    pub fn once(call: Call, kind: FaultKind) -> Self {
        Fault {
            call,
            kind,
            after: 0,
            times: 1,
            probability: None,
            device: None,
            delay: None,
        }
    }
}

/// The calls of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Any of them.
    Any,
    /// A token.
    Token,
    /// `runliveresponse`.
    Start,
    /// One machine action.
    ActionGet,
    /// The list of machine actions.
    ActionList,
    /// A result link.
    ResultLink,
    /// The file behind a link.
    ResultDownload,
    /// A cancel.
    Cancel,
    /// The library's list.
    LibraryList,
    /// An upload.
    LibraryUpload,
    /// A deletion.
    LibraryDelete,
    /// One machine.
    MachineGet,
    /// The list of machines.
    MachineList,
    /// Machines by tag.
    FindByTag,
    /// A hunting query.
    HuntingQuery,
}

impl Call {
    /// Whether the call is about one device, so that a fault can ask for which.
    pub fn has_device(self) -> bool {
        matches!(
            self,
            Call::Any
                | Call::Start
                | Call::ActionGet
                | Call::ResultLink
                | Call::ResultDownload
                | Call::Cancel
                | Call::MachineGet
        )
    }
}

/// What goes wrong. "Before" means that nothing was done, "after" that it was done all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 401 `Unauthorized`.
    Unauthorized,
    /// 403 `Forbidden`.
    Forbidden,
    /// 404 `ResourceNotFound`.
    NotFound,
    /// 400 `ActiveRequestAlreadyExists`, as if somebody held the device from the portal.
    Busy,
    /// 429 with a `Retry-After` of `delay` (5 s) in seconds.
    Throttled,
    /// 429 with a `Retry-After` that is a date, `delay` (5 s) from now.
    ThrottledWithDate,
    /// 429 without the header.
    ThrottledWithoutRetryAfter,
    /// 500, nothing was done.
    ServerError,
    /// 500, although it was done.
    ServerErrorAfterSuccess,
    /// 502 with a gateway's HTML page, nothing was done.
    BadGateway,
    /// 502 with a gateway's HTML page, although it was done.
    BadGatewayAfterSuccess,
    /// 503 with an empty body, nothing was done.
    Unavailable,
    /// 503 with an empty body, although it was done.
    UnavailableAfterSuccess,
    /// 400 in the shape of the query parser.
    QueryRejected,
    /// A 200 or 201 with an `error` inside.
    ErrorInBody,
    /// A 200 with an empty body, nothing was done.
    EmptyBody,
    /// A 200 or 201 with an empty body, although it was done.
    EmptyBodyAfterSuccess,
    /// A 200 with the HTML page of a proxy that wants a sign-in, nothing was done.
    LoginPage,
    /// The connection ends without an answer, nothing was done.
    DropRequest,
    /// The connection ends without an answer, although it was done.
    DropResponse,
    /// The answer ends in its middle.
    Truncated,
    /// The first bytes of the answer are damaged.
    Corrupted,
    /// The answer comes in ten pieces, each after `delay` (1 s).
    Slow,
    /// A collected file's gzip ends in its middle; the answer itself is whole.
    GzipTruncated,
    /// A collected file's gzip has a wrong checksum.
    GzipBadChecksum,
    /// A collected file's gzip carries a name that leads out of every folder and drives a terminal.
    GzipUnsafeName,
    /// A collected file comes without gzip.
    NotGzipped,
    /// A collected file's gzip unpacks to 1 GiB of zeros.
    GzipBomb,
    /// Reads don't know the action of this start for `delay` (120 s).
    DelayedVisibility,
    /// The action of this start ends as `Failed` although all went well; whoever has read that reads `Succeeded` next.
    Flapping,
    /// Once `delay` (0 s) has passed a colleague replaces the library files that this upload or start is about.
    LibraryFileReplaced,
}

impl FaultKind {
    /// Whether `delay` means something for it.
    pub fn has_delay(self) -> bool {
        matches!(
            self,
            FaultKind::Throttled
                | FaultKind::ThrottledWithDate
                | FaultKind::Slow
                | FaultKind::DelayedVisibility
                | FaultKind::LibraryFileReplaced
        )
    }

    /// Whether it can come about at that call.
    pub fn fits(self, call: Call) -> bool {
        let wanted: &[Call] = match self {
            FaultKind::Busy | FaultKind::DelayedVisibility | FaultKind::Flapping => &[Call::Start],
            FaultKind::LibraryFileReplaced => &[Call::Start, Call::LibraryUpload],
            FaultKind::GzipTruncated
            | FaultKind::GzipBadChecksum
            | FaultKind::GzipUnsafeName
            | FaultKind::NotGzipped
            | FaultKind::GzipBomb => &[Call::ResultDownload],
            _ => return true,
        };
        call == Call::Any || wanted.contains(&call)
    }
}
