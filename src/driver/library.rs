//! Checks that the tenant's library has a playbook's files, and uploads missing ones.

use sha2::{Digest, Sha256};

use svar_wire::LibraryFile;
use svar_wire::LibraryName;

use super::client::{CallError, Client};
use super::hash::hex;

/// A library file of the playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryItem {
    /// Its name in the library.
    pub name: LibraryName,
    /// SHA-256 of its bytes, in lower case.
    pub sha256: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl LibraryItem {
    /// Returns a file with this name and these bytes.
    pub fn new(name: LibraryName, bytes: Vec<u8>) -> Self {
        LibraryItem {
            name,
            sha256: hex(&Sha256::digest(&bytes)),
            bytes,
        }
    }
}

/// The difference between a playbook's files and the tenant's library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LibraryDiff {
    /// Files that are missing.
    pub missing: Vec<LibraryName>,
    /// Files with other bytes: another user's file of the same name, or an older version.
    pub different: Vec<LibraryName>,
}

impl LibraryDiff {
    /// Returns whether the library has all files.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty()
    }
}

/// Compares a playbook's files with a listing of the library.
///
/// A listed file without a hash counts as different, because its content is unknown. Names are
/// compared without regard to case, as on the devices' file systems.
pub fn compare(items: &[LibraryItem], listed: &[LibraryFile]) -> LibraryDiff {
    let mut diff = LibraryDiff::default();
    for item in items {
        let there = listed
            .iter()
            .find(|file| file.file_name.eq_ignore_ascii_case(item.name.as_str()));
        match there {
            None => diff.missing.push(item.name.clone()),
            Some(file) => {
                let same = file
                    .sha256
                    .as_deref()
                    .is_some_and(|hash| hash.eq_ignore_ascii_case(&item.sha256));
                if !same {
                    diff.different.push(item.name.clone());
                }
            }
        }
    }
    diff
}

/// An error of preparing the library.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The library has files with these names and other bytes; svar never overwrites them.
    #[error("the tenant's library has different files with the names {}", list(.0))]
    Different(Vec<LibraryName>),
    /// Files are missing, and uploading them was not requested.
    #[error("the tenant's library does not have {}", list(.0))]
    Missing(Vec<LibraryName>),
    /// A call failed.
    #[error("{doing}: {failure}")]
    Call {
        /// The operation.
        doing: String,
        /// The error of the call.
        failure: CallError,
    },
    /// The library lists other bytes than were uploaded.
    #[error("`{0}` was uploaded, but the library lists different content for it")]
    Altered(LibraryName),
}

impl LibraryError {
    /// Returns what the operator can do about it.
    pub fn next_step(&self) -> String {
        match self {
            LibraryError::Different(_) => {
                "rename the playbook's files, or replace the tenant's files in the portal".into()
            }
            LibraryError::Missing(_) => {
                "run again with --sync-library to upload them, or upload them in the portal".into()
            }
            LibraryError::Call { failure, .. } => failure.next_step(),
            LibraryError::Altered(_) => {
                "someone else may be changing the library; check it, then try again".into()
            }
        }
    }
}

fn list(names: &[LibraryName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The handling of files that are missing in the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LibraryUpload {
    /// Uploads missing files.
    Missing,
    /// Reports missing files as an error.
    Never,
}

/// Checks that the library holds the playbook's files with the expected hashes, and uploads missing
/// ones.
///
/// A different file is never overwritten,
/// because people and other tools share the library (API notes 8.6). Returns the names of the
/// uploaded files.
///
/// # Errors
/// See [`LibraryError`]. Files that were uploaded before the error are kept.
pub async fn prepare(
    client: &Client,
    items: &[LibraryItem],
    upload: LibraryUpload,
) -> Result<Vec<LibraryName>, LibraryError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let listing = || async {
        client
            .library_files()
            .await
            .map_err(|failure| LibraryError::Call {
                doing: "cannot list the library".into(),
                failure,
            })
    };
    let diff = compare(items, &listing().await?);
    if !diff.different.is_empty() {
        return Err(LibraryError::Different(diff.different));
    }
    if diff.missing.is_empty() {
        return Ok(Vec::new());
    }
    if upload == LibraryUpload::Never {
        return Err(LibraryError::Missing(diff.missing));
    }
    for item in items
        .iter()
        .filter(|item| diff.missing.contains(&item.name))
    {
        client
            .upload_library_file(&item.name, &item.bytes)
            .await
            .map_err(|failure| LibraryError::Call {
                doing: format!("cannot upload `{}` to the library", item.name),
                failure,
            })?;
    }
    let remaining = compare(items, &listing().await?);
    match remaining
        .missing
        .into_iter()
        .chain(remaining.different)
        .next()
    {
        Some(name) => Err(LibraryError::Altered(name)),
        None => Ok(diff.missing),
    }
}
