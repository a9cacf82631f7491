//! Lists and uploads files of the tenant's library.

use sha2::{Digest, Sha256};

use svar_wire::LibraryFile;
use svar_wire::LibraryName;

use crate::driver::hash::hex;

use super::call::{Client, RequestBody};
use super::error::CallError;

impl Client {
    /// Lists the whole library.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn library_files(&self) -> Result<Vec<LibraryFile>, CallError> {
        self.list_pages(self.address("/api/libraryfiles")?).await
    }

    /// Uploads a file that is not there yet. `OverrideIfExists` is false, so the service refuses if
    /// another file of that name was uploaded meanwhile.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn upload_library_file(
        &self,
        name: &LibraryName,
        content: &[u8],
    ) -> Result<LibraryFile, CallError> {
        let body = form(name, content);
        let url = self.address("/api/libraryfiles")?;
        self.call(url, Some(body)).await?.read()
    }
}

/// Returns the body of an upload. It is built here and not by the HTTP library, because it must be
/// kept whole to be sent again after a 401. A library name needs no quoting.
fn form(name: &LibraryName, content: &[u8]) -> RequestBody {
    // No content can contain the digits of its own hash in practice.
    let boundary = format!("svar-{}", &hex(&Sha256::digest(content))[..48]);
    let mut bytes = Vec::with_capacity(content.len() + 512);
    let mut put = |piece: &[u8]| bytes.extend_from_slice(piece);
    put(format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"OverrideIfExists\"\r\n\r\nfalse\r\n"
    )
    .as_bytes());
    put(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"File\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n").as_bytes());
    put(content);
    put(format!("\r\n--{boundary}--\r\n").as_bytes());
    RequestBody {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        bytes: bytes.into(),
    }
}
