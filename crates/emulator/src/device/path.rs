//! Maps the paths of a device to names inside its folder.

use super::super::scenario::OsFamily;

/// The names of a path, from the device's folder on. There is at least one, none is `.` or `..`,
/// and none contains a separator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DevicePath(pub(super) Vec<String>);

impl DevicePath {
    /// Maps `C:\x\y` to `c/x/y` (Windows ignores case) and `/x/y` to `x/y`.
    ///
    /// # Errors
    /// The path is not a full one, or it leads or may lead elsewhere: `..`, UNC and device paths,
    /// streams, control characters. The error is one sentence.
    pub(super) fn parse(path: &str, family: OsFamily) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("The path '{}' {why}.", path.escape_debug()));
        if path.len() > 4096 {
            return wrong("is too long");
        }
        if path.chars().any(char::is_control) {
            return wrong("has control characters");
        }
        let (mut names, rest) = match family {
            OsFamily::Unix => match path.strip_prefix('/') {
                Some(rest) => (Vec::new(), rest.to_owned()),
                None => return wrong("is not a full path"),
            },
            OsFamily::Windows => {
                let path = path.replace('/', "\\").to_lowercase();
                if path.starts_with("\\\\") {
                    return wrong("leads to another computer");
                }
                let mut letters = path.chars();
                match (letters.next(), letters.next(), letters.next()) {
                    (Some(drive), Some(':'), Some('\\')) if drive.is_ascii_alphabetic() => {
                        (vec![drive.to_string()], path[3..].to_owned())
                    }
                    _ => return wrong("is not a full path"),
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
                return wrong("leads upwards");
            }
            // Windows removes spaces and points at the end of a name: `.. ` would mean `..` there.
            let is_odd = name.contains([':', '*', '?', '"', '<', '>', '|'])
                || name.ends_with(['.', ' '])
                || name.contains(['\\', '/']);
            if family == OsFamily::Windows && is_odd {
                return wrong("has a name that Windows does not allow");
            }
            if family == OsFamily::Windows && is_reserved(name) {
                return wrong("has a name that stands for a device of Windows");
            }
            if name.len() > 255 {
                return wrong("has a name that is too long");
            }
            names.push(name.to_owned());
        }
        let least = if family == OsFamily::Windows { 2 } else { 1 };
        if names.len() < least {
            return wrong("names no file");
        }
        Ok(DevicePath(names))
    }

    /// Returns the path of a name in the working folder, where PutFile puts files and scripts
    /// begin.
    pub(super) fn working(name: &str, family: OsFamily) -> Result<Self, String> {
        let folder = working_folder(family);
        let separator = if family == OsFamily::Windows {
            '\\'
        } else {
            '/'
        };
        DevicePath::parse(&format!("{folder}{separator}{name}"), family)
    }
}

/// Checks for `con`, `nul.txt`, `com1` and similar names, in lower case. Windows opens a device in
/// place of a file of such a name.
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
