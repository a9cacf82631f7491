//! Run folders: whole or not there, found again by their names.

use std::fs;
use std::path::Path;

use serde_json::json;

use svar::driver::{
    ControlRequest, FOLDER_FORMAT, FolderError, InitialFiles, LibraryItem, RunFolder, RunHeader,
    Runs, ServiceKind, ServiceRecord,
};
use svar_plan::{LimitsProfile, Target};
use svar_wire::Moment;
use svar_wire::{DeviceId, LibraryName, RunId};

fn header(run: &str) -> RunHeader {
    RunHeader {
        format: FOLDER_FORMAT,
        svar_version: "0.1.0".to_owned(),
        run: RunId::parse(run).expect("an id"),
        started: Moment::parse("2026-02-03T09:00:00.250Z").expect("a moment"),
        playbook: "Triage".to_owned(),
        playbook_file: "triage.yaml".to_owned(),
        plan_digest: "sha256:00".to_owned(),
        devices: 1,
        limits: LimitsProfile::Safe,
        operator: "kim".to_owned(),
        case: String::new(),
        service: ServiceRecord {
            kind: ServiceKind::BuiltInEmulator,
            api: "http://127.0.0.1:1".to_owned(),
            authority: "http://127.0.0.1:1".to_owned(),
            scope: "scope".to_owned(),
            tenant_id: "tenant".to_owned(),
            client_id: "client".to_owned(),
        },
    }
}

fn target() -> Target {
    Target {
        id: DeviceId::parse(&"a".repeat(40)).expect("an id"),
        name: Some("web-01.example.org".to_owned()),
        os: None,
        tags: vec!["X".to_owned()],
        group: None,
        reason: "tag X".to_owned(),
    }
}

fn create(root: &Path, run: &str) -> Result<RunFolder, FolderError> {
    create_with(root, header(run))
}

fn create_with(root: &Path, header: RunHeader) -> Result<RunFolder, FolderError> {
    let name = LibraryName::parse("a-b.sh").expect("a name");
    let beginning = InitialFiles {
        playbook: b"playbook: 1\n",
        inputs: &json!({"days": 7}),
        targets: &[target()],
        plan: &json!({"version": 1}),
        library: &[LibraryItem::new(name, b"echo".to_vec())],
    };
    RunFolder::create(root, header, &beginning).map(|(folder, _)| folder)
}

#[test]
fn what_a_run_began_with_is_found_again() {
    let root = tempfile::tempdir().expect("a folder");
    let made = create(&root.path().join("svar-runs"), "run-1").expect("made");
    let found = RunFolder::open(made.path()).expect("found");
    assert_eq!(found.header(), &header("run-1"));
    assert_eq!(found.playbook().expect("bytes"), b"playbook: 1\n");
    assert_eq!(found.inputs().expect("text"), "{\n  \"days\": 7\n}\n");
    assert_eq!(found.targets().expect("targets"), [target()]);
    let library = found.library().expect("library");
    assert_eq!(library[0].name.as_str(), "a-b.sh");
    assert_eq!(library[0].bytes, b"echo");
    assert!(!found.is_finished());
    found.finish(&json!({"ok": 1}), "ok\n").expect("finished");
    assert!(found.is_finished());
    let left: Vec<String> = fs::read_dir(found.path())
        .expect("entries")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .filter(|name| name.starts_with(".new-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_changed_library_file_is_noticed() {
    let root = tempfile::tempdir().expect("a folder");
    let made = create(root.path(), "run-1").expect("made");
    let library = made.path().join("library");
    let file = fs::read_dir(library).expect("entries").next().expect("one");
    fs::write(file.expect("an entry").path(), "rm -rf").expect("written");
    let error = made.library().expect_err("changed");
    assert!(
        error
            .to_string()
            .ends_with("its content does not have the hash in its name")
    );
}

#[test]
fn a_run_that_can_go_on_comes_before_a_newer_one_whose_emulator_is_gone() {
    let root = tempfile::tempdir().expect("a folder");
    let mut tenant = header("20260101-aa");
    tenant.service.kind = ServiceKind::Tenant;
    create_with(root.path(), tenant).expect("made");
    create(root.path(), "20260102-bb").expect("made");
    let newest = Runs::in_folder(root.path())
        .newest_unfinished()
        .expect("runs");
    let newest = newest.expect("one of the two");
    assert_eq!(newest.header().run.as_str(), "20260101-aa");
}

#[test]
fn a_rehearsal_that_is_active_comes_before_an_older_run() {
    let root = tempfile::tempdir().expect("a folder");
    let mut tenant = header("20260101-aa");
    tenant.service.kind = ServiceKind::Tenant;
    create_with(root.path(), tenant).expect("made");
    let rehearsal = create(root.path(), "20260102-bb").expect("made");
    let lock = fs::File::create(rehearsal.path().join("lock")).expect("made");
    lock.lock().expect("locked");
    let newest = Runs::in_folder(root.path()).newest_unfinished();
    let newest = newest.expect("runs").expect("one of the two");
    assert_eq!(newest.header().run.as_str(), "20260102-bb");
}

#[test]
fn a_damaged_run_is_found_and_its_damage_is_reported() {
    let root = tempfile::tempdir().expect("a folder");
    let damaged = create(root.path(), "20260101-aa").expect("made");
    fs::write(damaged.path().join("run.json"), "{").expect("written");
    let runs = Runs::in_folder(root.path());
    let error = runs.find("20260101").expect_err("damaged").to_string();
    assert!(error.contains("run.json is invalid: "), "{error}");
}

#[test]
fn a_request_that_cannot_be_read_is_an_error_for_its_sender_and_ignored_by_the_run() {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("request.json"), "{").expect("written");
    ControlRequest::load(root.path()).expect_err("invalid");
    assert_eq!(ControlRequest::load_readable(root.path()), None);
}

#[test]
fn runs_are_listed_newest_first_and_found_by_the_beginning_of_their_names() {
    let root = tempfile::tempdir().expect("a folder");
    let runs = Runs::in_folder(root.path());
    assert!(runs.list().expect("none").is_empty());
    for run in ["20260101-aa", "20260102-bb", "20260102-cc"] {
        create(root.path(), run).expect("made");
    }
    fs::create_dir(root.path().join("no-run")).expect("made");
    let names: Vec<String> = runs
        .list()
        .expect("runs")
        .iter()
        .map(|run| run.header().run.to_string())
        .collect();
    assert_eq!(names, ["20260102-cc", "20260102-bb", "20260101-aa"]);
    let newest = |runs: &Runs| {
        let run = runs.newest_unfinished().expect("runs");
        run.map(|run| run.header().run.to_string())
    };
    assert_eq!(newest(&runs).as_deref(), Some("20260102-cc"));
    let cc = runs.find("20260102-cc").expect("found");
    cc.finish(&json!({}), "").expect("finished");
    assert_eq!(newest(&runs).as_deref(), Some("20260102-bb"));

    assert_eq!(
        runs.find("20260101").expect("found").header().run.as_str(),
        "20260101-aa"
    );
    let path = root.path().join("20260102-bb");
    runs.find(path.to_str().expect("text"))
        .expect("found by its path");
    let words = |text: &str| runs.find(text).expect_err("not found").to_string();
    assert!(words("20260102").starts_with("`20260102` matches 2 runs in "));
    assert!(words("x").starts_with("no run `x` in "));
    assert!(words("../x").starts_with("no run `../x` in "));
}

#[test]
fn a_run_is_made_once_and_a_newer_one_is_refused() {
    let root = tempfile::tempdir().expect("a folder");
    let made = create(root.path(), "run-1").expect("made");
    assert!(create(root.path(), "run-1").is_err());
    let path = made.path().join("run.json");
    let text = fs::read_to_string(&path).expect("text");
    assert!(
        text.contains("\"started\": \"2026-02-03T09:00:00.250Z\""),
        "{text}"
    );
    assert!(text.contains("\"kind\": \"built-in-emulator\""), "{text}");
    fs::write(&path, text.replace("\"format\": 1", "\"format\": 2")).expect("written");
    let error = RunFolder::open(made.path()).expect_err("newer");
    assert!(error.to_string().contains("has format 2"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_run_folder_is_for_its_operator_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().expect("a folder");
    let made = create(root.path(), "run-1").expect("made");
    let mode = fs::metadata(made.path())
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
