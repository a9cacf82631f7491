//! Runs whose records and results are kept in another store than the run folder.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard};

use svar::driver::{
    Ending, FolderError, Record, RecordKey, RecordStore, ResultDraft, ResultKind, RunSetup,
};
use svar_engine::{DeviceIndex, EndState};
use svar_plan::{GivenInputs, Results, StepResult};

use super::world::{World, linux, play};

const PLAYBOOK: &str = r"playbook: 1
name: Other store
risk: read
os: linux
library:
  look: { path: look.sh }
targets: { tag: triage }
steps:
  - id: look
    run: look
    save:
      found: { json: found, type: int }
  - id: hosts
    when: steps.look.saved.found > 1
    get: /etc/hosts
  - id: passwd
    when: steps.look.saved.found > 2
    get: /etc/passwd
";

/// Keeps everything in memory.
#[derive(Debug, Default)]
struct MemoryStore {
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    /// The records, in the order of their first mention.
    records: Vec<(RecordKey, Option<Record>)>,
    results: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no writer has panicked")
    }
}

impl Contents {
    fn record(&mut self, key: &RecordKey) -> &mut Option<Record> {
        let place = match self.records.iter().position(|(known, _)| known == key) {
            Some(place) => place,
            None => {
                self.records.push((key.clone(), None));
                self.records.len() - 1
            }
        };
        &mut self.records[place].1
    }
}

impl RecordStore for MemoryStore {
    fn add_try(&self, key: &RecordKey) {
        self.contents().record(key);
    }

    fn record_path(&self, key: &RecordKey) -> String {
        format!("{}/{}.json", key.action, key.index)
    }

    fn read(&self, key: &RecordKey) -> Option<Record> {
        self.contents().record(key).clone()
    }

    fn write(&self, key: &RecordKey, record: &Record) -> Result<(), FolderError> {
        *self.contents().record(key) = Some(record.clone());
        Ok(())
    }

    fn write_without_sync(&self, key: &RecordKey, record: &Record) -> Result<(), FolderError> {
        self.write(key, record)
    }

    fn create_draft(
        &self,
        key: &RecordKey,
        kind: ResultKind<'_>,
    ) -> Result<ResultDraft, FolderError> {
        let name = match kind {
            ResultKind::Script => "output",
            ResultKind::File { source } => source.trim_start_matches('/'),
        };
        let path = format!("{}/{}/{name}", key.action, key.index);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        Ok(ResultDraft::new(file, path.clone(), path.into()))
    }

    fn store(&self, mut draft: ResultDraft) -> Result<String, FolderError> {
        let mut bytes = Vec::new();
        let file = draft.file_mut();
        file.seek(SeekFrom::Start(0)).expect("seek");
        file.read_to_end(&mut bytes).expect("the bytes");
        let path = draft.path().to_owned();
        self.contents().results.insert(path.clone(), bytes);
        Ok(path)
    }
}

impl Results for MemoryStore {
    fn result(&self, device: DeviceIndex, step: &str) -> Option<StepResult> {
        let contents = self.contents();
        (contents.records.iter().rev())
            .filter(|(key, _)| key.device == device)
            .filter_map(|(_, record)| record.as_ref())
            .find(|record| record.step == step)?
            .result()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_can_keep_its_records_outside_its_folder() {
    let mut scenario = linux(&["web-01.example.org"]);
    scenario.devices[0].files = ["/etc/hosts", "/etc/passwd"]
        .map(|path| svar_emulator::DeviceFile {
            path: path.to_owned(),
            text: Some(format!("the content of {path}")),
            ..svar_emulator::DeviceFile::default()
        })
        .into();
    let world = World::of(scenario).await;
    world.script("look.sh", "echo '{\"found\": 2}'\n");
    let store = Arc::new(MemoryStore::default());
    let setup = RunSetup {
        records: store.clone(),
        ..world.ready(PLAYBOOK, &GivenInputs::default()).await
    };
    let outcome = play(setup).await;
    assert_eq!(outcome.ending, Ending::Finished);
    let end = outcome.fleet.devices().next().and_then(|device| device.end);
    assert_eq!(end.map(|end| end.state), Some(EndState::Ok));

    let contents = store.contents();
    let steps: Vec<_> = (contents.records.iter())
        .filter_map(|(_, record)| record.as_ref())
        .map(|record| (record.step.as_str(), record.status.as_str()))
        .collect();
    assert_eq!(steps, [("look", "Completed"), ("hosts", "Completed")]);
    let hosts = contents.results.iter();
    let hosts = hosts.filter(|(path, _)| path.ends_with("/etc/hosts"));
    let hosts: Vec<&[u8]> = hosts.map(|(_, bytes)| bytes.as_slice()).collect();
    assert_eq!(hosts, [b"the content of /etc/hosts"]);
    assert!(!world.run().join("results").exists());
    assert!(!world.run().join("files").exists());
}
