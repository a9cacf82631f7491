//! A playbook, an emulator on a loopback port, and a run folder: what a run needs, by the front doors.

use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use svar::driver::client::{
    Client, Connection, Credentials, DEFAULT_SCOPE, Root, Timeouts, emulator_clock,
};
use svar::driver::{
    Clock, DriveOutcome, FolderRecordStore, InitialFiles, Interrupts, Journal, JournalError,
    LibraryItem, LibraryUpload, Observer, ResultLimits, RunFolder, RunHeader, RunSetup,
    ServiceKind, ServiceRecord, drive, prepare_library, resolve_targets,
};
use svar_emulator::{CLIENT_ID, CLIENT_SECRET, Device, Scenario, TENANT_ID, TimeSpan, serve};
use svar_language::playbook::{PlaybookFolder, load};
use svar_language::source::SourceText;
use svar_plan::{
    CompiledPlan, DeviceSelection, DeviceSelector, GivenInputs, Inputs, Limits, LimitsProfile,
    RunNames, Target, compile,
};
use svar_wire::{LibraryName, RunId};

/// How much faster than ours the emulators' clocks run here.
pub(crate) const FACTOR: f64 = 600.0;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    base: String,
    serving: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Linux devices of these names, on a fast clock.
pub(crate) fn linux(names: &[&str]) -> Scenario {
    let mut scenario = Scenario {
        factor: FACTOR,
        devices: names
            .iter()
            .map(|name| Device {
                tags: vec!["triage".to_owned()],
                ..Device::named(name, "Linux")
            })
            .collect(),
        ..Scenario::default()
    };
    // Scripts run as fast as this computer does, however fast the clock goes.
    scenario.settings.script_time_limit = Some(TimeSpan::seconds(24 * 3_600));
    scenario
}

fn client_of(root: Root, clock: &Clock) -> Client {
    let connection = Connection {
        api: root.clone(),
        authority: root,
        scope: DEFAULT_SCOPE.to_owned(),
        tenant: TENANT_ID.to_owned(),
        credentials: Credentials::ClientSecret {
            client_id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned().into(),
        },
        timeouts: Timeouts::default(),
    };
    Client::new(connection, clock.clone()).expect("a client")
}

impl World {
    pub(crate) async fn of(scenario: Scenario) -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let serving = tokio::spawn(async move {
            serve(listener, scenario, std::future::pending())
                .await
                .expect("it serves");
        });
        let root = Root::parse(&base).expect("a root");
        let clock = emulator_clock(&root).await.expect("a clock");
        World {
            folder: tempfile::tempdir().expect("a folder"),
            client: client_of(root, &clock),
            clock,
            base,
            serving,
        }
    }

    /// The address of the emulator.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// From here on the emulator is reached by this address.
    pub(crate) fn reach_by(&mut self, address: &str) {
        let root = Root::parse(address).expect("a root");
        self.client = client_of(root, &self.clock);
    }

    /// The names of the records of the device whose folder begins with these letters.
    pub(crate) fn records(&self, device: &str) -> Vec<String> {
        let names = |path: &Path| -> Vec<String> {
            let Ok(entries) = std::fs::read_dir(path) else {
                return Vec::new();
            };
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            let mut names: Vec<_> = names
                .map(|name| name.into_string().expect("text"))
                .collect();
            names.sort();
            names
        };
        let results = self.run().join("results");
        let folder = names(&results)
            .into_iter()
            .find(|name| name.starts_with(device));
        folder.map_or_else(Vec::new, |folder| names(&results.join(folder)))
    }

    /// A file beside the playbook.
    pub(crate) fn script(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.folder.path().join(name), text).expect("written");
        self
    }

    fn compiled(
        &self,
        playbook: &str,
        given: &GivenInputs,
        targets: Vec<Target>,
    ) -> (CompiledPlan, Inputs) {
        let path = self.folder.path().join("playbook.yaml");
        std::fs::write(&path, playbook).expect("written");
        let files = PlaybookFolder::of(&path);
        let loaded = load(&SourceText::new("playbook.yaml", playbook), &files);
        assert!(!loaded.has_errors(), "{:#?}", loaded.problems);
        let inputs = Inputs::merge(&loaded, given).expect("inputs");
        let names = RunNames {
            id: "run-1".to_owned(),
            ..RunNames::default()
        };
        let limits = Limits::of(LimitsProfile::Safe);
        let compiled =
            compile(&loaded, &files, &inputs, targets, &names, &limits).expect("it compiles");
        (compiled, inputs)
    }

    /// Everything that comes before the first call of a run.
    pub(crate) async fn ready(&self, playbook: &str, given: &GivenInputs) -> RunSetup {
        let selection = DeviceSelection {
            include: vec![DeviceSelector::Tag("triage".to_owned())],
            ..DeviceSelection::default()
        };
        let targets = resolve_targets(&self.client, &selection)
            .await
            .expect("targets");
        let (compiled, inputs) = self.compiled(playbook, given, targets.clone());
        let plan = compiled.plan();
        let library: Vec<LibraryItem> = plan
            .library
            .iter()
            .filter_map(|file| {
                let bytes = std::fs::read(self.folder.path().join(file.path.as_deref()?));
                let name = LibraryName::parse(&file.name).expect("a name");
                Some(LibraryItem::new(name, bytes.expect("bytes")))
            })
            .collect();
        prepare_library(&self.client, &library, LibraryUpload::Missing)
            .await
            .expect("uploaded");
        let header = RunHeader {
            format: svar::driver::FOLDER_FORMAT,
            svar_version: "test".to_owned(),
            run: RunId::parse("run-1").expect("an id"),
            started: self.clock.now(),
            playbook: plan.name.clone(),
            playbook_file: plan.file.clone(),
            plan_digest: plan.digest.clone(),
            devices: plan.devices.len(),
            limits: LimitsProfile::Safe,
            operator: String::new(),
            case: String::new(),
            service: ServiceRecord {
                kind: ServiceKind::Emulator,
                api: self.base.clone(),
                authority: self.base.clone(),
                scope: DEFAULT_SCOPE.to_owned(),
                tenant_id: TENANT_ID.to_owned(),
                client_id: CLIENT_ID.to_owned(),
            },
        };
        let beginning = InitialFiles {
            playbook: playbook.as_bytes(),
            inputs: &inputs.to_json(),
            targets: &targets,
            plan: &svar::report::plan_json(plan),
            library: &library,
        };
        let (folder, journal) =
            RunFolder::create(&self.runs(), header, &beginning).expect("a run folder");
        self.with(Arc::new(compiled), folder, journal, None)
    }

    fn with(
        &self,
        compiled: Arc<CompiledPlan>,
        folder: RunFolder,
        journal: Journal,
        recorded: Option<svar::driver::JournalContents>,
    ) -> RunSetup {
        RunSetup {
            records: Arc::new(FolderRecordStore::new(folder.clone(), compiled.plan())),
            compiled,
            folder,
            journal,
            recorded,
            client: self.client.clone(),
            clock: self.clock.clone(),
            limits: ResultLimits::default(),
        }
    }

    /// The same run, taken up from its folder.
    pub(crate) async fn resume(&self, playbook: &str, given: &GivenInputs) -> RunSetup {
        let folder = RunFolder::open(self.run()).expect("a run folder");
        let targets = folder.targets().expect("targets");
        let (compiled, _) = self.compiled(playbook, given, targets);
        assert_eq!(
            compiled.plan().digest,
            folder.header().plan_digest,
            "the same plan"
        );
        let (journal, reading) = loop {
            match Journal::open(folder.path()) {
                // A write of the run that was dropped may still be under way.
                Err(JournalError::Locked { .. }) => tokio::task::yield_now().await,
                opened => break opened.expect("a journal"),
            }
        };
        self.with(Arc::new(compiled), folder, journal, Some(reading))
    }

    pub(crate) fn runs(&self) -> std::path::PathBuf {
        self.folder.path().join("svar-runs")
    }

    pub(crate) fn run(&self) -> std::path::PathBuf {
        self.runs().join("run-1")
    }

    pub(crate) fn read(&self, path: &str) -> String {
        let path = self.run().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What was really applied, by kind.
    pub(crate) async fn ledger(&self, kind: &str) -> Vec<serde_json::Value> {
        let answer = reqwest::get(format!("{}/emulator/ledger", self.base)).await;
        let ledger: serde_json::Value = answer.expect("a ledger").json().await.expect("JSON");
        let entries = ledger["entries"].as_array().expect("entries");
        let of_kind = entries.iter().filter(|entry| entry["kind"] == kind);
        of_kind.cloned().collect()
    }
}

pub(crate) async fn play(ready: RunSetup) -> DriveOutcome {
    let (_interrupter, interrupts) = Interrupts::manual();
    watched(ready, interrupts, &mut ()).await
}

pub(crate) async fn watched(
    ready: RunSetup,
    interrupts: Interrupts,
    observer: &mut dyn Observer,
) -> DriveOutcome {
    drive(ready, interrupts, observer).await.expect("it drives")
}

/// Every file below a folder, with its bytes.
pub(crate) fn all_files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(all_files(&path));
        } else {
            let bytes = std::fs::read(&path).expect("bytes");
            files.push((path, bytes));
        }
    }
    files
}
