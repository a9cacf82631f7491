//! Finds the files for `svar check`, and reads files.
//!
//! A file named on the command line is checked as a playbook, unless its top-level keys are those
//! of a scenario of the emulator, in YAML or JSON. In a folder, the playbooks are the `*.yaml` and
//! `*.yml` files that look like one: they have the top-level key `playbook` (or a misspelling of
//! it), or two other top-level keys of playbooks. Scenarios are files with two top-level keys of
//! scenarios. Other YAML files, such as workflows of build servers, are skipped. Hidden folders are
//! skipped too, and run folders, which contain copies of playbooks.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use svar_language::diagnostic::{Problem, nearest};
use svar_language::source::{SourceText, Span};
use svar_language::yaml;

use crate::cli::rules;

/// Name of standard input in findings.
pub(crate) const STDIN: &str = "<stdin>";

/// Maximum number of bytes that are read from a file. The YAML parser has a much lower limit; this
/// one prevents that a disk image is read into memory.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file to check, or the problem with a path.
#[derive(Debug, Clone)]
pub(crate) enum Candidate {
    /// Standard input.
    Stdin,
    /// A file named on the command line.
    Named(PathBuf),
    /// A YAML file found in a folder, which may be neither playbook nor scenario.
    Found(PathBuf),
    /// A path that does not exist, or a folder that can't be listed or has no YAML files.
    Unusable(Box<Problem>),
}

/// Returns all files under these paths, each of them once, in the order of the paths and sorted by
/// name within folders. A path that does not exist becomes a candidate with a problem.
pub(crate) fn candidates(paths: &[PathBuf]) -> Vec<Candidate> {
    let mut all = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            all.push(Candidate::Stdin);
            continue;
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let before = all.len();
                collect_folder(path, &mut all);
                if all.len() == before {
                    let message = format!("no YAML files in `{}`", path.display());
                    let help = "use the path of a playbook, or of a folder with playbooks";
                    all.push(Candidate::Unusable(path_problem(path, message, help)));
                }
            }
            Ok(_) => all.push(Candidate::Named(path.clone())),
            Err(error) => all.push(path_error(path, &error)),
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|candidate| match candidate {
        Candidate::Unusable(_) => true,
        Candidate::Stdin => seen.insert(PathBuf::from("-")),
        Candidate::Named(path) | Candidate::Found(path) => {
            seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
        }
    });
    all
}

fn collect_folder(folder: &Path, all: &mut Vec<Candidate>) {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => return all.push(path_error(folder, &error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path = without_dot(&entry.path());
        // Links to folders are not followed: they may form a cycle.
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                all.push(path_error(&path, &error));
                continue;
            }
        };
        if kind.is_dir() {
            if !path.join("journal.jsonl").exists() {
                collect_folder(&path, all);
            }
        } else if is_yaml(&path) && (kind.is_file() || path.is_file()) {
            all.push(Candidate::Found(path));
        }
    }
}

/// Removes a leading `./`.
fn without_dot(path: &Path) -> PathBuf {
    path.strip_prefix(".")
        .map_or_else(|_| path.to_owned(), Path::to_owned)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
}

/// Top-level keys of playbooks; other files may have one of them.
const PLAYBOOK_KEYS: &[&str] = &[
    "steps", "cleanup", "library", "targets", "rollout", "inputs", "vars", "risk", "offline",
];

/// Top-level keys that only scenarios have.
const SCENARIO_KEYS: &[&str] = &["devices", "fleets", "factor", "faults", "background_load"];

/// Top-level keys of scenarios that other files have too.
const SHARED_KEYS: &[&str] = &[
    "seed",
    "settings",
    "profile",
    "tenant",
    "apps",
    "library",
    "outcomes",
    "hunting_results",
];

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Playbook,
    Scenario,
}

/// Returns the kind of a file named on the command line. It is a playbook unless it has a key that
/// only scenarios have, possibly misspelled.
pub(crate) fn kind_of_named(text: &str) -> FileKind {
    if !looks_like_playbook(text) && scenario_key(text).is_some() {
        FileKind::Scenario
    } else {
        FileKind::Playbook
    }
}

/// Returns the kind of a file found in a folder, if it is a playbook or a scenario.
pub(crate) fn kind_of_found(text: &str) -> Option<FileKind> {
    if looks_like_playbook(text) {
        return Some(FileKind::Playbook);
    }
    let own = top_level_keys(text).filter(|(_, key)| SCENARIO_KEYS.contains(key));
    let shared = top_level_keys(text).filter(|(_, key)| SHARED_KEYS.contains(key));
    let (own, shared) = (own.count(), shared.count());
    (own > 0 && own + shared >= 2).then_some(FileKind::Scenario)
}

/// Returns whether a text found in a folder looks like a playbook.
fn looks_like_playbook(text: &str) -> bool {
    let mut others = 0;
    for (_, key) in top_level_keys(text) {
        if nearest(key, ["playbook"]).is_some() {
            return true;
        }
        others += usize::from(PLAYBOOK_KEYS.contains(&key));
        if others == 2 {
            return true;
        }
    }
    false
}

/// Returns a problem if a text that should be a playbook is a scenario.
pub(crate) fn scenario_problem(source: &SourceText) -> Option<Problem> {
    if kind_of_named(source.text()) != FileKind::Scenario {
        return None;
    }
    let (start, key) = scenario_key(source.text())?;
    let span = Span::new(start as u32, (start + key.len()) as u32);
    let message = "this is a scenario for the emulator, not a playbook";
    let problem = Problem::new(&rules::NOT_A_PLAYBOOK, source, span, message);
    Some(problem.help(
        "use it with `svar emulator --scenario FILE`, or `svar run PLAYBOOK --scenario FILE`",
    ))
}

/// Returns the first key that only scenarios have, or that is a misspelling of one, with its
/// offset.
fn scenario_key(text: &str) -> Option<(usize, &str)> {
    top_level_keys(text).find(|(_, key)| {
        let is_shared = SHARED_KEYS.contains(key) && !PLAYBOOK_KEYS.contains(key);
        let is_no_playbook_key =
            !PLAYBOOK_KEYS.contains(key) && nearest(key, PLAYBOOK_KEYS.iter().copied()).is_none();
        is_shared || (is_no_playbook_key && nearest(key, SCENARIO_KEYS.iter().copied()).is_some())
    })
}

/// Returns the top-level keys with their offsets, approximately, because the text may not be valid
/// YAML yet. A text that begins with a brace is read as JSON.
fn top_level_keys(text: &str) -> Box<dyn Iterator<Item = (usize, &str)> + '_> {
    if text.trim_start().starts_with('{') {
        Box::new(json_keys(text))
    } else {
        Box::new(yaml_keys(text))
    }
}

/// Returns the keys at the beginning of lines.
fn yaml_keys(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = offset;
        offset += line.len();
        let (key, _) = line.split_once(':')?;
        // Skips comments and list items.
        let opens = key.starts_with(|c: char| c.is_alphanumeric() || c == '"' || c == '\'');
        opens.then(|| (start, key.trim_end().trim_matches(['"', '\''])))
    })
}

/// Returns the keys inside exactly one brace.
fn json_keys(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 0_u32;
    let mut key_from = None;
    let mut letters = text.char_indices();
    std::iter::from_fn(move || {
        loop {
            let (at, letter) = letters.next()?;
            match letter {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                // Brackets in quotes don't count.
                '"' => {
                    while letters.next().is_some_and(|(_, letter)| match letter {
                        '\\' => letters.next().is_some(),
                        letter => letter != '"',
                    }) {}
                }
                _ => {}
            }
            if depth != 1 {
                continue;
            }
            match (letter, key_from) {
                ('{' | ',', _) => key_from = Some(at + 1),
                (':', Some(from)) => {
                    key_from = None;
                    let key = text[from..at].trim_matches(|c: char| c.is_whitespace() || c == '"');
                    let start = text[from..at].find(key).unwrap_or_default();
                    return Some((from + start, key));
                }
                _ => {}
            }
        }
    })
}

/// Reads a file. Its name in messages is the path as given.
///
/// # Errors
/// The file can't be read, is too large, or is not UTF-8.
pub(crate) fn read(path: &Path) -> Result<SourceText, Box<Problem>> {
    let shown = path.display().to_string();
    // Opening a pipe waits for its writer, possibly forever, so the file type is checked first.
    let metadata = fs::metadata(path).map_err(|error| read_error(&shown, &error))?;
    if !metadata.is_file() && !metadata.is_dir() && !is_opened_by_shell(path) {
        return Err(path_problem(
            path,
            format!("`{shown}` is a pipe or a device, not a file"),
            "use a file, or `-` for standard input",
        ));
    }
    match fs::File::open(path) {
        Ok(file) => read_text(&shown, file),
        Err(error) => Err(read_error(&shown, &error)),
    }
}

/// Returns whether a path is a file that the shell has opened: standard input, or the pipe of
/// `<(…)`.
fn is_opened_by_shell(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// Reads standard input.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_stdin() -> Result<SourceText, Box<Problem>> {
    read_text(STDIN, io::stdin().lock())
}

fn read_text(shown: &str, reader: impl Read) -> Result<SourceText, Box<Problem>> {
    let mut bytes = Vec::new();
    if let Err(error) = reader.take(BYTES_MAX + 1).read_to_end(&mut bytes) {
        return Err(read_error(shown, &error));
    }
    if bytes.len() as u64 > BYTES_MAX {
        let limit = BYTES_MAX / 1024 / 1024;
        return Err(unreadable(
            shown,
            format!("{shown}: the file is larger than {limit} MiB"),
            "playbooks are small; check the path",
        ));
    }
    yaml::decode(shown, bytes)
}

fn read_error(shown: &str, error: &io::Error) -> Box<Problem> {
    let (message, help) = match error.kind() {
        io::ErrorKind::NotFound => ("the file does not exist".to_owned(), "check the path"),
        io::ErrorKind::PermissionDenied => {
            ("permission denied".to_owned(), "check its permissions")
        }
        io::ErrorKind::IsADirectory => (
            "this is a folder".to_owned(),
            "use the path of a file in it",
        ),
        _ => (
            format!("cannot read the file: {error}"),
            "check the path and the disk",
        ),
    };
    unreadable(shown, format!("{shown}: {message}"), help)
}

fn unreadable(file: &str, message: String, help: &str) -> Box<Problem> {
    Box::new(Problem::without_place(&rules::UNREADABLE_FILE, file, message).help(help))
}

/// Returns the problem of a path on the command line that can't be read.
fn path_error(path: &Path, error: &io::Error) -> Candidate {
    let shown = path.display();
    let problem = match error.kind() {
        io::ErrorKind::NotFound => path_problem(
            path,
            format!("`{shown}` does not exist"),
            "check the path; it is relative to the working folder",
        ),
        io::ErrorKind::PermissionDenied => path_problem(
            path,
            format!("cannot read `{shown}`: permission denied"),
            "check its permissions",
        ),
        _ => path_problem(
            path,
            format!("cannot read `{shown}`: {error}"),
            "check the path and the disk",
        ),
    };
    Candidate::Unusable(problem)
}

fn path_problem(path: &Path, message: String, help: &str) -> Box<Problem> {
    unreadable(&path.display().to_string(), message, help)
}
