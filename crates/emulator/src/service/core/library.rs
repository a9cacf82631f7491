//! The tenant's library, and the calls that read and change it (API notes 8.6).

use std::collections::BTreeMap;

use base64::Engine as _;
use bytes::Bytes;
use futures_util::FutureExt as _;
use sha2::{Digest, Sha256};

use svar_wire::LibraryFile;
use svar_wire::Moment;

use super::Service;
use crate::scenario::Scenario;
use crate::service::ledger::LibraryChangeKind;
use crate::service::message::{Request, Response};
use crate::service::refusal::Refusal;
use crate::service::timestamp::timestamp_in_full;
use crate::service::token::Identity;

/// A library file.
#[derive(Debug)]
pub(crate) struct LibraryEntry {
    file: LibraryFile,
    /// The content; `None` if the scenario gives only the name.
    content: Option<Bytes>,
}

impl LibraryEntry {
    /// Returns the content; `None` if the scenario gives only the name.
    pub(crate) fn content(&self) -> Option<&Bytes> {
        self.content.as_ref()
    }
}

/// All files, by name.
#[derive(Debug, Default)]
pub(crate) struct Library {
    files: BTreeMap<String, LibraryEntry>,
}

impl Library {
    /// Creates the library of a scenario.
    pub(crate) fn new(scenario: &Scenario, now: Moment) -> Self {
        let mut library = Library::default();
        for item in &scenario.library {
            let content = match (&item.text, &item.base64) {
                (Some(text), _) => Some(Bytes::from(text.clone())),
                (None, Some(text)) => base64::engine::general_purpose::STANDARD
                    .decode(text.trim())
                    .ok()
                    .map(Bytes::from),
                (None, None) => None,
            };
            let hashed = content
                .clone()
                .unwrap_or_else(|| Bytes::from(item.name.clone()));
            let file = LibraryFile {
                file_name: item.name.clone(),
                sha256: Some(sha256(&hashed)),
                description: item.description.clone(),
                creation_time: Some(timestamp_in_full(now)),
                last_updated_time: Some(timestamp_in_full(now)),
                created_by: Some("scenario".to_owned()),
                has_parameters: Some(false),
                parameters_description: None,
            };
            library
                .files
                .insert(item.name.clone(), LibraryEntry { file, content });
        }
        library
    }

    /// Returns whether the library has a file of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Finds a file by its name.
    pub(crate) fn find(&self, name: &str) -> Option<&LibraryEntry> {
        self.files.get(name)
    }
}

/// Returns the SHA-256 hash in hexadecimal digits.
fn sha256(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The parts of an upload.
#[derive(Debug, Default)]
struct Upload {
    name: Option<String>,
    content: Option<Bytes>,
    description: Option<String>,
    parameters_description: Option<String>,
    has_parameters: Option<bool>,
    override_if_exists: bool,
}

impl Service {
    /// Answers a request for the list of library files.
    pub(crate) fn library_list(&self) -> Response {
        let files: Vec<&LibraryFile> = self
            .library
            .files
            .values()
            .map(|entry| &entry.file)
            .collect();
        Response::json(
            200,
            &serde_json::json!({"@odata.context": self.context("LibraryFiles"), "value": files}),
        )
    }

    /// Answers an upload.
    pub(crate) fn library_upload(
        &mut self,
        identity: &Identity,
        request: &Request,
    ) -> Result<Response, Refusal> {
        let too_large = || {
            let status = self.settings.library_too_large_status;
            Refusal::new(status, "InvalidInput", "The file is too large.")
        };
        if request.is_oversized {
            return Err(too_large());
        }
        let upload = read_upload(request)?;
        let content = upload
            .content
            .ok_or_else(|| Refusal::missing("The part 'File' is missing."))?;
        let name = upload
            .name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Refusal::missing("The part 'File' has no file name."))?;
        if !is_library_name(&name) {
            return Err(Refusal::invalid(
                "A file name must have 1 to 255 letters, digits, '-', '_' and '.', and not only dots.",
            ));
        }
        if content.len() as u64 > self.settings.library_file_max {
            return Err(too_large());
        }
        let now = self.now;
        let known = self.library.files.get(&name);
        if known.is_some() && !upload.override_if_exists {
            return Err(Refusal::new(
                self.settings.library_exists_status,
                "BadRequest",
                format!("The file {name} already exists in the library."),
            ));
        }
        let file = LibraryFile {
            file_name: name.clone(),
            sha256: Some(sha256(&content)),
            description: upload.description.filter(|text| !text.is_empty()),
            creation_time: known
                .and_then(|entry| entry.file.creation_time.clone())
                .or_else(|| Some(timestamp_in_full(now))),
            last_updated_time: Some(timestamp_in_full(now)),
            created_by: Some(self.requestor(identity).to_string()),
            has_parameters: Some(
                upload
                    .has_parameters
                    .unwrap_or(upload.parameters_description.is_some()),
            ),
            parameters_description: upload.parameters_description,
        };
        let sha256 = file.sha256.clone();
        self.ledger
            .add_library_change(now, LibraryChangeKind::Uploaded, name.clone(), sha256);
        let answer = self.entity("LibraryFiles/$entity", 200, &file);
        let content = Some(content);
        self.library
            .files
            .insert(name, LibraryEntry { file, content });
        Ok(answer)
    }

    /// Replaces a file as another user would: the name stays the same and the content changes (API
    /// notes 8.6). A comment is appended, so that a script still runs and has another hash.
    pub(crate) fn overwrite(&mut self, name: &str) {
        let now = self.now;
        let Some(entry) = self.library.files.get_mut(name) else {
            return;
        };
        let mut bytes = entry.content.as_deref().unwrap_or_default().to_vec();
        bytes.extend_from_slice(b"\n# replaced by another user\n");
        entry.file.sha256 = Some(sha256(&bytes));
        entry.file.last_updated_time = Some(timestamp_in_full(now));
        entry.file.created_by = Some("another user".to_owned());
        if entry.content.is_some() {
            entry.content = Some(bytes.into());
        }
        let sha256 = entry.file.sha256.clone();
        let kind = LibraryChangeKind::Overwritten;
        self.ledger
            .add_library_change(now, kind, name.to_owned(), sha256);
    }

    /// Answers a deletion.
    pub(crate) fn library_delete(&mut self, name: &str) -> Result<Response, Refusal> {
        if self.library.files.remove(name).is_none() {
            return Err(Refusal::not_found(format!(
                "The file {name} was not found."
            )));
        }
        let kind = LibraryChangeKind::Deleted;
        self.ledger
            .add_library_change(self.now, kind, name.to_owned(), None);
        Ok(Response::empty(204))
    }
}

/// Returns whether a library file may have this name: letters, digits, `-`, `_`, `.` (API notes
/// 3.3). It is no longer than file systems allow, and does not consist of dots only (our choices).
fn is_library_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.len() <= 255 && name.bytes().all(is_allowed) && name.bytes().any(|byte| byte != b'.')
}

/// Reads the multipart body. Part names are matched without regard to case, unknown parts are
/// ignored, and booleans are text (API notes 8.6).
fn read_upload(request: &Request) -> Result<Upload, Refusal> {
    let bad = |message: String| Refusal::new(400, "BadRequest", message);
    let kind = request.header_value("content-type").unwrap_or_default();
    let boundary = multer::parse_boundary(kind)
        .map_err(|_| bad("The body must be multipart/form-data.".to_owned()))?;
    let body = request.body.clone();
    let stream =
        futures_util::stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(body)));
    let reading = async move {
        let mut multipart = multer::Multipart::new(stream, boundary);
        let mut upload = Upload::default();
        while let Some(field) = multipart.next_field().await? {
            let part = field.name().unwrap_or_default().to_ascii_lowercase();
            let file_name = field.file_name().map(str::to_owned);
            let content = field.bytes().await?;
            let text = || String::from_utf8_lossy(&content).trim().to_owned();
            let is_true = || text().eq_ignore_ascii_case("true");
            match part.as_str() {
                "file" => {
                    upload.name = file_name;
                    upload.content = Some(content);
                }
                "description" => upload.description = Some(text()),
                "parametersdescription" => upload.parameters_description = Some(text()),
                "hasparameters" => upload.has_parameters = Some(is_true()),
                "overrideifexists" => upload.override_if_exists = is_true(),
                _ => {}
            }
        }
        Ok::<Upload, multer::Error>(upload)
    };
    // The whole body is in memory already, so reading never waits.
    match reading.now_or_never() {
        Some(Ok(upload)) => Ok(upload),
        Some(Err(error)) => Err(bad(format!("The body can't be read: {error}"))),
        None => Err(bad("The body is incomplete.".to_owned())),
    }
}
