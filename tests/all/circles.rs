//! No circle between the files of a folder: if one file names another, it is not named by it in turn,
//! nor over any number of others. Re-exports are followed to the file that defines the item. Nor is there
//! a circle between the rooms of a folder: its folders, and the files beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Folders without circles.
const FOLDERS: &[&str] = &[
    "crates/language/src",
    "crates/plan/src",
    "crates/emulator/src/check",
    "crates/emulator/src/device",
    "crates/emulator/src/http",
    "crates/emulator/src/odata",
    "src/cli",
    "src/driver",
    "src/report",
];

/// Folders whose rooms form no circle.
const ROOMED: &[&str] = &[
    "crates/emulator/src",
    "crates/language/src",
    "crates/plan/src",
    "src/cli",
    "src/driver",
    "src/report",
];

#[test]
fn the_rooms_of_a_folder_form_no_circle() {
    for folder in ROOMED {
        let graph = Graph::read(folder).rooms(module_of_folder(folder).len());
        let edges: usize = graph.uses.values().map(BTreeSet::len).sum();
        assert!(edges > graph.uses.len(), "{folder}: hardly a path is read");
        assert_eq!(graph.circle(), None, "{folder}");
    }
}

#[test]
fn a_circle_of_rooms_is_found_where_no_files_form_one() {
    let module = |path: &str| module_of(path);
    let graph = Graph {
        uses: [
            ("driver/run/drive", vec!["driver/store/journal", "driver"]),
            ("driver/store/journal", vec!["driver/clock"]),
            ("driver/store/folder", vec!["driver/run/setup"]),
            ("driver/run/setup", vec![]),
            ("driver/clock", vec![]),
            ("driver", vec!["driver/run/drive"]),
        ]
        .into_iter()
        .map(|(file, used)| (module(file), used.into_iter().map(module).collect()))
        .collect(),
    };
    let rooms = graph.rooms(1);
    assert_eq!(rooms.uses.len(), 3);
    assert_eq!(rooms.circle(), Some(vec!["run".into(), "store".into()]));
}

#[test]
fn the_files_of_a_folder_form_no_circle() {
    for folder in FOLDERS {
        let graph = Graph::read(folder);
        let edges: usize = graph.uses.values().map(BTreeSet::len).sum();
        assert!(edges > graph.uses.len(), "{folder}: hardly a path is read");
        assert_eq!(graph.circle(), None, "{folder}");
    }
}

#[test]
fn paths_are_read_out_of_use_trees() {
    let code = "use super::{a::{B, c::D as E}, f};\npub(crate) use g::*;\nlet x = super::h::i();";
    let paths: Vec<String> = paths(code)
        .into_iter()
        .map(|path| path.join("::"))
        .collect();
    assert_eq!(
        paths,
        [
            "super::a::B",
            "super::a::c::D",
            "super::f",
            "g::*",
            "super::h::i"
        ]
    );
}

/// Which files of a folder name which others. A file is known by the path of its module.
struct Graph {
    uses: BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
}

impl Graph {
    fn read(folder: &str) -> Graph {
        let mut files = BTreeMap::new();
        collect(folder, &module_of_folder(folder), &mut files);
        let mut uses = BTreeMap::new();
        for (module, code) in &files {
            let named = paths(code)
                .into_iter()
                .filter_map(|path| resolve(&files, module, &path))
                .filter(|used| used != module)
                .collect();
            uses.insert(module.clone(), named);
        }
        Graph { uses }
    }

    /// Returns which rooms use which others. The module path of the folder itself is so long; what the
    /// folder's own `mod.rs` or `lib.rs` uses makes no circle.
    fn rooms(&self, root: usize) -> Graph {
        let mut rooms: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        let room = |module: &Vec<String>| module.get(root).map(|room| vec![room.clone()]);
        for (module, used) in &self.uses {
            if let Some(name) = room(module) {
                let used = used.iter().filter_map(room).filter(|used| *used != name);
                rooms.entry(name.clone()).or_default().extend(used);
            }
        }
        Graph { uses: rooms }
    }

    /// Returns the files of one circle, if there is any.
    fn circle(&self) -> Option<Vec<String>> {
        let mut left: BTreeMap<_, _> = self.uses.clone();
        // Files that use none of those left are in no circle; nor is what only they keep in one.
        loop {
            let free: Vec<_> = left
                .iter()
                .filter(|(_, used)| used.iter().all(|used| !left.contains_key(used)))
                .map(|(module, _)| module.clone())
                .collect();
            if free.is_empty() {
                break;
            }
            for module in free {
                left.remove(&module);
            }
        }
        let mut walked: Vec<&Vec<String>> = vec![left.keys().next()?];
        loop {
            let last = walked[walked.len() - 1];
            let next = left[last].iter().find(|used| left.contains_key(*used))?;
            if let Some(start) = walked.iter().position(|module| *module == next) {
                let circle = walked[start..].iter().map(|module| module.join("::"));
                return Some(circle.collect());
            }
            walked.push(next);
        }
    }
}

/// Returns the module path of a folder of sources: that of `src/driver` is `driver`, that of a crate's
/// `src` is empty.
fn module_of_folder(folder: &str) -> Vec<String> {
    let below = folder.split('/').skip_while(|part| *part != "src").skip(1);
    below.map(str::to_owned).collect()
}

fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// Collects the code of every file below a folder by its module.
fn collect(folder: &str, module: &[String], files: &mut BTreeMap<Vec<String>, String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    for entry in fs::read_dir(path).expect("sources can be listed") {
        let entry = entry.expect("sources can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = format!("{folder}/{name}");
        if entry.path().is_dir() {
            let inner: Vec<String> = module.iter().cloned().chain([name]).collect();
            collect(&below, &inner, files);
        } else if let Some(stem) = name.strip_suffix(".rs") {
            let text = fs::read_to_string(entry.path()).expect("a source file is text");
            let code = text.split("\n#[cfg(test)]").next().unwrap_or_default();
            let code: Vec<&str> = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let inner = module
                .iter()
                .cloned()
                .chain((stem != "mod" && stem != "lib").then(|| stem.to_owned()));
            files.insert(inner.collect(), code.join("\n"));
        }
    }
}

/// Reads the paths of `use` items, and those in code that begin with `super` or `crate`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(|letter: char| letter.is_alphabetic() || letter == '_') {
        let word_end = rest[at..]
            .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .map_or(rest.len(), |end| at + end);
        let word = &rest[at..word_end];
        let (tree, after) = if word == "use" {
            let end = rest[word_end..]
                .find(';')
                .map_or(rest.len(), |end| word_end + end);
            (&rest[word_end..end], end)
        } else if matches!(word, "super" | "crate") && rest[word_end..].starts_with("::") {
            let end = rest[at..]
                .find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != ':')
                .map_or(rest.len(), |end| at + end);
            (&rest[at..end], end)
        } else {
            ("", word_end)
        };
        if !tree.is_empty() {
            expand(&[], tree.trim(), &mut found);
        }
        rest = &rest[after..];
    }
    found
}

/// Expands a `use` tree into its paths.
fn expand(prefix: &[String], tree: &str, found: &mut Vec<Vec<String>>) {
    let with = |path: &str| -> Vec<String> {
        let path = path.trim().trim_end_matches("::");
        let segments = path.split("::").map(|one| one.trim().to_owned());
        prefix
            .iter()
            .cloned()
            .chain(segments.filter(|one| !one.is_empty()))
            .collect()
    };
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        found.push(with(path));
        return;
    };
    let prefix = with(head);
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    expand(&prefix, group[start..at].trim(), found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Returns the module whose file defines what the path names, as far as it is one of `files`.
fn resolve(
    files: &BTreeMap<Vec<String>, String>,
    module: &[String],
    path: &[String],
) -> Option<Vec<String>> {
    let mut place = module.to_vec();
    let mut segments = path.iter().peekable();
    match segments.peek().map(|first| first.as_str()) {
        Some("crate") => {
            segments.next();
            place.clear();
        }
        Some("super") => {
            while segments.next_if(|segment| *segment == "super").is_some() {
                place.pop();
            }
        }
        // Anything else is a child of this module, or another crate.
        _ => {}
    }
    let mut item = None;
    for segment in segments {
        let mut inner = place.clone();
        inner.push(segment.clone());
        let is_outside = files
            .keys()
            .next()
            .is_some_and(|root| root.starts_with(&inner));
        if files.contains_key(&inner) || is_outside {
            place = inner;
        } else {
            item = Some(segment);
            break;
        }
    }
    let code = files.get(&place)?;
    // What a folder's `mod.rs` hands on stands in one of its files.
    let handed_on = paths(code).into_iter().find(|path| {
        path.len() > 1 && path.last() == item && path[0] != "super" && path[0] != "crate"
    });
    match handed_on {
        Some(path) if place != module => resolve(files, &place, &path),
        _ => (place != module).then_some(place),
    }
}
