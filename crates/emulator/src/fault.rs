//! Faults: calls that fail, as a scenario describes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::TimeSpan;

/// A fault: some calls fail in a certain way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Fault")]
pub struct Fault {
    /// Call that fails.
    pub call: Call,
    /// What happens to the call.
    pub kind: FaultKind,
    /// Number of calls that succeed first.
    #[serde(default)]
    pub after: u32,
    /// Number of calls in a row that fail.
    #[serde(default = "once")]
    pub times: u32,
    /// Probability with which each call fails, instead of `times`; the seed decides which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1), example = 0.1)]
    pub probability: Option<f64>,
    /// Name or id of the device whose calls fail. Default: all devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Duration, for kinds that have one: see there for its meaning and default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<TimeSpan>,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// Creates a fault that triggers once, at the next such call.
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

/// A call of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Any call.
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
    /// Returns whether the call is about one device, so that a fault can be limited to a device.
    pub(crate) fn has_device(self) -> bool {
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

/// What happens to a call. Unless the name says otherwise the call is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 401 `Unauthorized`.
    Unauthorized,
    /// 403 `Forbidden`.
    Forbidden,
    /// 404 `ResourceNotFound`.
    NotFound,
    /// 400 `ActiveRequestAlreadyExists`, as if the device had a session from the portal.
    Busy,
    /// 429 with a `Retry-After` of `delay` (5 s) in seconds.
    Throttled,
    /// 429 with a `Retry-After` that is a date, `delay` (5 s) from now.
    ThrottledWithDate,
    /// 429 without `Retry-After`.
    ThrottledWithoutRetryAfter,
    /// 500.
    ServerError,
    /// 500, after the call was carried out.
    ServerErrorAfterSuccess,
    /// 502 with a gateway's HTML page.
    BadGateway,
    /// 502 with a gateway's HTML page, after the call was carried out.
    BadGatewayAfterSuccess,
    /// 503 with an empty body.
    Unavailable,
    /// 503 with an empty body, after the call was carried out.
    UnavailableAfterSuccess,
    /// 400 in the form of the query parser.
    QueryRejected,
    /// A 200 or 201 with an `error` inside.
    ErrorInBody,
    /// A 200 with an empty body.
    EmptyBody,
    /// A 200 or 201 with an empty body, after the call was carried out.
    EmptyBodyAfterSuccess,
    /// A 200 with the HTML sign-in page of a proxy.
    LoginPage,
    /// The connection ends without an answer.
    DropRequest,
    /// The connection ends without an answer, after the call was carried out.
    DropResponse,
    /// The answer is cut off in the middle.
    Truncated,
    /// The first bytes of the answer are damaged.
    Corrupted,
    /// The answer arrives in ten pieces, each after `delay` (1 s).
    Slow,
    /// The gzip of a collected file is truncated; the answer itself is complete.
    GzipTruncated,
    /// The gzip of a collected file has a wrong checksum.
    GzipBadChecksum,
    /// The gzip header of a collected file contains a hostile name: with `..`, a drive and terminal escape codes.
    GzipUnsafeName,
    /// A collected file arrives without gzip.
    NotGzipped,
    /// The gzip of a collected file unpacks to 1 GiB of zeros.
    GzipBomb,
    /// The started action is invisible to reads for `delay` (120 s).
    DelayedVisibility,
    /// The started action is shown as `Failed` once although it succeeded; the next read shows `Succeeded`.
    Flapping,
    /// Another user replaces the library files of this upload or start after `delay` (0 s).
    LibraryFileReplaced,
}

impl FaultKind {
    /// Returns whether `delay` has a meaning for this kind.
    pub(crate) fn has_delay(self) -> bool {
        matches!(
            self,
            FaultKind::Throttled
                | FaultKind::ThrottledWithDate
                | FaultKind::Slow
                | FaultKind::DelayedVisibility
                | FaultKind::LibraryFileReplaced
        )
    }

    /// Returns whether this can happen to that call.
    pub fn fits(self, call: Call) -> bool {
        let calls: &[Call] = match self {
            FaultKind::Busy | FaultKind::DelayedVisibility | FaultKind::Flapping => &[Call::Start],
            FaultKind::LibraryFileReplaced => &[Call::Start, Call::LibraryUpload],
            FaultKind::GzipTruncated
            | FaultKind::GzipBadChecksum
            | FaultKind::GzipUnsafeName
            | FaultKind::NotGzipped
            | FaultKind::GzipBomb => &[Call::ResultDownload],
            _ => return true,
        };
        call == Call::Any || calls.contains(&call)
    }
}
