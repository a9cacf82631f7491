//! What goes wrong at calls, as a scenario says it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::knobs::Span;

/// Something that goes wrong at a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Fault")]
pub struct Fault {
    /// At which call it happens.
    pub call: Call,
    /// What happens then.
    pub what: Mishap,
    /// So many calls go well first.
    #[serde(default)]
    pub after: u32,
    /// So many calls in a row go wrong.
    #[serde(default = "once")]
    pub times: u32,
    /// Instead of counting: each call goes wrong with this chance, under the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1), example = 0.1)]
    pub chance: Option<f64>,
    /// Only for this device, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// A length of time, for those mishaps that have one; they say what it means and how long it is unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// That mishap at the next such call, once.
    pub fn once(call: Call, what: Mishap) -> Self {
        Fault {
            call,
            what,
            after: 0,
            times: 1,
            chance: None,
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
    Link,
    /// The file behind a link.
    Blob,
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
    Hunt,
}

impl Call {
    /// Whether the call is about one device, so that a fault can ask for which.
    pub fn has_device(self) -> bool {
        matches!(
            self,
            Call::Any
                | Call::Start
                | Call::ActionGet
                | Call::Link
                | Call::Blob
                | Call::Cancel
                | Call::MachineGet
        )
    }
}

/// What goes wrong. "Before" means that nothing was done, "after" that it was done all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
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
    ThrottledUntil,
    /// 429 without the header.
    ThrottledSilently,
    /// 500, nothing was done.
    ErrorBefore,
    /// 500, although it was done.
    ErrorAfter,
    /// 502 with a gateway's HTML page, nothing was done.
    GatewayBefore,
    /// 502 with a gateway's HTML page, although it was done.
    GatewayAfter,
    /// 503 with an empty body, nothing was done.
    UnavailableBefore,
    /// 503 with an empty body, although it was done.
    UnavailableAfter,
    /// 400 in the shape of the query parser.
    QueryRefused,
    /// A 200 or 201 with an `error` inside.
    ErrorInside,
    /// A 200 with an empty body, nothing was done.
    EmptyBefore,
    /// A 200 or 201 with an empty body, although it was done.
    EmptyAfter,
    /// A 200 with the HTML page of a proxy that wants a sign-in, nothing was done.
    PageBefore,
    /// The connection ends without an answer, nothing was done.
    DropBefore,
    /// The connection ends without an answer, although it was done.
    DropAfter,
    /// The answer ends in its middle.
    Truncated,
    /// The first bytes of the answer are damaged.
    Garbled,
    /// The answer comes in ten pieces, each after `delay` (1 s).
    Slow,
    /// A collected file's gzip ends in its middle; the answer itself is whole.
    GzipCut,
    /// A collected file's gzip has a wrong checksum.
    GzipChecksum,
    /// A collected file's gzip carries a name that leads out of every folder and drives a terminal.
    GzipName,
    /// A collected file comes without gzip.
    GzipMissing,
    /// A collected file's gzip unpacks to 1 GiB of zeros.
    GzipBomb,
    /// Reads don't know the action of this start for `delay` (120 s).
    Late,
    /// The action of this start ends as `Failed` although all went well; whoever has read that reads `Succeeded` next.
    Flapping,
    /// Once `delay` (0 s) has passed a colleague replaces the library files that this upload or start is about.
    Overwritten,
}

impl Mishap {
    /// Whether `delay` means something for it.
    pub fn has_delay(self) -> bool {
        matches!(
            self,
            Mishap::Throttled
                | Mishap::ThrottledUntil
                | Mishap::Slow
                | Mishap::Late
                | Mishap::Overwritten
        )
    }

    /// Whether it can come about at that call.
    pub fn fits(self, call: Call) -> bool {
        let wanted: &[Call] = match self {
            Mishap::Busy | Mishap::Late | Mishap::Flapping => &[Call::Start],
            Mishap::Overwritten => &[Call::Start, Call::LibraryUpload],
            Mishap::GzipCut
            | Mishap::GzipChecksum
            | Mishap::GzipName
            | Mishap::GzipMissing
            | Mishap::GzipBomb => &[Call::Blob],
            _ => return true,
        };
        call == Call::Any || wanted.contains(&call)
    }
}
