//! Determines which call a request is. Paths are matched without regard to case, with or without
//! the version segment (API notes 2.1).

use super::super::fault::Call;

/// A call with the values in its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Token {
        tenant: String,
        version: TokenVersion,
    },
    MachineList,
    MachineGet {
        key: String,
    },
    FindByTag,
    Start {
        machine: String,
    },
    ActionList,
    ActionGet {
        id: String,
    },
    Cancel {
        id: String,
    },
    Link {
        id: String,
        index: String,
    },
    LibraryList,
    LibraryUpload,
    LibraryDelete {
        name: String,
    },
    Hunt,
    /// Anything in the storage's container. The storage checks the methods itself.
    Blob {
        action: String,
        name: String,
    },
    Ledger,
    Clock,
    /// A known path with a method that it does not support.
    WrongMethod {
        allow: String,
    },
    Unknown,
}

/// The two token endpoints (API notes 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    /// With `resource`.
    V1,
    /// With `scope`.
    V2,
}

impl Route {
    /// Returns the route of a request.
    pub(crate) fn of(method: &str, path: &str) -> Route {
        let segments: Option<Vec<String>> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(percent_decoded)
            .collect();
        let Some(segments) = segments else {
            return Route::Unknown;
        };
        let lower: Vec<String> = segments
            .iter()
            .map(|segment| segment.to_ascii_lowercase())
            .collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let token = |version| {
            let tenant = segments[0].clone();
            vec![("POST", Route::Token { tenant, version })]
        };
        let known = match lower.as_slice() {
            [_, "oauth2", "v2.0", "token"] => token(TokenVersion::V2),
            [_, "oauth2", "token"] => token(TokenVersion::V1),
            ["emulator", "ledger"] => vec![("GET", Route::Ledger)],
            ["emulator", "clock"] => vec![("GET", Route::Clock)],
            ["investigation-actions-data", ..] => {
                let segment = |index: usize| segments.get(index).cloned().unwrap_or_default();
                return Route::Blob {
                    action: segment(1),
                    name: segment(3),
                };
            }
            ["api", "v1.0", rest @ ..] => api_routes(rest, &segments[2..]),
            ["api", rest @ ..] => api_routes(rest, &segments[1..]),
            _ => Vec::new(),
        };
        route_for_method(&method.to_ascii_uppercase(), known)
    }

    /// Returns the call's name for faults and limits, or `None` for the admin paths.
    pub(crate) fn call(&self) -> Option<Call> {
        Some(match self {
            Route::Token { .. } => Call::Token,
            Route::MachineList => Call::MachineList,
            Route::MachineGet { .. } => Call::MachineGet,
            Route::FindByTag => Call::FindByTag,
            Route::Start { .. } => Call::Start,
            Route::ActionList => Call::ActionList,
            Route::ActionGet { .. } => Call::ActionGet,
            Route::Cancel { .. } => Call::Cancel,
            Route::Link { .. } => Call::ResultLink,
            Route::LibraryList => Call::LibraryList,
            Route::LibraryUpload => Call::LibraryUpload,
            Route::LibraryDelete { .. } => Call::LibraryDelete,
            Route::Hunt => Call::HuntingQuery,
            Route::Blob { .. } => Call::ResultDownload,
            Route::Ledger | Route::Clock | Route::WrongMethod { .. } | Route::Unknown => {
                return None;
            }
        })
    }
}

/// Returns the route for a method from those of a path. HEAD has the route of GET.
fn route_for_method(method: &str, known: Vec<(&'static str, Route)>) -> Route {
    if known.is_empty() {
        return Route::Unknown;
    }
    let method = match method {
        "HEAD" => "GET",
        other => other,
    };
    let allow: Vec<&str> = known
        .iter()
        .filter(|(_, route)| *route != Route::Unknown)
        .flat_map(|(method, _)| match *method {
            "GET" => vec!["GET", "HEAD"],
            other => vec![other],
        })
        .collect();
    let allow = allow.join(", ");
    let found = known.into_iter().find(|(known, _)| *known == method);
    match found {
        Some((_, route)) => route,
        None => Route::WrongMethod { allow },
    }
}

/// Returns the methods of a path, each with its route. `lower` and `raw` are the segments after
/// `/api` and have the same length.
fn api_routes(lower: &[&str], raw: &[String]) -> Vec<(&'static str, Route)> {
    let segment = |index: usize| raw[index].clone();
    match lower {
        ["machines"] => vec![("GET", Route::MachineList)],
        ["machines", "findbytag"] => vec![("GET", Route::FindByTag)],
        ["machines", _] => vec![("GET", Route::MachineGet { key: segment(1) })],
        ["machines", _, "runliveresponse"] => vec![(
            "POST",
            Route::Start {
                machine: segment(1),
            },
        )],
        ["machineactions"] => vec![("GET", Route::ActionList)],
        ["machineactions", _] => vec![("GET", Route::ActionGet { id: segment(1) })],
        ["machineactions", _, "cancel"] => vec![("POST", Route::Cancel { id: segment(1) })],
        ["machineactions", _, last] => match link_index(last) {
            Some(index) => vec![(
                "GET",
                Route::Link {
                    id: segment(1),
                    index,
                },
            )],
            None => Vec::new(),
        },
        ["libraryfiles"] => vec![("GET", Route::LibraryList), ("POST", Route::LibraryUpload)],
        // A single library file can't be read. The answer is that of a missing path, not of a
        // missing method (API notes 8.6).
        ["libraryfiles", _] => vec![
            ("DELETE", Route::LibraryDelete { name: segment(1) }),
            ("GET", Route::Unknown),
        ],
        ["advancedqueries" | "advancedhunting", "run"] => vec![("POST", Route::Hunt)],
        _ => Vec::new(),
    }
}

/// Returns the index in `getliveresponseresultdownloadlink(index=3)` as text. The call checks that
/// it is a number.
fn link_index(segment: &str) -> Option<String> {
    segment
        .strip_prefix("getliveresponseresultdownloadlink(index=")?
        .strip_suffix(')')
        .map(|index| index.trim().to_owned())
}

/// Decodes a percent-encoded text; returns `None` if the result is not UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    String::from_utf8(percent_bytes(text, Plus::IsLiteral)).ok()
}

/// The meaning of `+` in a percent-encoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plus {
    /// A space, as in forms and queries.
    IsSpace,
    /// A plus sign, as in paths.
    IsLiteral,
}

/// Decodes a percent-encoded text to bytes. A `%` without two digits is kept.
fn percent_bytes(text: &str, plus: Plus) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).and_then(|b| (*b as char).to_digit(16));
    let encoded_byte = |index: usize| Some(digit(index + 1)? * 16 + digit(index + 2)?);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        // Most of a text needs no decoding.
        let plain = bytes[at..]
            .iter()
            .position(|byte| matches!(byte, b'%' | b'+'));
        out.extend_from_slice(&bytes[at..plain.map_or(bytes.len(), |plain| at + plain)]);
        at = plain.map_or(bytes.len(), |plain| at + plain);
        let Some(&byte) = bytes.get(at) else {
            break;
        };
        let (byte, length) = match byte {
            // Two hexadecimal digits always fit a byte.
            b'%' => encoded_byte(at).map_or((byte, 1), |byte| (byte as u8, 3)),
            b'+' if plus == Plus::IsSpace => (b' ', 1),
            _ => (byte, 1),
        };
        out.push(byte);
        at += length;
    }
    out
}

/// Returns the pairs of a query or a form.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text| {
                String::from_utf8(percent_bytes(text, Plus::IsSpace))
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
            };
            (decoded(key), decoded(value))
        })
        .collect()
}
