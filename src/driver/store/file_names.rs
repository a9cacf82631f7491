//! Makes names of files and folders from text that is not trusted.
//!
//! A path on a device, a name inside a gzip header or the name of a computer may try to leave the
//! run folder, to look like another name, or to be one that an operating system treats specially.

use sha2::{Digest, Sha256};

use svar_plan::Target;

use crate::driver::hash::hex;

/// Maximum length of a name in bytes: file systems allow 255, and svar's own suffixes must fit too.
const NAME_BYTES_MAX: usize = 120;

/// Names that Windows treats as devices, whatever their extension.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Returns the file name for a path on a device: its last part, made safe.
///
/// Both slashes separate parts, whatever the device: a backslash in a Linux file name is rarer
/// than a Windows path. The result is never empty, `.` or `..`, and has at most 120 bytes.
pub fn file_name(path: &str) -> String {
    let trimmed = path.trim_end_matches(['/', '\\']);
    let last = trimmed.rsplit(['/', '\\']).next().unwrap_or_default();
    safe_name(last)
}

/// Turns text into a safe name of one file or folder.
pub(crate) fn safe_name(word: &str) -> String {
    let mut name: String = word
        .chars()
        .map(|letter| if is_allowed(letter) { letter } else { '_' })
        .collect();
    // Windows drops spaces and dots at the end, so `a.` and `a` would be the same file there.
    let length = name.trim_end_matches(['.', ' ']).len();
    name.truncate(length);
    let name = name.trim_start_matches(' ');
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let name = if name.is_empty() {
        "unnamed".to_owned()
    } else if is_reserved(stem) {
        format!("_{name}")
    } else {
        name.to_owned()
    };
    shorten(name, word)
}

/// Returns whether a character is allowed in a name on every system and is shown as itself.
fn is_allowed(letter: char) -> bool {
    let forbidden = matches!(letter, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*');
    // Characters that change the direction of text or have no width make one name look like
    // another.
    let invisible = matches!(letter,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !(forbidden || invisible || letter.is_control())
}

fn is_reserved(stem: &str) -> bool {
    let lower = stem.to_lowercase();
    if RESERVED.contains(&lower.as_str()) {
        return true;
    }
    let Some(port) = lower
        .strip_prefix("com")
        .or_else(|| lower.strip_prefix("lpt"))
    else {
        return false;
    };
    let mut digits = port.chars();
    matches!(
        (digits.next(), digits.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

/// Shortens a long name and adds its hash, so that two long names stay different. The extension is
/// kept.
fn shorten(name: String, original: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let mark = &hex(&Sha256::digest(original.as_bytes()))[..8];
    let extension = name
        .rfind('.')
        .map(|dot| &name[dot..])
        .filter(|extension| extension.len() <= 16)
        .unwrap_or_default();
    let mut keep = NAME_BYTES_MAX - extension.len() - mark.len() - 1;
    while !name.is_char_boundary(keep) {
        keep -= 1;
    }
    format!("{}~{mark}{extension}", &name[..keep])
}

/// Returns the folder name of each target: the first label of its name and the first 8 digits of
/// its id. If two names are equal apart from case, both get the whole id.
pub(crate) fn device_folders<'t>(targets: impl Iterator<Item = &'t Target> + Clone) -> Vec<String> {
    let short: Vec<String> = targets
        .clone()
        .map(|target| folder_name(target, 8))
        .collect();
    let mut count = std::collections::HashMap::new();
    for name in &short {
        *count.entry(name.to_lowercase()).or_insert(0_u32) += 1;
    }
    targets
        .zip(short)
        .map(|(target, name)| {
            if count.get(&name.to_lowercase()) == Some(&1) {
                name
            } else {
                folder_name(target, 40)
            }
        })
        .collect()
}

fn folder_name(target: &Target, digits: usize) -> String {
    let id = &target.id.as_str()[..digits];
    let label = target
        .name
        .as_deref()
        .and_then(|name| name.split('.').next())
        .filter(|label| !label.is_empty());
    match label {
        Some(label) => format!("{}-{id}", safe_name(label)),
        None => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_folder_or_means_a_device() {
        let rows = [
            (r"C:\windows\TEMP\a.dmp.zip", "a.dmp.zip"),
            ("/var/log/syslog", "syslog"),
            ("/var/log/", "log"),
            ("..", "unnamed"),
            ("../../etc/passwd", "passwd"),
            (r"..\..\", "unnamed"),
            ("", "unnamed"),
            (r"C:\", "C_"),
            ("report.txt:stream", "report.txt_stream"),
            ("nul.txt", "_nul.txt"),
            ("COM1", "_COM1"),
            ("com¹.log", "_com¹.log"),
            ("common.log", "common.log"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("bell\u{7}\u{1b}[31m\0", "bell__[31m_"),
            ("trailing. . ", "trailing"),
            (".bash_history", ".bash_history"),
            ("Ångström.txt", "Ångström.txt"),
        ];
        for (path, name) in rows {
            assert_eq!(file_name(path), name, "{path:?}");
        }
    }

    #[test]
    fn long_names_stay_different_and_keep_their_extension() {
        let one = file_name(&format!("{}1.evtx", "é".repeat(200)));
        let two = file_name(&format!("{}2.evtx", "é".repeat(200)));
        assert_ne!(one, two);
        assert!(
            one.len() <= NAME_BYTES_MAX && one.ends_with(".evtx"),
            "{one}"
        );
    }
}
