//! Implements the storage behind result links, which is a separate service with errors in XML (API
//! notes 6.1, 6.3).
//!
//! A shared access signature covers the path as it was sent, and every parameter that determines
//! what is allowed. It covers their values, not their notation: another encoding of a value or
//! another case of a name is accepted. Unknown parameters are ignored, as the storage does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use svar_wire::Moment;

use super::Service;
use crate::service::condition::{Range, Verdict, Version};
use crate::service::message::{Request, Response};
use crate::service::route::{form_pairs, percent_decoded};
use crate::service::timestamp::http_date;
use crate::service::token::{Key, signature};

/// The container that holds the results.
pub(crate) const CONTAINER: &str = "investigation-actions-data";
/// The version of the storage's rules that links name.
pub(crate) const STORAGE_VERSION: &str = "2018-03-28";

/// The values that a link's signature covers.
pub(crate) struct Sas<'a> {
    pub(crate) path: &'a str,
    pub(crate) expiry: &'a str,
    pub(crate) permissions: &'a str,
    pub(crate) version: &'a str,
    pub(crate) resource: &'a str,
}

impl Sas<'_> {
    /// Returns the signature for a link, before percent encoding.
    pub(crate) fn signature(&self, key: &Key) -> String {
        let text = [
            self.permissions,
            self.resource,
            self.version,
            self.path,
            self.expiry,
        ]
        .join("\n");
        STANDARD.encode(signature(key, &text))
    }
}

/// Parameters of a signature that the emulator's links never have. With one of them it is another
/// signature.
const NOT_GIVEN: [&str; 10] = [
    "st", "sip", "spr", "si", "rscc", "rscd", "rsce", "rscl", "rsct", "ses",
];

/// A result in the storage.
struct Blob {
    content: Bytes,
    modified: Moment,
}

/// The reason for which a read is refused.
struct Refused {
    status: u16,
    code: &'static str,
    message: &'static str,
}

const fn refused(status: u16, code: &'static str, message: &'static str) -> Refused {
    Refused {
        status,
        code,
        message,
    }
}

const fn denied(message: &'static str) -> Refused {
    refused(403, "AuthenticationFailed", message)
}

impl Service {
    /// Answers a read of the storage. It needs no bearer token, but a signature and an expiry in
    /// the query.
    pub(crate) fn blob(&self, request: &Request, action: &str, name: &str) -> Response {
        self.read_blob(request, action, name)
            .unwrap_or_else(|refused| self.storage_error(&refused))
    }

    fn read_blob(&self, request: &Request, action: &str, name: &str) -> Result<Response, Refused> {
        let method = request.method.to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "HEAD" | "PUT" | "DELETE") {
            return Err(refused(
                405,
                "UnsupportedHttpVerb",
                "The resource doesn't support specified Http Verb.",
            ));
        }
        self.check_signature(request)?;
        if matches!(method.as_str(), "PUT" | "DELETE") {
            return Err(refused(
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            ));
        }
        let blob = self.find_blob(action, name).ok_or(refused(
            404,
            "BlobNotFound",
            "The specified blob does not exist.",
        ))?;
        let etag = format!(
            "\"0x{}\"",
            name.to_ascii_uppercase().get(..16).unwrap_or("")
        );
        let version = Version {
            etag: &etag,
            modified: blob.modified,
        };
        let mut headers = vec![
            ("etag", etag.clone()),
            ("last-modified", http_date(blob.modified)),
            ("x-ms-blob-type", "BlockBlob".to_owned()),
            ("x-ms-version", STORAGE_VERSION.to_owned()),
            ("x-ms-request-id", self.correlation().to_string()),
        ];
        match version.judge(request) {
            Verdict::Read => {}
            Verdict::NotModified => {
                headers.push(("x-ms-error-code", "ConditionNotMet".to_owned()));
                return Ok(Response {
                    headers,
                    ..Response::empty(304)
                });
            }
            Verdict::NotMet => {
                return Err(refused(
                    412,
                    "ConditionNotMet",
                    "The condition specified using HTTP conditional header(s) is not met.",
                ));
            }
            Verdict::BadDate => {
                return Err(refused(
                    400,
                    "InvalidHeaderValue",
                    "The value for one of the HTTP headers is not in the correct format.",
                ));
            }
        }
        headers.push(("content-type", self.settings.result_content_type.clone()));
        headers.push(("accept-ranges", "bytes".to_owned()));
        let size = blob.content.len();
        let (status, body) = match version.range(request, size) {
            Range::Whole => (200, blob.content),
            Range::Part(from, to) => {
                headers.push(("content-range", format!("bytes {from}-{}/{size}", to - 1)));
                (206, blob.content.slice(from..to))
            }
            Range::Outside => {
                let mut response = self.storage_error(&refused(
                    416,
                    "InvalidRange",
                    "The range specified is invalid for the current size of the resource.",
                ));
                let whole = format!("bytes */{size}");
                response.headers.push(("content-range", whole));
                return Ok(response);
            }
        };
        Ok(Response {
            headers,
            body,
            ..Response::empty(status)
        })
    }

    fn check_signature(&self, request: &Request) -> Result<(), Refused> {
        if request.find("authorization").is_some() {
            // The storage evaluates this header instead of the signature.
            return Err(denied(
                "Server failed to authenticate the request. The Authorization header is not formed correctly.",
            ));
        }
        let no_match =
            || denied("Server failed to authenticate the request. Signature did not match.");
        let pairs = form_pairs(&request.query);
        let all = |name: &str| {
            pairs
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect::<Vec<_>>()
        };
        // A parameter that is present twice has another value than the one that was signed.
        let one = |name: &str| match all(name).as_slice() {
            [value] => Ok(*value),
            _ => Err(no_match()),
        };
        let path = percent_decoded(&request.path).unwrap_or_default();
        let sas = Sas {
            path: &path,
            expiry: one("se")?,
            permissions: one("sp")?,
            version: one("sv")?,
            resource: one("sr")?,
        };
        let is_ours = one("sig")? == sas.signature(&self.key);
        if !is_ours || NOT_GIVEN.iter().any(|name| !all(name).is_empty()) {
            return Err(no_match());
        }
        match Moment::parse(sas.expiry) {
            Ok(until) if until > self.now => Ok(()),
            _ => Err(denied(
                "Server failed to authenticate the request. Signature not valid in the specified time frame.",
            )),
        }
    }

    fn find_blob(&self, action: &str, name: &str) -> Option<Blob> {
        let place = self.actions.find(action)?;
        let record = self.actions.get(place);
        let index =
            (0..record.commands.len()).find(|index| self.blob_name(place, *index) == name)?;
        let command = &record.commands[index];
        if !self.is_kept(command) {
            return None;
        }
        Some(Blob {
            content: command.result.clone()?,
            modified: command.ended?,
        })
    }

    fn storage_error(&self, refused: &Refused) -> Response {
        let Refused {
            status,
            code,
            message,
        } = refused;
        let id = self.correlation();
        let body = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\nRequestId:{id}\nTime:{}</Message></Error>",
            self.now
        );
        let mut response = Response::text(*status, "application/xml", body);
        response.headers.extend([
            ("x-ms-error-code", (*code).to_owned()),
            ("x-ms-request-id", id.to_string()),
            ("x-ms-version", STORAGE_VERSION.to_owned()),
        ]);
        if *status == 405 {
            response.headers.push(("allow", "GET, HEAD".to_owned()));
        }
        response
    }
}
