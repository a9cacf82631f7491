//! Who may use whom: the table in `lib.rs` against the paths that the rooms really write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that may use less than their floor allows.
const STRICTER: &[(&str, &[&str])] = &[("emulator", &["wire", "name", "moment"])];

/// Outside crates that live in one place, so that they can be replaced there.
const HOMES: &[(&str, &[&str])] = &[
    ("miette", &["diagnostic/render"]),
    ("granit_parser", &["yaml/"]),
    ("jsonschema", &["playbook/check"]),
    ("minijinja", &["expression/"]),
    ("reqwest", &["driver/client"]),
    ("axum", &["emulator/"]),
    ("multer", &["emulator/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("console", &["report/screen"]),
    ("indicatif", &["report/screen"]),
    ("toml", &["cli/settings"]),
    ("tracing_subscriber", &["cli/log"]),
    ("getrandom", &["driver/", "emulator/", "cli/"]),
    ("tokio", &["driver/", "emulator/", "cli/"]),
    ("flate2", &["driver/", "emulator/"]),
];

#[test]
fn rooms_use_lower_floors_only() {
    let floors = floors();
    let mut wrong = Vec::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        let floor = *floors
            .get(room)
            .unwrap_or_else(|| panic!("room `{room}` is missing from the table in lib.rs"));
        for (line, used) in file.crate_paths() {
            let allowed = used == room
                || match STRICTER.iter().find(|(name, _)| *name == room) {
                    Some((_, rooms)) => rooms.contains(&used.as_str()),
                    None => floors.get(&used).is_some_and(|other| *other < floor),
                };
            if !allowed {
                wrong.push(format!("{}:{line}: {room} uses {used}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_stands_in_the_table() {
    let floors = floors();
    let lib = read("src/lib.rs");
    let mods: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(mods, floors.keys().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn outside_crates_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (number, line) in file.code() {
            for (name, homes) in HOMES {
                let path = format!("{name}::");
                let names_it = line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if names_it && !homes.iter().any(|home| file.path.starts_with(home)) {
                    wrong.push(format!("{}:{number}: {name}", file.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "away from home:\n{}", wrong.join("\n"));
}

#[test]
fn no_room_is_left_by_super() {
    let mut wrong = Vec::new();
    for file in sources() {
        let depth = file.path.matches('/').count() - usize::from(file.path.ends_with("/mod.rs"));
        for (number, line) in file.code() {
            if line.contains(&"super::".repeat(depth + 1)) {
                wrong.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "out of the room:\n{}", wrong.join("\n"));
}

/// The floors of the rooms, read from the table in the documentation of `lib.rs`.
fn floors() -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::new();
    for line in read("src/lib.rs").lines() {
        let Some(row) = line.strip_prefix("//! | ") else {
            continue;
        };
        let mut cells = row.split(" | ");
        let Some(floor) = cells.next().and_then(|cell| cell.parse().ok()) else {
            continue;
        };
        for room in cells.next().expect("a row has rooms").split(", ") {
            floors.insert(room.trim_matches(['[', ']', '`']).to_owned(), floor);
        }
    }
    assert!(!floors.is_empty(), "lib.rs holds the table of floors");
    floors
}

/// A source file; its path is relative to `src`.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The room: the first folder, or the name of a file at the top. The map and the start have none.
    fn room(&self) -> Option<&str> {
        let first = self.path.split('/').next()?;
        let room = first.strip_suffix(".rs").unwrap_or(first);
        (room != "lib" && room != "main").then_some(room)
    }

    /// Lines that are code of the room: neither comment nor unit test.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line))
    }

    /// The rooms named by `crate::…`, with their lines.
    fn crate_paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, line) in self.code() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let grouped = rest.starts_with('{');
                assert!(!grouped, "{}:{number}: one `use` for each room", self.path);
                if line[..at].ends_with('$') {
                    continue;
                }
                let end = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                found.push((number, rest[..end].to_owned()));
            }
        }
        found
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be listed") {
            let path: PathBuf = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).expect("below src");
                files.push(Source {
                    path: relative.to_string_lossy().replace('\\', "/"),
                    text: fs::read_to_string(&path).expect("a source file is text"),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}
