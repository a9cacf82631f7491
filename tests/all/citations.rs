//! Comments cite `docs/live-response-api.md` as `API notes 3.4`: every section they name exists.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const NOTES: &str = "docs/live-response-api.md";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The numbers of the headings, such as `3` and `3.4`, in their order.
fn sections() -> Vec<String> {
    let heading = Regex::new(r"(?m)^#{2,3} (\d+(?:\.\d+)?)[. ]").unwrap();
    heading
        .captures_iter(&read(NOTES))
        .map(|found| found[1].to_owned())
        .collect()
}

/// The numbers of the items in the list of section 12.
fn quirks() -> Vec<String> {
    let notes = read(NOTES);
    let (_, rest) = notes.split_once("\n## 12. ").unwrap();
    let (list, _) = rest.split_once("\n## ").unwrap();
    let item = Regex::new(r"(?m)^(\d+)\. ").unwrap();
    item.captures_iter(list)
        .map(|found| found[1].to_owned())
        .collect()
}

/// All source files. Line ends between lines of a comment become blanks, since a citation may be
/// broken over two of them.
fn sources() -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for folder in ["src", "crates", "tests", "benches"] {
        collect(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut sources,
        );
    }
    let broken = Regex::new(r"\n\s*//[/!]? ?").unwrap();
    for (_, text) in &mut sources {
        *text = broken.replace_all(text, " ").into_owned();
    }
    sources
}

fn collect(folder: &Path, sources: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            sources.push((path, text));
        }
    }
}

#[test]
fn every_cited_section_of_the_api_notes_exists() {
    let (sections, quirks) = (sections(), quirks());
    let citation =
        Regex::new(r"API notes \d+(?:\.\d+)?(?:(?:, | and | to |, quirk )\d+(?:\.\d+)?)*").unwrap();
    let part = Regex::new(r"(quirk )?(\d+(?:\.\d+)?)").unwrap();
    let mut found = 0;
    let mut missing = Vec::new();
    for (path, text) in sources() {
        for cited in citation.find_iter(&text) {
            for part in part.captures_iter(cited.as_str()) {
                found += 1;
                let is_quirk = part.get(1).is_some();
                let known = if is_quirk { &quirks } else { &sections };
                if !known.contains(&part[2].to_owned()) {
                    missing.push(format!("{}: {}", path.display(), cited.as_str()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not in {NOTES}: {missing:#?}");
    assert!(found > 150, "only {found} citations were found");
}

#[test]
fn every_section_in_the_tables_of_what_the_emulator_plays_exists() {
    let sections = sections();
    let mut found = 0;
    for table in read("docs/conformance.md").split("\n| section |").skip(1) {
        let rows = table.split("\n\n").next().unwrap().lines().skip(2);
        for row in rows {
            let cell = row.split('|').nth(1).unwrap().trim().to_owned();
            assert!(sections.contains(&cell), "not in {NOTES}: {row}");
            found += 1;
        }
    }
    assert!(found > 100, "only {found} rows were found");
}
