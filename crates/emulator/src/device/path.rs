//! Maps the paths of a device to names inside its folder.

use super::super::scenario::OsFamily;

/// The names of a path, from the device's folder on. There is at least one, none is `.` or `..`,
/// and none contains a separator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DevicePath(pub(super) Vec<String>);

/// A path that is not a file on a device of its family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path '{}' {problem}", .path.escape_debug())]
pub(crate) struct DevicePathError {
    path: String,
    problem: PathProblem,
}

/// The reason for which a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum PathProblem {
    #[error("is too long")]
    TooLong,
    #[error("has control characters")]
    ControlCharacters,
    #[error("is not absolute")]
    NotAbsolute,
    #[error("leads to another computer or a device")]
    OtherComputer,
    #[error("contains `..`")]
    ParentFolder,
    #[error("has a name that Windows does not allow")]
    InvalidName,
    #[error("has a name that Windows reserves")]
    ReservedName,
    #[error("has a name that is too long")]
    NameTooLong,
    #[error("names no file")]
    NoFile,
}

impl DevicePath {
    /// Maps `C:\x\y` to `c/x/y` (Windows ignores case) and `/x/y` to `x/y`.
    ///
    /// # Errors
    /// The path is not absolute, or it leads or may lead elsewhere: `..`, UNC and device paths,
    /// streams, control characters.
    pub(super) fn parse(path: &str, family: OsFamily) -> Result<Self, DevicePathError> {
        let refused = |problem| {
            Err(DevicePathError {
                path: path.to_owned(),
                problem,
            })
        };
        if path.len() > 4096 {
            return refused(PathProblem::TooLong);
        }
        if path.chars().any(char::is_control) {
            return refused(PathProblem::ControlCharacters);
        }
        let (mut names, rest) = match family {
            OsFamily::Unix => match path.strip_prefix('/') {
                Some(rest) => (Vec::new(), rest.to_owned()),
                None => return refused(PathProblem::NotAbsolute),
            },
            OsFamily::Windows => {
                let path = path.replace('/', "\\").to_lowercase();
                if path.starts_with("\\\\") {
                    return refused(PathProblem::OtherComputer);
                }
                let mut letters = path.chars();
                match (letters.next(), letters.next(), letters.next()) {
                    (Some(drive), Some(':'), Some('\\')) if drive.is_ascii_alphabetic() => {
                        (vec![drive.to_string()], path[3..].to_owned())
                    }
                    _ => return refused(PathProblem::NotAbsolute),
                }
            }
        };
        let separator = match family {
            OsFamily::Unix => '/',
            OsFamily::Windows => '\\',
        };
        for name in rest
            .split(separator)
            .filter(|name| !matches!(*name, "" | "."))
        {
            if name == ".." {
                return refused(PathProblem::ParentFolder);
            }
            // Windows removes spaces and points at the end of a name: `.. ` would mean `..` there.
            let is_invalid = name.contains([':', '*', '?', '"', '<', '>', '|'])
                || name.ends_with(['.', ' '])
                || name.contains(['\\', '/']);
            if family == OsFamily::Windows && is_invalid {
                return refused(PathProblem::InvalidName);
            }
            if family == OsFamily::Windows && is_reserved(name) {
                return refused(PathProblem::ReservedName);
            }
            if name.len() > 255 {
                return refused(PathProblem::NameTooLong);
            }
            names.push(name.to_owned());
        }
        let names_min = if family == OsFamily::Windows { 2 } else { 1 };
        if names.len() < names_min {
            return refused(PathProblem::NoFile);
        }
        Ok(DevicePath(names))
    }

    /// Returns the path of a name in the working folder, where PutFile puts files and scripts
    /// begin.
    pub(super) fn in_working_folder(name: &str, family: OsFamily) -> Result<Self, DevicePathError> {
        let folder = working_folder(family);
        let separator = if family == OsFamily::Windows {
            '\\'
        } else {
            '/'
        };
        DevicePath::parse(&format!("{folder}{separator}{name}"), family)
    }
}

/// Returns whether a name in lower case is one of those that Windows reserves for devices, such as
/// `con`, `nul.txt` and `com1`.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let is_port = |start: &str| {
        let number = stem.strip_prefix(start);
        number.is_some_and(|number| {
            let mut digits = number.chars();
            matches!(
                (digits.next(), digits.next()),
                (Some('0'..='9' | '¹' | '²' | '³'), None)
            )
        })
    };
    matches!(stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || is_port("com")
        || is_port("lpt")
}

/// Checks whether a device of that family can have a file at that path.
pub(crate) fn check_device_path(file: &str, family: OsFamily) -> Result<(), DevicePathError> {
    DevicePath::parse(file, family).map(drop)
}

/// Returns the last name of a path, in its original spelling.
pub(super) fn file_name(path: &str, family: OsFamily) -> &str {
    let ends = |c: char| c == '/' || (c == '\\' && family == OsFamily::Windows);
    path.rsplit(ends).next().unwrap_or(path)
}

/// Returns the folder to which PutFile writes files (API notes 3.7).
pub(super) fn working_folder(family: OsFamily) -> &'static str {
    match family {
        OsFamily::Windows => {
            "C:\\ProgramData\\Microsoft\\Windows Defender Advanced Threat Protection\\Downloads"
        }
        OsFamily::Unix => "/tmp/live-response",
    }
}
