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
use crate::service::conditional_request::{BlobVersion, ByteRange, ConditionError};
use crate::service::message::{Request, Response};
use crate::service::route::{form_pairs, percent_decoded};
use crate::service::timestamp::http_date;
use crate::service::token::{Key, signature};

/// The container that holds the results.
pub(crate) const CONTAINER: &str = "investigation-actions-data";
/// The version of the storage's rules that links name.
pub(crate) const STORAGE_VERSION: &str = "2018-03-28";

/// The values that a link's signature covers.
pub(crate) struct SharedAccessSignature<'a> {
    pub(crate) path: &'a str,
    pub(crate) expiry: &'a str,
    pub(crate) permissions: &'a str,
    pub(crate) version: &'a str,
    pub(crate) resource: &'a str,
}

impl SharedAccessSignature<'_> {
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

/// Parameters that signatures of the emulator never have. A query with one of them has another signature.
const UNSUPPORTED_PARAMETERS: [&str; 10] = [
    "st", "sip", "spr", "si", "rscc", "rscd", "rsce", "rscl", "rsct", "ses",
];

/// A result in the storage.
struct Blob {
    content: Bytes,
    modified: Moment,
}

/// The reason for which the storage refuses a request, in the storage's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StorageError {
    UnsupportedMethod,
    /// The request has an `Authorization` header, which the storage evaluates instead of the signature.
    AuthorizationHeader,
    WrongSignature,
    ExpiredSignature,
    /// The signature allows reading only.
    ReadOnly,
    BlobNotFound,
    PreconditionFailed,
    InvalidDate,
    RangeNotSatisfiable,
}

impl StorageError {
    /// Returns the HTTP status, the error code and the message.
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            StorageError::UnsupportedMethod => (
                405,
                "UnsupportedHttpVerb",
                "The resource doesn't support specified Http Verb.",
            ),
            StorageError::AuthorizationHeader => (
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. The Authorization header is not formed correctly.",
            ),
            StorageError::WrongSignature => (
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Signature did not match.",
            ),
            StorageError::ExpiredSignature => (
                403,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Signature not valid in the specified time frame.",
            ),
            StorageError::ReadOnly => (
                403,
                "AuthorizationPermissionMismatch",
                "This request is not authorized to perform this operation using this permission.",
            ),
            StorageError::BlobNotFound => {
                (404, "BlobNotFound", "The specified blob does not exist.")
            }
            StorageError::PreconditionFailed => (
                412,
                "ConditionNotMet",
                "The condition specified using HTTP conditional header(s) is not met.",
            ),
            StorageError::InvalidDate => (
                400,
                "InvalidHeaderValue",
                "The value for one of the HTTP headers is not in the correct format.",
            ),
            StorageError::RangeNotSatisfiable => (
                416,
                "InvalidRange",
                "The range specified is invalid for the current size of the resource.",
            ),
        }
    }
}

impl Service {
    /// Answers a read of the storage. It needs no bearer token, but a signature and an expiry in
    /// the query.
    pub(crate) fn blob(&self, request: &Request, action: &str, name: &str) -> Response {
        self.read_blob(request, action, name)
            .unwrap_or_else(|error| self.storage_error(error))
    }

    fn read_blob(
        &self,
        request: &Request,
        action: &str,
        name: &str,
    ) -> Result<Response, StorageError> {
        let method = request.method.to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "HEAD" | "PUT" | "DELETE") {
            return Err(StorageError::UnsupportedMethod);
        }
        self.check_signature(request)?;
        if matches!(method.as_str(), "PUT" | "DELETE") {
            return Err(StorageError::ReadOnly);
        }
        let blob = self
            .find_blob(action, name)
            .ok_or(StorageError::BlobNotFound)?;
        let etag = format!(
            "\"0x{}\"",
            name.to_ascii_uppercase().get(..16).unwrap_or("")
        );
        let version = BlobVersion {
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
        match version.check_conditions(request) {
            Ok(()) => {}
            Err(ConditionError::NotModified) => {
                headers.push(("x-ms-error-code", "ConditionNotMet".to_owned()));
                return Ok(Response {
                    headers,
                    ..Response::empty(304)
                });
            }
            Err(ConditionError::PreconditionFailed) => {
                return Err(StorageError::PreconditionFailed);
            }
            Err(ConditionError::InvalidDate) => return Err(StorageError::InvalidDate),
        }
        headers.push(("content-type", self.settings.result_content_type.clone()));
        headers.push(("accept-ranges", "bytes".to_owned()));
        let size = blob.content.len();
        let (status, body) = match version.range(request, size) {
            ByteRange::Whole => (200, blob.content),
            ByteRange::Part(part) => {
                let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                headers.push(("content-range", range));
                (206, blob.content.slice(part))
            }
            ByteRange::NotSatisfiable => {
                let mut response = self.storage_error(StorageError::RangeNotSatisfiable);
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

    /// Checks the signature in the query.
    fn check_signature(&self, request: &Request) -> Result<(), StorageError> {
        if request.header_value("authorization").is_some() {
            return Err(StorageError::AuthorizationHeader);
        }
        let pairs = form_pairs(&request.query);
        let all = |name: &str| {
            pairs
                .iter()
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect::<Vec<_>>()
        };
        // A parameter that is given twice has another value than the one that was signed.
        let one = |name: &str| match all(name).as_slice() {
            [value] => Ok(*value),
            _ => Err(StorageError::WrongSignature),
        };
        let path = percent_decoded(&request.path).unwrap_or_default();
        let sas = SharedAccessSignature {
            path: &path,
            expiry: one("se")?,
            permissions: one("sp")?,
            version: one("sv")?,
            resource: one("sr")?,
        };
        let is_valid = one("sig")? == sas.signature(&self.key);
        if !is_valid
            || UNSUPPORTED_PARAMETERS
                .iter()
                .any(|name| !all(name).is_empty())
        {
            return Err(StorageError::WrongSignature);
        }
        match Moment::parse(sas.expiry) {
            Ok(until) if until > self.now => Ok(()),
            _ => Err(StorageError::ExpiredSignature),
        }
    }

    /// Finds the result of an action by its name in the storage.
    fn find_blob(&self, action: &str, name: &str) -> Option<Blob> {
        let action = self.actions.find(action)?;
        let commands = &self.actions.get(action).commands;
        let index = (0..commands.len()).find(|index| self.blob_name(action, *index) == name)?;
        let command = &commands[index];
        if !self.has_result(command) {
            return None;
        }
        Some(Blob {
            content: command.result.clone()?,
            modified: command.ended?,
        })
    }

    /// Returns the answer of a refused request.
    fn storage_error(&self, error: StorageError) -> Response {
        let (status, code, message) = error.parts();
        let id = self.correlation();
        let body = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\nRequestId:{id}\nTime:{}</Message></Error>",
            self.now
        );
        let mut response = Response::text(status, "application/xml", body);
        response.headers.extend([
            ("x-ms-error-code", code.to_owned()),
            ("x-ms-request-id", id.to_string()),
            ("x-ms-version", STORAGE_VERSION.to_owned()),
        ]);
        if status == 405 {
            response.headers.push(("allow", "GET, HEAD".to_owned()));
        }
        response
    }
}
