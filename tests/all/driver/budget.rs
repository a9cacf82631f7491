//! What several processes of one computer know of each other's calls.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use svar::driver::{OthersUsage, SharedBudget};
use svar_engine::Endpoint;
use svar_wire::Moment;
use svar_wire::RunId;

const START: Moment = Moment::from_millis(1_770_000_000_000);

struct Computer {
    folder: tempfile::TempDir,
}

impl Computer {
    fn new() -> Self {
        Computer {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("budget").join("tenant")
    }

    fn process(&self, run: &str) -> SharedBudget {
        SharedBudget::open(self.path(), &RunId::parse(run).expect("an id")).expect("a budget")
    }
}

fn after(seconds: u64) -> Moment {
    START + Duration::from_secs(seconds)
}

#[track_caller]
fn turn(budget: &mut SharedBudget, seconds: u64, rows: &[Endpoint], held: u32) -> OthersUsage {
    let (turn, news) = budget.lock(after(seconds)).expect("its turn");
    turn.write(rows, held).expect("written");
    news
}

#[test]
fn each_is_told_once_what_the_others_took_and_how_many_slots_they_hold() {
    let computer = Computer::new();
    let (mut one, mut two) = (computer.process("run-1"), computer.process("run-2"));
    assert_eq!(
        turn(&mut one, 0, &[Endpoint::Starts, Endpoint::Links], 1),
        OthersUsage::default()
    );
    let news = turn(&mut two, 1, &[Endpoint::Starts], 4);
    assert_eq!(
        news.granted,
        [(Endpoint::Starts, START), (Endpoint::Links, START)]
    );
    assert_eq!(news.slots_held, 1);
    let news = turn(&mut one, 2, &[], 0);
    assert_eq!(
        news.granted,
        [(Endpoint::Starts, after(1))],
        "its own are not told"
    );
    assert_eq!(news.slots_held, 4);
    let news = turn(&mut two, 3, &[], 4);
    assert_eq!(news, OthersUsage::default(), "nothing is told twice");
}

#[test]
fn what_a_dead_process_took_stays_taken_and_its_slots_are_free_in_the_end() {
    let computer = Computer::new();
    let mut dead = computer.process("run-1");
    turn(&mut dead, 0, &[Endpoint::Starts], 7);
    let (lock, _) = dead.lock(after(1)).expect("its turn");
    drop(lock);
    // It died in the middle of a line.
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(computer.path())
        .expect("the file");
    file.write_all(b"starts 17700000").expect("written");
    let mut other = computer.process("run-2");
    let news = turn(&mut other, 2, &[Endpoint::Actions], 1);
    assert_eq!(news.granted, [(Endpoint::Starts, START)]);
    assert_eq!(news.slots_held, 7);
    let mut third = computer.process("run-3");
    assert_eq!(
        turn(&mut third, 3, &[], 0).granted,
        [(Endpoint::Starts, START), (Endpoint::Actions, after(2))],
        "the half line hides nothing"
    );
    assert_eq!(turn(&mut other, 1_000, &[], 0).slots_held, 0);
}

#[test]
fn a_resumed_run_does_not_count_its_own_journal_twice() {
    let computer = Computer::new();
    turn(
        &mut computer.process("run-1"),
        0,
        &[Endpoint::Starts, Endpoint::Devices],
        3,
    );
    // Another process of the same run: what this one writes looks as if it came from elsewhere.
    let text = fs::read_to_string(computer.path()).expect("the file");
    let process = format!("run-1/{}", std::process::id());
    fs::write(computer.path(), text.replace(&process, "run-1/1")).expect("written");
    let news = turn(&mut computer.process("run-1"), 1, &[], 0);
    assert_eq!(
        news.granted,
        [(Endpoint::Devices, START)],
        "its starts are in its journal"
    );
    assert_eq!(news.slots_held, 0, "and so are its slots");
}

#[test]
fn the_file_stays_small_and_nobody_misses_anything_when_it_is_written_anew() {
    let computer = Computer::new();
    let (mut one, mut two) = (computer.process("run-1"), computer.process("run-2"));
    let mut told = 0;
    for second in 0..9_000 {
        turn(
            &mut one,
            2 * second,
            &[Endpoint::Actions, Endpoint::Links, Endpoint::Devices],
            2,
        );
        let news = turn(&mut two, 2 * second + 1, &[], 0);
        told += news.granted.len();
        assert_eq!(news.slots_held, 2);
    }
    assert_eq!(told, 27_000);
    let length = fs::metadata(computer.path()).expect("the file").len();
    assert!(length < 600_000, "{length} bytes");
}

#[test]
fn a_clock_that_is_elsewhere_does_not_block_anybody() {
    let computer = Computer::new();
    turn(
        &mut computer.process("run-1"),
        100_000,
        &[Endpoint::Starts],
        25,
    );
    let news = turn(&mut computer.process("run-2"), 0, &[], 0);
    assert_eq!(news, OthersUsage::default());
}
