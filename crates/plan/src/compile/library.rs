//! Library files of a plan, with their hashes.

use svar_language::diagnostic::Problem;
use svar_language::playbook::{Files, Playbook};
use svar_language::yaml::Document;

use crate::model::PlannedFile;
use crate::rules;

/// Returns the entries under `library`, with their names in the tenant. A file beside the playbook is hashed;
/// for a file in the tenant the hash is that of `sha256`, if given.
pub(crate) fn planned_files(
    document: &Document,
    playbook: &Playbook,
    files: &dyn Files,
) -> Result<Vec<PlannedFile>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut planned = Vec::new();
    for (key, file) in &playbook.library {
        let pinned = file.sha256.as_ref().map(|hash| hash.value.to_lowercase());
        let mut sha256 = pinned.clone();
        if let Some(path) = &file.path {
            let refuse = |message: String| {
                Problem::new(
                    &rules::UNUSABLE_LIBRARY_FILE,
                    document.source(),
                    document.span(path.node),
                    message,
                )
            };
            match files.sha256(&path.value) {
                Ok(hash) if pinned.as_ref().is_some_and(|pinned| *pinned != hash) => {
                    let message = format!("the file does not match `sha256`: its hash is {hash}");
                    problems.push(refuse(message));
                }
                Ok(hash) => sha256 = Some(hash),
                Err(error) => problems.push(refuse(format!("cannot read the file: {error}"))),
            }
        }
        planned.push(PlannedFile {
            key: key.clone(),
            name: file.library_name().to_owned(),
            path: file.path.as_ref().map(|path| path.value.clone()),
            sha256,
        });
    }
    if problems.is_empty() {
        Ok(planned)
    } else {
        Err(problems)
    }
}
