//! The run's folder is taken away while the run goes on.

use std::fs;
use std::path::{Path, PathBuf};

use svar::driver::{
    DriveError, FolderError, Interrupts, JournalError, Observer, drive, read_journal,
};
use svar_emulator::DeviceFile;
use svar_engine::{Fact, FactBody};
use svar_plan::GivenInputs;

use super::world::{World, linux};

/// One device after the other, so that there is always something left to be sent.
const PLAYBOOK: &str = r"playbook: 1
name: Gone
risk: read
os: linux
targets: { tag: triage }
rollout: { max_active: 1 }
steps:
  - get: /etc/hostname
";

/// Takes it away when a fact of that name has become durable.
struct TakeAway {
    at: &'static str,
    how: fn(&Path),
    run: PathBuf,
    done: bool,
}

impl Observer for TakeAway {
    fn on_fact(&mut self, fact: &Fact) {
        if fact.body.name() == self.at && !std::mem::replace(&mut self.done, true) {
            (self.how)(&self.run);
        }
    }
}

/// What it is called, and how it is done.
type Way = (&'static str, fn(&Path));

fn remove(run: &Path) {
    fs::remove_dir_all(run).expect("removed");
}

fn remove_journal(run: &Path) {
    fs::remove_file(run.join("journal.jsonl")).expect("removed");
}

fn move_away(run: &Path) {
    fs::rename(run, run.with_extension("moved")).expect("moved");
}

fn replace(run: &Path) {
    move_away(run);
    fs::create_dir(run).expect("made");
    fs::write(run.join("journal.jsonl"), "").expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_any_more_and_no_part_of_the_folder_is_made_anew() {
    let ways: [Way; 4] = [
        ("removed", remove),
        ("journal removed", remove_journal),
        ("moved", move_away),
        ("replaced", replace),
    ];
    for (way, how) in ways {
        // The first start is announced and on disk at the earliest of these, and is the only one.
        for at in [
            "start_announced",
            "start_accepted",
            "action_began",
            "action_ended",
        ] {
            let row = format!("{way} at {at}");
            let mut scenario = linux(&["web-01.example.org", "web-02.example.org"]);
            for device in &mut scenario.devices {
                device.files = vec![DeviceFile {
                    path: "/etc/hostname".to_owned(),
                    text: Some("web".to_owned()),
                    ..DeviceFile::default()
                }];
            }
            let world = World::of(scenario).await;
            let ready = world.ready(PLAYBOOK, &GivenInputs::default()).await;
            let mut observer = TakeAway {
                at,
                how,
                run: world.run(),
                done: false,
            };
            let (_interrupter, interrupts) = Interrupts::manual();
            let error = drive(ready, interrupts, &mut observer).await;
            let error = error.expect_err(&row);
            assert!(
                matches!(
                    &error,
                    DriveError::Journal(JournalError::Replaced { .. })
                        | DriveError::Folder(FolderError::Journal(JournalError::Replaced { .. }))
                ),
                "{row}: {error}"
            );
            assert_eq!(world.ledger("session_started").await.len(), 1, "{row}");
            match way {
                "removed" | "moved" => assert!(!world.run().exists(), "{row}"),
                "replaced" => assert!(!world.run().join("results").exists(), "{row}"),
                _ => {}
            }
            if way == "moved" {
                // It holds all that was sent.
                let moved = read_journal(&world.run().with_extension("moved")).expect(&row);
                let announced = |fact: &Fact| matches!(fact.body, FactBody::StartAnnounced { .. });
                assert!(moved.facts.iter().any(announced), "{row}");
            }
        }
    }
}
