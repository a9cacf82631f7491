//! The journal: what a reader may rely on.

use std::fs;
use std::path::Path;

use svar::driver::{JOURNAL_FILE, Journal, JournalError, JournalHeader, read_journal};
use svar_engine::{
    Attempt, CommandIndex, DeviceIndex, Endpoint, Fact, FactBody, Interrupt, Refusal, RequestIndex,
    SentCommand, SessionIndex, StepIndex,
};
use svar_plan::{Verb, Verdict};
use svar_wire::Moment;
use svar_wire::{ActionId, RunId, Tag};

fn opening() -> JournalHeader {
    let run = RunId::parse("20260203-090000-abcd").expect("an id");
    JournalHeader::new(run, "sha256:00", Moment::from_millis(1_770_109_200_000))
}

fn facts() -> Vec<Fact> {
    let bodies = [
        FactBody::StartAnnounced {
            session: SessionIndex(0),
            attempt: Attempt(0),
            tag: Tag::parse("0123456789abcdef0123").expect("a tag"),
            commands: vec![SentCommand {
                step: StepIndex(4),
                command: CommandIndex(0),
                retry: 1,
                verb: Verb::Get,
                file: Some("/var/log/å".into()),
            }],
        },
        FactBody::StartRefused {
            session: SessionIndex(0),
            attempt: Attempt(0),
            refusal: Refusal {
                status: 429,
                code: "TooManyRequests".into(),
                message: "slow \"down\"\n".into(),
                target: None,
                retry_after_ms: Some(1_500),
            },
        },
        FactBody::ResultFetched {
            action: ActionId::parse("a-1").expect("an id"),
            index: RequestIndex(2),
            result: svar_engine::ResultSummary::Script {
                exit: Some(-1),
                path: "results/å/x.json".into(),
                sha256_wire: "00".into(),
            },
            verdict: Verdict::NotMet {
                why: "exit is -1".into(),
            },
        },
        FactBody::RateLimited {
            endpoint: Endpoint::Links,
            until: Moment::from_millis(7),
        },
        FactBody::Interrupted {
            how: Interrupt::Pause,
        },
    ];
    let facts = (1..).zip(bodies).map(|(number, body)| Fact {
        at: Moment::from_millis(1_770_109_200_000 + number),
        device: (number < 4).then_some(DeviceIndex(3)),
        body,
    });
    facts.collect()
}

/// A journal with two groups: the first three facts, then the others.
fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(folder.path(), &opening()).expect("a journal");
    let facts = facts();
    for group in [&facts[..3], &facts[3..]] {
        for fact in group {
            journal.append(fact).expect("collected");
        }
        journal.commit().expect("durable");
    }
    folder
}

fn bytes_of(folder: &Path) -> Vec<u8> {
    fs::read(folder.join(JOURNAL_FILE)).expect("the file")
}

#[test]
fn what_was_written_is_read_back_and_a_group_costs_one_sync() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(folder.path(), &opening()).expect("a journal");
    let before = journal.counters();
    for fact in facts() {
        journal.append(&fact).expect("collected");
    }
    assert_eq!(
        journal.counters(),
        before,
        "nothing is written before the commit"
    );
    journal.commit().expect("durable");
    journal.commit().expect("nothing to do");
    let after = journal.counters();
    assert_eq!(after.records - before.records, 5);
    assert_eq!(after.syncs - before.syncs, 1);
    let reading = read_journal(folder.path()).expect("whole");
    assert_eq!(reading.header, opening());
    assert_eq!(reading.facts, facts());
    assert_eq!(reading.torn, 0);
}

#[test]
fn a_stranger_can_check_the_chain_with_a_hash_tool() {
    use sha2::Digest as _;
    let folder = written();
    let text = String::from_utf8(bytes_of(folder.path())).expect("text");
    let mut prev = "0".repeat(64);
    for (number, line) in text.lines().enumerate() {
        let (body, seal) = line.rsplit_once(",\"hash\":").expect("a seal");
        let hash: String = sha2::Sha256::digest(body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(seal, format!("\"{hash}\"}}"));
        assert!(
            body.starts_with(&format!("{{\"n\":{number},\"prev\":\"{prev}\",\"at\":")),
            "{body}"
        );
        let _: serde_json::Value = serde_json::from_str(line).expect("JSON");
        prev = hash;
    }
}

#[test]
fn a_last_line_cut_anywhere_is_dropped_and_writing_goes_on_behind_it() {
    let whole = bytes_of(written().path());
    let last_start = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("lines")
        + 1;
    for cut in last_start..whole.len() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(JOURNAL_FILE), &whole[..cut]).expect("written");
        let (mut journal, reading) = Journal::open(folder.path()).expect("taken up");
        assert_eq!(reading.facts, facts()[..4], "cut at {cut}");
        assert_eq!(reading.torn as usize, cut - last_start);
        journal.append(&facts()[4]).expect("collected");
        journal.commit().expect("durable");
        assert_eq!(bytes_of(folder.path()), whole, "cut at {cut}");
    }
}

#[test]
fn a_changed_byte_anywhere_else_is_an_error_that_names_the_line() {
    let whole = bytes_of(written().path());
    let folder = tempfile::tempdir().expect("a folder");
    for at in 0..whole.len() - 1 {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(folder.path().join(JOURNAL_FILE), &changed).expect("written");
        let line = whole[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        match read_journal(folder.path()) {
            // A line feed that became another byte joins two lines; the first of them is named.
            Err(JournalError::Damaged { line: named, .. }) => assert_eq!(named, line, "byte {at}"),
            // The format's digit may have become a greater one.
            Err(JournalError::NewerFormat { .. }) => assert_eq!(line, 1),
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_line_dropped_doubled_or_moved_breaks_the_chain() {
    let text = String::from_utf8(bytes_of(written().path())).expect("text");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let folder = tempfile::tempdir().expect("a folder");
    let dropped = [&lines[..2], &lines[3..]].concat();
    let doubled = [&lines[..3], &lines[2..]].concat();
    let mut moved = lines.clone();
    moved.swap(2, 3);
    for (name, lines) in [("dropped", dropped), ("doubled", doubled), ("moved", moved)] {
        fs::write(folder.path().join(JOURNAL_FILE), lines.concat()).expect("written");
        let error = read_journal(folder.path()).expect_err(name);
        assert!(
            matches!(error, JournalError::Damaged { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_newer_format_is_refused_with_words() {
    let folder = written();
    let text = String::from_utf8(bytes_of(folder.path())).expect("text");
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    fs::write(folder.path().join(JOURNAL_FILE), newer).expect("written");
    let error = read_journal(folder.path()).expect_err("it is newer");
    assert_eq!(
        error.to_string(),
        "the journal has format 2, but this version of svar supports only up to 1; use the version that started the run"
    );
}

#[test]
fn one_process_drives_a_run_and_the_other_is_told_which() {
    let folder = written();
    let (held, _) = Journal::open(folder.path()).expect("taken up");
    let error = Journal::open(folder.path()).expect_err("it is held");
    let words = error.to_string();
    let holder = format!(
        "the run is already active in process {}",
        std::process::id()
    );
    assert!(words.starts_with(&holder), "{words}");
    assert!(
        words.ends_with("; wait for it to end, or stop it first"),
        "{words}"
    );
    read_journal(folder.path()).expect("looking is allowed");
    drop(held);
    Journal::open(folder.path()).expect("free again");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_all_writing() {
    // The one device that is always full.
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink("/dev/full", folder.path().join(JOURNAL_FILE)).expect("a link");
    let error = Journal::create(folder.path(), &opening()).expect_err("there is a file already");
    assert!(error.to_string().contains("cannot create"), "{error}");
}
