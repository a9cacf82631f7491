//! The first minutes: `svar init`, the schema, and what they lead to.

use std::fs;

use super::builder::Svar;

#[test]
fn init_writes_a_playbook_that_check_likes() {
    let ended = Svar::new("init first/playbook.yaml")
        .run()
        .code(0)
        .stdout("")
        .stderr(
            "created first/playbook.yaml, its script (first/who.sh) and the schema for your \
         editor (first/playbook.schema.json)\n  next: svar run first/playbook.yaml\n",
        );
    let text = fs::read_to_string(ended.folder.path().join("first/playbook.yaml")).expect("a file");
    let first = text.lines().next().expect("a line");
    assert_eq!(
        first,
        "# yaml-language-server: $schema=playbook.schema.json"
    );
    let schema = fs::read_to_string(ended.folder.path().join("first/playbook.schema.json"));
    assert_eq!(
        schema.expect("a file"),
        svar_language::playbook::committed_schema()
    );
    Svar::new("check --deny warnings")
        .arg(ended.folder.path().join("first").to_string_lossy())
        .run()
        .code(0)
        .stderr("1 playbook: no findings\n");
}

#[test]
fn init_overwrites_nothing() {
    for there in ["playbook.yaml", "who.sh", "playbook.schema.json"] {
        let ended = Svar::new("init")
            .file(there, "mine")
            .run()
            .code(2)
            .stdout("");
        assert_eq!(
            ended.stderr,
            format!(
                "error: `{there}` already exists\n  help: nothing is overwritten; use another name, for \
                 example `svar init other-folder/playbook.yaml`\n"
            )
        );
        let files: Vec<_> = fs::read_dir(ended.folder.path())
            .expect("a folder")
            .collect();
        assert_eq!(files.len(), 1, "nothing is half-written");
    }
}

#[test]
fn the_schema_is_the_committed_one() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/playbook.json");
    let committed = fs::read_to_string(committed).expect("the schema");
    let ended = Svar::new("schema").run().code(0).stderr("");
    assert!(
        ended.stdout == committed,
        "svar schema differs from schema/playbook.json"
    );
    let ended = Svar::new("schema --output out.json")
        .run()
        .code(0)
        .stdout("")
        .stderr("");
    let written = fs::read_to_string(ended.folder.path().join("out.json")).expect("a file");
    assert!(written == committed);
}
