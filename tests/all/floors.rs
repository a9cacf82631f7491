//! Who may use whom: the crates by their dependencies, and inside a crate the table in its `lib.rs`
//! against the paths that its modules really write.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates with a table of floors in their `lib.rs`.
const LAYERED: &[&str] = &["src", "crates/language/src"];

/// What must not be anywhere below a crate: nothing that waits, sends, listens or serves.
const PURE: &[&str] = &[
    "tokio", "reqwest", "hyper", "axum", "mio", "socket2", "rustls",
];

/// The crates that must stay pure, and the crates of ours that each may use.
const BORDERS: &[(&str, bool, &[&str])] = &[
    ("svar-wire", true, &[]),
    ("svar-language", true, &["svar-wire"]),
    ("svar-plan", true, &["svar-language", "svar-wire"]),
    (
        "svar-engine",
        true,
        &["svar-language", "svar-plan", "svar-wire"],
    ),
    ("svar-emulator", false, &["svar-wire"]),
];

/// Outside crates that live in one place, so that they can be replaced there.
const HOMES: &[(&str, &[&str])] = &[
    ("miette", &["crates/language/src/diagnostic/render"]),
    ("granit_parser", &["crates/language/src/yaml/"]),
    ("jsonschema", &["crates/language/src/playbook/check"]),
    ("minijinja", &["crates/language/src/expression/"]),
    ("reqwest", &["src/driver/client"]),
    ("axum", &["crates/emulator/"]),
    ("multer", &["crates/emulator/"]),
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/"]),
    ("console", &["src/report/screen"]),
    ("indicatif", &["src/report/screen"]),
    ("toml", &["src/cli/settings"]),
    ("tracing_subscriber", &["src/cli/output/log"]),
    (
        "getrandom",
        &["src/driver/", "crates/emulator/", "src/cli/"],
    ),
    ("tokio", &["src/driver/", "crates/emulator/", "src/cli/"]),
    ("flate2", &["src/driver/", "crates/emulator/"]),
];

#[test]
fn crates_use_only_what_stands_below_them() {
    for (name, pure, ours) in BORDERS {
        let tree = Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["tree", "--offline", "--locked", "--edges", "normal,build"])
            .args(["--prefix", "none", "--format", "{p}", "--package", name])
            .output()
            .expect("cargo can be started");
        let said = String::from_utf8_lossy(&tree.stderr);
        assert!(tree.status.success(), "{said}");
        let tree = String::from_utf8(tree.stdout).expect("cargo writes text");
        let used: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|used| used != name)
            .collect();
        assert!(used.contains("serde"), "not a tree of crates: {tree}");
        for used in used {
            let own = used.starts_with("svar-");
            assert!(!own || ours.contains(&used), "{name} uses {used}");
            assert!(!pure || !PURE.contains(&used), "{name} uses {used}");
        }
    }
}

#[test]
fn modules_use_lower_floors_only() {
    let mut wrong = Vec::new();
    for root in LAYERED {
        let floors = floors(root);
        for file in sources(root) {
            let Some(module) = file.module() else {
                continue;
            };
            let floor = *floors.get(module).unwrap_or_else(|| {
                panic!("module `{module}` is missing from the table in {root}/lib.rs")
            });
            for (line, used) in file.crate_paths() {
                let lower = floors.get(&used).is_some_and(|other| *other < floor);
                if used != module && !lower {
                    wrong.push(format!("{}:{line}: {module} uses {used}", file.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the table:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_stands_in_the_table() {
    for root in LAYERED {
        let lib = read(&format!("{root}/lib.rs"));
        let mods: Vec<&str> = lib
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
            .collect();
        let floors = floors(root);
        assert_eq!(mods, floors.keys().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn outside_crates_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for file in all_sources() {
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
fn no_module_is_left_by_super() {
    let mut wrong = Vec::new();
    for file in LAYERED.iter().flat_map(|root| sources(root)) {
        let below = file.below();
        let depth = below.matches('/').count() - usize::from(below.ends_with("/mod.rs"));
        for (number, line) in file.code() {
            if line.contains(&"super::".repeat(depth + 1)) {
                wrong.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "out of the module:\n{}", wrong.join("\n"));
}

/// The floors of the modules, read from the table in the documentation of a `lib.rs`.
fn floors(root: &str) -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::new();
    for line in read(&format!("{root}/lib.rs")).lines() {
        let Some(row) = line.strip_prefix("//! | ") else {
            continue;
        };
        let mut cells = row.split(" | ");
        let Some(floor) = cells.next().and_then(|cell| cell.parse().ok()) else {
            continue;
        };
        for module in cells.next().expect("a row has modules").split(", ") {
            floors.insert(module.trim_matches(['[', ']', '`']).to_owned(), floor);
        }
    }
    assert!(
        !floors.is_empty(),
        "{root}/lib.rs holds the table of floors"
    );
    floors
}

/// A source file; its path is relative to the repository.
struct Source {
    root: String,
    path: String,
    text: String,
}

impl Source {
    /// The path inside its crate.
    fn below(&self) -> &str {
        &self.path[self.root.len() + 1..]
    }

    /// The module: the first folder, or the name of a file at the top. `lib` and `main` have none.
    fn module(&self) -> Option<&str> {
        let first = self.below().split('/').next()?;
        let module = first.strip_suffix(".rs").unwrap_or(first);
        (module != "lib" && module != "main").then_some(module)
    }

    /// Lines that are code of the module: neither comment nor unit test.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line))
    }

    /// The modules named by `crate::…`, with their lines.
    fn crate_paths(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for (number, line) in self.code() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let grouped = rest.starts_with('{');
                assert!(
                    !grouped,
                    "{}:{number}: one `use` for each module",
                    self.path
                );
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

fn all_sources() -> impl Iterator<Item = Source> {
    let mut roots = vec!["src".to_owned()];
    for entry in fs::read_dir(at("crates")).expect("crates can be listed") {
        let name = entry.expect("crates can be listed").file_name();
        roots.push(format!("crates/{}/src", name.to_string_lossy()));
    }
    roots.into_iter().flat_map(|root| sources(&root))
}

/// The source files of a crate, in the order of their paths.
fn sources(root: &str) -> Vec<Source> {
    let mut files = Vec::new();
    let mut folders = vec![at(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("sources can be listed") {
            let path: PathBuf = entry.expect("sources can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(at("")).expect("below the repository");
                files.push(Source {
                    root: root.to_owned(),
                    path: relative.to_string_lossy().replace('\\', "/"),
                    text: fs::read_to_string(&path).expect("a source file is text"),
                });
            }
        }
    }
    assert!(!files.is_empty(), "{root} holds source files");
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(at(path)).expect(path)
}

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
