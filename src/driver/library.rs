//! The tenant's library: what of a playbook's files is there, and bringing there what is not.

use sha2::{Digest, Sha256};

use svar_wire::LibraryFile;
use svar_wire::LibraryName;

use super::client::{CallError, Client};
use super::hash::hex;

/// A library file as the playbook has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryItem {
    /// Its name in the library.
    pub name: LibraryName,
    /// SHA-256 of its bytes, lower case.
    pub sha256: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl LibraryItem {
    /// A file of that name with these bytes.
    pub fn new(name: LibraryName, bytes: Vec<u8>) -> Self {
        LibraryItem {
            name,
            sha256: hex(&Sha256::digest(&bytes)),
            bytes,
        }
    }
}

/// What the tenant's library lacks for a playbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LibraryDiff {
    /// Not there.
    pub missing: Vec<LibraryName>,
    /// There, with other bytes: somebody else's file under our name, or an older version of ours.
    pub different: Vec<LibraryName>,
}

impl LibraryDiff {
    /// Whether the library has all that is needed.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty()
    }
}

/// Compares a playbook's files with a listing of the library.
///
/// A listed file without a hash counts as different: what it holds can't be known. Names are
/// compared without regard to case, as the devices' file systems may.
pub fn compare(items: &[LibraryItem], listed: &[LibraryFile]) -> LibraryDiff {
    let mut gap = LibraryDiff::default();
    for item in items {
        let there = listed
            .iter()
            .find(|file| file.file_name.eq_ignore_ascii_case(item.name.as_str()));
        match there {
            None => gap.missing.push(item.name.clone()),
            Some(file) => {
                let same = file
                    .sha256
                    .as_deref()
                    .is_some_and(|hash| hash.eq_ignore_ascii_case(&item.sha256));
                if !same {
                    gap.different.push(item.name.clone());
                }
            }
        }
    }
    gap
}

/// Why the library can't serve the run.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Files with other bytes are there under these names; svar never overwrites them.
    #[error("the tenant's library holds other files under the names {}", list(.0))]
    Different(Vec<LibraryName>),
    /// Files are not there, and bringing them was not asked for.
    #[error("the tenant's library lacks {}", list(.0))]
    Missing(Vec<LibraryName>),
    /// A call failed.
    #[error("{doing}: {failure}")]
    Call {
        /// What was tried.
        doing: String,
        /// How it failed.
        failure: CallError,
    },
    /// What was uploaded is not what is there.
    #[error("the library took `{0}`, yet lists other bytes under that name")]
    Altered(LibraryName),
}

impl LibraryError {
    /// What the operator can do about it.
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
                "somebody may be changing the library: look at it, then try again".into()
            }
        }
    }
}

fn list(names: &[LibraryName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Makes sure that the library holds the playbook's files, and pins them: what is listed at the
/// end has their hashes.
///
/// Missing files are uploaded if `upload` says so; a different file is never overwritten, for the
/// library is shared by people and tools (API notes 8.6). Hands out the names that were uploaded.
///
/// # Errors
/// See [`LibraryError`]; files uploaded before the error stay.
pub async fn prepare(
    client: &Client,
    items: &[LibraryItem],
    upload: bool,
) -> Result<Vec<LibraryName>, LibraryError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let listing = || async {
        client
            .library_files()
            .await
            .map_err(|failure| LibraryError::Call {
                doing: "the library can't be listed".into(),
                failure,
            })
    };
    let gap = compare(items, &listing().await?);
    if !gap.different.is_empty() {
        return Err(LibraryError::Different(gap.different));
    }
    if gap.missing.is_empty() {
        return Ok(Vec::new());
    }
    if !upload {
        return Err(LibraryError::Missing(gap.missing));
    }
    for item in items.iter().filter(|item| gap.missing.contains(&item.name)) {
        client
            .upload_library_file(&item.name, &item.bytes)
            .await
            .map_err(|failure| LibraryError::Call {
                doing: format!("`{}` can't be uploaded to the library", item.name),
                failure,
            })?;
    }
    let left = compare(items, &listing().await?);
    match left.missing.into_iter().chain(left.different).next() {
        Some(name) => Err(LibraryError::Altered(name)),
        None => Ok(gap.missing),
    }
}
