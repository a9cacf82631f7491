//! Checks files: their paths and their content.

use svar_wire::text::list;

use super::super::device::check_device_path;
use super::super::scenario::{DeviceFile, OsFamily};
use super::problem::{ScenarioProblem, ScenarioProblemKind};

/// Reports content that is given in two ways, and content that is not base64.
pub(super) fn check_content(
    text: Option<&String>,
    base64: Option<&String>,
    size: Option<u64>,
    pointer: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    let given: Vec<&str> = [
        ("text", text.is_some()),
        ("base64", base64.is_some()),
        ("size", size.is_some()),
    ]
    .iter()
    .filter(|(_, is_given)| *is_given)
    .map(|(key, _)| *key)
    .collect();
    if let [first, second, ..] = given.as_slice() {
        problems.push(
            ScenarioProblem::new(
                ScenarioProblemKind::ConflictingKeys,
                format!("{pointer}/{second}"),
                format!("`{first}` and `{second}` cannot be used together"),
            )
            .related(format!("{pointer}/{first}"), "")
            .help(format!(
                "Keep only one of {}.",
                list(given.iter().map(|key| format!("`{key}`")), "and")
            )),
        );
    }
    let file = DeviceFile {
        base64: base64.cloned(),
        ..DeviceFile::default()
    };
    if base64.is_some() && file.content().is_err() {
        problems.push(ScenarioProblem::new(
            ScenarioProblemKind::InvalidBase64,
            format!("{pointer}/base64"),
            "invalid base64",
        ));
    }
}

/// Checks files on a device of that family. An outcome has no family: the paths of its files
/// must be valid on one of the families.
pub(super) fn check_files(
    files: &[DeviceFile],
    family: Option<OsFamily>,
    pointer: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    for (index, file) in files.iter().enumerate() {
        let pointer = format!("{pointer}/files/{index}");
        if file.path.is_empty() {
            let problem = ScenarioProblem::new(
                ScenarioProblemKind::MissingKey,
                &pointer,
                "missing key `path`",
            );
            problems.push(problem.help("`path` is the full path on the device."));
            continue;
        }
        check_content(
            file.text.as_ref(),
            file.base64.as_ref(),
            file.size,
            &pointer,
            problems,
        );
        let error = match family {
            Some(family) => check_device_path(&file.path, family).err(),
            // Placeholders are filled in when the script runs.
            None if file.path.contains('{') => None,
            None => [OsFamily::Unix, OsFamily::Windows]
                .iter()
                .map(|family| check_device_path(&file.path, *family))
                .reduce(Result::or)
                .and_then(Result::err),
        };
        if let Some(error) = error {
            let example = match family {
                Some(OsFamily::Unix) => "a full path such as `/var/log/auth.log`",
                _ => "a full path such as `C:\\Users\\Public\\notes.txt`",
            };
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::InvalidDeviceFile,
                    format!("{pointer}/path"),
                    format!("the {error}"),
                )
                .help(format!("Use {example}.")),
            );
        }
    }
}
