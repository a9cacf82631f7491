//! Checks files: their paths and their content.

use super::super::device::is_device_path;
use super::super::scenario::{DeviceFile, OsFamily};
use super::{ScenarioProblem, ScenarioProblemKind};

/// Checks the content of a file: it is given once and can be read.
pub(super) fn content(
    text: Option<&String>,
    base64: Option<&String>,
    size: Option<u64>,
    at: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    let said: Vec<&str> = [
        ("text", text.is_some()),
        ("base64", base64.is_some()),
        ("size", size.is_some()),
    ]
    .iter()
    .filter(|(_, is_there)| *is_there)
    .map(|(key, _)| *key)
    .collect();
    if let [first, second, ..] = said.as_slice() {
        problems.push(
            ScenarioProblem::new(
                ScenarioProblemKind::ConflictingKeys,
                format!("{at}/{second}"),
                format!("`{first}` and `{second}` cannot be used together"),
            )
            .also(format!("{at}/{first}"), "")
            .help("Keep only one of `text`, `base64` and `size`."),
        );
    }
    let file = DeviceFile {
        base64: base64.cloned(),
        ..DeviceFile::default()
    };
    if base64.is_some() && file.content().is_err() {
        problems.push(ScenarioProblem::new(
            ScenarioProblemKind::InvalidBase64,
            format!("{at}/base64"),
            "invalid base64",
        ));
    }
}

/// Checks files on a device of that family. Files created by an outcome have no family, and must be
/// valid for any of them.
pub(super) fn files(
    files: &[DeviceFile],
    family: Option<OsFamily>,
    at: &str,
    problems: &mut Vec<ScenarioProblem>,
) {
    for (place, file) in files.iter().enumerate() {
        let at = format!("{at}/files/{place}");
        if file.path.is_empty() {
            let problem =
                ScenarioProblem::new(ScenarioProblemKind::MissingKey, &at, "missing key `path`");
            problems.push(problem.help("`path` is the full path on the device."));
            continue;
        }
        content(
            file.text.as_ref(),
            file.base64.as_ref(),
            file.size,
            &at,
            problems,
        );
        let wrong = match family {
            Some(family) => is_device_path(&file.path, family).err(),
            // Placeholders are filled in when the script runs.
            None if file.path.contains('{') => None,
            None => [OsFamily::Unix, OsFamily::Windows]
                .iter()
                .map(|family| is_device_path(&file.path, *family))
                .reduce(Result::or)
                .and_then(Result::err),
        };
        if let Some(reason) = wrong {
            let example = match family {
                Some(OsFamily::Unix) => "a full path such as `/var/log/auth.log`",
                _ => "a full path such as `C:\\Users\\Public\\notes.txt`",
            };
            problems.push(
                ScenarioProblem::new(
                    ScenarioProblemKind::InvalidDeviceFile,
                    format!("{at}/path"),
                    reason.trim_end_matches('.').replacen("The", "the", 1),
                )
                .help(format!("Use {example}.")),
            );
        }
    }
}
