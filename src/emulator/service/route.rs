//! Which call a request is. Paths are matched without regard to case, with or without the version
//! segment (contract 2.1).

use super::super::fault::Call;

/// A call with what its path says.
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
    Blob {
        action: String,
        name: String,
    },
    Ledger,
    Clock,
    /// A known path with a method it does not have.
    WrongMethod,
    Unknown,
}

/// The two token endpoints (contract 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    /// With `resource`.
    V1,
    /// With `scope`.
    V2,
}

impl Route {
    /// The route of a request.
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
        let method = method.to_ascii_uppercase();
        let on = |wanted: &str, route: Route| {
            if method == wanted || (method == "HEAD" && wanted == "GET") {
                route
            } else {
                Route::WrongMethod
            }
        };
        match lower.as_slice() {
            [_, "oauth2", "v2.0", "token"] => on("POST", token(&segments, TokenVersion::V2)),
            [_, "oauth2", "token"] => on("POST", token(&segments, TokenVersion::V1)),
            ["emulator", "ledger"] => on("GET", Route::Ledger),
            ["emulator", "clock"] => on("GET", Route::Clock),
            [
                "investigation-actions-data",
                _,
                "customplaybookcommandoutput",
                _,
            ] => on(
                "GET",
                Route::Blob {
                    action: segments[1].clone(),
                    name: segments[3].clone(),
                },
            ),
            ["api", "v1.0", rest @ ..] => api(&method, rest, &segments[2..]),
            ["api", rest @ ..] => api(&method, rest, &segments[1..]),
            _ => Route::Unknown,
        }
    }

    /// The call's name, for faults and limits; none for the admin paths.
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
            Route::Link { .. } => Call::Link,
            Route::LibraryList => Call::LibraryList,
            Route::LibraryUpload => Call::LibraryUpload,
            Route::LibraryDelete { .. } => Call::LibraryDelete,
            Route::Hunt => Call::Hunt,
            Route::Blob { .. } => Call::Blob,
            Route::Ledger | Route::Clock | Route::WrongMethod | Route::Unknown => return None,
        })
    }
}

fn token(segments: &[String], version: TokenVersion) -> Route {
    Route::Token {
        tenant: segments[0].clone(),
        version,
    }
}

/// `lower` and `raw` are the segments behind `/api`, of the same length.
fn api(method: &str, lower: &[&str], raw: &[String]) -> Route {
    let own = |place: usize| raw[place].clone();
    match (method, lower) {
        ("GET" | "HEAD", ["machines"]) => Route::MachineList,
        ("GET" | "HEAD", ["machines", "findbytag"]) => Route::FindByTag,
        ("GET" | "HEAD", ["machines", _]) => Route::MachineGet { key: own(1) },
        ("POST", ["machines", _, "runliveresponse"]) => Route::Start { machine: own(1) },
        ("GET" | "HEAD", ["machineactions"]) => Route::ActionList,
        ("GET" | "HEAD", ["machineactions", _]) => Route::ActionGet { id: own(1) },
        ("POST", ["machineactions", _, "cancel"]) => Route::Cancel { id: own(1) },
        ("GET" | "HEAD", ["machineactions", _, last]) => match link_index(last) {
            Some(index) => Route::Link { id: own(1), index },
            None => Route::Unknown,
        },
        ("GET" | "HEAD", ["libraryfiles"]) => Route::LibraryList,
        ("POST", ["libraryfiles"]) => Route::LibraryUpload,
        ("DELETE", ["libraryfiles", _]) => Route::LibraryDelete { name: own(1) },
        ("POST", ["advancedqueries" | "advancedhunting", "run"]) => Route::Hunt,
        // That a single library file can't be read is a missing path, not a missing method (contract 8.6).
        ("GET" | "HEAD", ["libraryfiles", _]) => Route::Unknown,
        (
            _,
            ["machines" | "machineactions" | "libraryfiles"]
            | ["machines" | "machineactions" | "libraryfiles", _]
            | ["machines", _, "runliveresponse"]
            | ["machineactions", _, "cancel"]
            | ["advancedqueries" | "advancedhunting", "run"],
        ) => Route::WrongMethod,
        (_, ["machineactions", _, last]) if link_index(last).is_some() => Route::WrongMethod,
        _ => Route::Unknown,
    }
}

/// The index in `getliveresponseresultdownloadlink(index=3)`, as text: whether it is a number is
/// for the call to say.
fn link_index(segment: &str) -> Option<String> {
    segment
        .strip_prefix("getliveresponseresultdownloadlink(index=")?
        .strip_suffix(')')
        .map(|index| index.trim().to_owned())
}

/// The text a percent-encoded one stands for; none if that is no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    String::from_utf8(percent_bytes(text, false)).ok()
}

/// Bytes of a percent-encoded text; in forms and queries `+` is a blank. A stray `%` stays as it is.
fn percent_bytes(text: &str, plus_is_blank: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |place: usize| bytes.get(place).and_then(|b| (*b as char).to_digit(16));
    let encoded = |place: usize| Some(digit(place + 1)? * 16 + digit(place + 2)?);
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        // Most of a text stands for itself.
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
            b'%' => encoded(at).map_or((byte, 1), |byte| (byte as u8, 3)),
            b'+' if plus_is_blank => (b' ', 1),
            _ => (byte, 1),
        };
        out.push(byte);
        at += length;
    }
    out
}

/// The pairs of a query or a form.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text| {
                String::from_utf8(percent_bytes(text, true))
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
            };
            (decoded(key), decoded(value))
        })
        .collect()
}
