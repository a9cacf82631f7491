//! Which files `svar check` looks at, and how a file becomes text.
//!
//! A file that is named is taken as a playbook whatever it holds, unless its outermost keys are those
//! of an emulator's scenario, be it written as YAML or as JSON. In a folder the playbooks are the
//! `*.yaml` and `*.yml` that look like one: among their outermost keys is `playbook` (or a slip of it),
//! or two of the language's other keys; scenarios are those with two of a scenario's keys. Workflows of
//! build servers and other YAML are passed over. So are hidden folders, and the folders of runs, which
//! hold copies.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use svar_language::diagnostic::{Problem, nearest};
use svar_language::source::{SourceText, Span};
use svar_language::yaml;

use crate::cli::rules;

/// What standard input is called in findings.
pub(crate) const STDIN: &str = "<stdin>";

/// Most bytes of a file that are read at all. The YAML room has a limit of its own far below it and
/// says so at the file; this one only keeps a disk image from being read into memory.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file to check, or what is to be said instead.
#[derive(Debug, Clone)]
pub(crate) enum Candidate {
    /// Standard input.
    Stdin,
    /// A file that was named.
    Named(PathBuf),
    /// A YAML file found in a folder; it may be something else.
    Found(PathBuf),
    /// A path that leads to nothing, or a folder that can't be listed or holds no YAML.
    Nothing(Box<Problem>),
}

/// All files under these paths, each once: in the order they were named, folders sorted by name. A
/// path that leads nowhere keeps none of the others from being looked at.
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
                walk(path, &mut all);
                if all.len() == before {
                    let message = format!("there is no YAML file under `{}`", path.display());
                    let help = "name a playbook, or the folder that holds them";
                    all.push(Candidate::Nothing(about_path(path, message, help)));
                }
            }
            Ok(_) => all.push(Candidate::Named(path.clone())),
            Err(error) => all.push(unlisted(path, &error)),
        }
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|candidate| match candidate {
        Candidate::Nothing(_) => true,
        Candidate::Stdin => seen.insert(PathBuf::from("-")),
        Candidate::Named(path) | Candidate::Found(path) => {
            seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
        }
    });
    all
}

fn walk(folder: &Path, all: &mut Vec<Candidate>) {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match listed {
        Ok(entries) => entries,
        Err(error) => return all.push(unlisted(folder, &error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path = tidy(&entry.path());
        // Links to folders are not followed: they may lead round in a circle.
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => {
                all.push(unlisted(&path, &error));
                continue;
            }
        };
        if kind.is_dir() {
            if !path.join("journal.jsonl").exists() {
                walk(&path, all);
            }
        } else if is_yaml(&path) && (kind.is_file() || path.is_file()) {
            all.push(Candidate::Found(path));
        }
    }
}

/// `./x.yaml` as people write it: `x.yaml`.
fn tidy(path: &Path) -> PathBuf {
    path.strip_prefix(".")
        .map_or_else(|_| path.to_owned(), Path::to_owned)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
}

/// Keys that only playbooks have at the top, and not alone.
const KEYS: &[&str] = &[
    "steps", "cleanup", "library", "targets", "rollout", "inputs", "vars", "risk", "offline",
];

/// Keys that only scenarios have at the top.
const SCENARIO_KEYS: &[&str] = &["devices", "fleets", "factor", "faults", "background_load"];

/// Keys that scenarios have as well, and other files, too.
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

/// What a file is meant as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Playbook,
    Scenario,
}

/// What a file that was named is meant as: a playbook, unless it has a key that scenarios have and
/// playbooks do not. A slip of the hand does not hide one.
pub(crate) fn sort_of_named(text: &str) -> Sort {
    match !looks_like_a_playbook(text) && scenario_key(text).is_some() {
        true => Sort::Scenario,
        false => Sort::Playbook,
    }
}

/// What a file that was found in a folder is meant as, if it is one of ours.
pub(crate) fn sort_of_found(text: &str) -> Option<Sort> {
    if looks_like_a_playbook(text) {
        return Some(Sort::Playbook);
    }
    let own = outermost_keys(text).filter(|(_, key)| SCENARIO_KEYS.contains(key));
    let shared = outermost_keys(text).filter(|(_, key)| SHARED_KEYS.contains(key));
    let (own, shared) = (own.count(), shared.count());
    (own > 0 && own + shared >= 2).then_some(Sort::Scenario)
}

/// Whether a text found in a folder is meant as a playbook.
fn looks_like_a_playbook(text: &str) -> bool {
    let mut others = 0;
    for (_, key) in outermost_keys(text) {
        if nearest(key, ["playbook"]).is_some() {
            return true;
        }
        others += usize::from(KEYS.contains(&key));
        if others == 2 {
            return true;
        }
    }
    false
}

/// The finding that a text named as a playbook is an emulator's scenario, if that is so.
pub(crate) fn is_a_scenario(source: &SourceText) -> Option<Problem> {
    if sort_of_named(source.text()) != Sort::Scenario {
        return None;
    }
    let (start, key) = scenario_key(source.text())?;
    let span = Span::new(start as u32, (start + key.len()) as u32);
    let message = "this is a scenario for the emulator, not a playbook";
    let problem = Problem::new(&rules::NOT_A_PLAYBOOK, source, span, message);
    Some(problem.help("play it with `svar emulator --scenario`, or `svar run … --scenario`"))
}

/// The first key that only scenarios have, or is meant as one.
fn scenario_key(text: &str) -> Option<(usize, &str)> {
    outermost_keys(text).find(|(_, key)| {
        let is_shared = SHARED_KEYS.contains(key) && !KEYS.contains(key);
        let may_be_meant = !KEYS.contains(key) && nearest(key, KEYS.iter().copied()).is_none();
        is_shared || (may_be_meant && nearest(key, SCENARIO_KEYS.iter().copied()).is_some())
    })
}

/// The outermost keys, with their offsets: good enough to tell files apart, also those that are no YAML
/// yet. What begins with a brace is written as JSON is.
fn outermost_keys(text: &str) -> Box<dyn Iterator<Item = (usize, &str)> + '_> {
    match text.trim_start().starts_with('{') {
        true => Box::new(keys_in_braces(text)),
        false => Box::new(keys_at_the_margin(text)),
    }
}

/// What stands before a colon at the margin.
fn keys_at_the_margin(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = offset;
        offset += line.len();
        let (key, _) = line.split_once(':')?;
        // Comments and list items apart.
        let opens = key.starts_with(|c: char| c.is_alphanumeric() || c == '"' || c == '\'');
        opens.then(|| (start, key.trim_end().trim_matches(['"', '\''])))
    })
}

/// What stands before a colon within one brace and no more.
fn keys_in_braces(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut depth = 0_u32;
    let mut key_from = None;
    let mut letters = text.char_indices();
    std::iter::from_fn(move || {
        loop {
            let (at, letter) = letters.next()?;
            match letter {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                // Whatever stands in quotes opens nothing.
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

/// The text of a file, under the name it was given.
///
/// # Errors
/// It can't be read, is far too large, or is no UTF-8: as a finding about the file.
pub(crate) fn read(path: &Path) -> Result<SourceText, Box<Problem>> {
    let shown = path.display().to_string();
    // Opening a pipe waits for its writer, perhaps for ever; so it is looked at before.
    let looked_at = fs::metadata(path).map_err(|error| unread(&shown, &error))?;
    if !looked_at.is_file() && !looked_at.is_dir() && !is_handed_over(path) {
        return Err(about_path(
            path,
            format!("`{shown}` is a pipe or a device, not a file"),
            "name a file, or `-` for standard input",
        ));
    }
    match fs::File::open(path) {
        Ok(file) => text(&shown, file),
        Err(error) => Err(unread(&shown, &error)),
    }
}

/// Whether a path names what the shell has opened for us: standard input, or the pipe of a `<(…)`.
fn is_handed_over(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// The text of standard input.
///
/// # Errors
/// As for a file.
pub(crate) fn read_stdin() -> Result<SourceText, Box<Problem>> {
    text(STDIN, io::stdin().lock())
}

fn text(shown: &str, reader: impl Read) -> Result<SourceText, Box<Problem>> {
    let mut bytes = Vec::new();
    if let Err(error) = reader.take(BYTES_MAX + 1).read_to_end(&mut bytes) {
        return Err(unread(shown, &error));
    }
    if bytes.len() as u64 > BYTES_MAX {
        let limit = BYTES_MAX / 1024 / 1024;
        return Err(unreadable(
            shown,
            format!("{shown}: the file is larger than {limit} MiB"),
            "a playbook is a short text: check which file was meant",
        ));
    }
    yaml::decode(shown, bytes)
}

fn unread(shown: &str, error: &io::Error) -> Box<Problem> {
    let (message, help) = match error.kind() {
        io::ErrorKind::NotFound => ("the file does not exist".to_owned(), "check the path"),
        io::ErrorKind::PermissionDenied => (
            "the file may not be read".to_owned(),
            "check its permissions",
        ),
        io::ErrorKind::IsADirectory => (
            "this is a folder".to_owned(),
            "name the file in it that is meant",
        ),
        _ => (
            format!("the file can't be read: {error}"),
            "check the path and the disk",
        ),
    };
    unreadable(shown, format!("{shown}: {message}"), help)
}

fn unreadable(file: &str, message: String, help: &str) -> Box<Problem> {
    Box::new(Problem::without_place(&rules::UNREADABLE_FILE, file, message).help(help))
}

/// A path on the command line that leads nowhere.
fn unlisted(path: &Path, error: &io::Error) -> Candidate {
    let shown = path.display();
    let problem = match error.kind() {
        io::ErrorKind::NotFound => about_path(
            path,
            format!("`{shown}` does not exist"),
            "check the path; it is taken from the folder you are in",
        ),
        io::ErrorKind::PermissionDenied => about_path(
            path,
            format!("`{shown}` may not be read"),
            "check its permissions",
        ),
        _ => about_path(
            path,
            format!("`{shown}` can't be read: {error}"),
            "check the path and the disk",
        ),
    };
    Candidate::Nothing(problem)
}

fn about_path(path: &Path, message: String, help: &str) -> Box<Problem> {
    unreadable(&path.display().to_string(), message, help)
}
