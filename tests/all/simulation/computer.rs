//! The computer that a run is driven on: its clock, its disk, its process, and the death of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use svar::driver::client::{Client, Connection, Credentials, DEFAULT_SCOPE, Root, Timeouts};
use svar::driver::{
    Call, Clock, ControlRequest, FOLDER_FORMAT, FolderRecordStore, InitialFiles, JOURNAL_FILE,
    Journal, JournalCounters, Observer, RequestKind, ResultLimits, RunFolder, RunHeader, RunSetup,
    ServiceKind, ServiceRecord, SteppedRun, read_journal,
};
use svar_emulator::{CLIENT_ID, CLIENT_SECRET, TENANT_ID};
use svar_engine::{DeviceIndex, Fact, FactBody, Fleet, GiveUp, Stopped};
use svar_plan::{CompiledPlan, LimitsProfile, OnStop, SessionKind};
use svar_wire::Moment;
use svar_wire::RunId;

use super::network::{Dice, Network, ROOT};

/// How the process dies when its journal reaches a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Before the write that holds it is whole, by loss of power: the file ends anywhere after what
    /// was synced.
    Before,
    /// After it is durable, before anything is sent.
    After,
    /// After the calls are sent that it announced.
    AfterCall,
}

/// How driving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    Finished,
    Interrupted,
    TenantLost(String),
}

/// Calls that something has come in for.
#[derive(Default)]
struct Woken(Mutex<Vec<u64>>);

struct Bell(u64, Arc<Woken>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.0.lock().unwrap().push(self.0);
    }
}

struct Troubles(Option<Vec<String>>);

impl Observer for Troubles {
    fn on_retry(&mut self, now: Moment, why: &str) {
        if let Some(story) = &mut self.0 {
            story.push(format!("{now} (again: {why})"));
        }
    }
}

/// See the file's text.
pub(crate) struct Computer {
    pub(crate) network: Network,
    pub(crate) clock: Clock,
    compiled: Arc<CompiledPlan>,
    folder: PathBuf,
    process: Option<SteppedRun>,
    calls: BTreeMap<u64, Call>,
    /// Calls of the run, of all its processes.
    pub(crate) calls_made: u64,
    woken: Arc<Woken>,
    dice: Dice,
    /// Records that are written.
    pub(crate) records: u64,
    /// Bytes of the journal that the loss of power leaves.
    durable: u64,
    /// At which records it dies.
    pub(crate) deaths: BTreeMap<u64, Death>,
    pub(crate) died: u32,
    /// Interrupts to come.
    pub(crate) interrupts: Vec<Moment>,
    /// One of them came to the process that lives.
    interrupted: bool,
    /// What is asked from another terminal, and when: also while no process drives the run.
    pub(crate) requests: Vec<(Moment, RequestKind)>,
    /// Some of it was.
    asked: bool,
    /// Devices whose debt is given up as soon as nobody drives the run, if they have one then.
    pub(crate) waivers: BTreeSet<DeviceIndex>,
    /// Those of them whose debt was.
    pub(crate) waived: BTreeSet<DeviceIndex>,
    /// An own action whose end nobody told was given up, and may hold its slot until the service
    /// ends it.
    pub(crate) gave_up: bool,
    /// Devices that were begun.
    begun: BTreeSet<DeviceIndex>,
    /// What was written by the processes that have died.
    written: JournalCounters,
    /// A run that takes more turns than this has no end.
    pub(crate) turns_max: u64,
    pub(crate) loud: bool,
}

fn connection() -> Connection {
    let root = Root::parse(ROOT).unwrap();
    Connection {
        api: root.clone(),
        authority: root,
        scope: DEFAULT_SCOPE.to_owned(),
        tenant: TENANT_ID.to_owned(),
        credentials: Credentials::ClientSecret {
            client_id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned().into(),
        },
        timeouts: Timeouts::default(),
    }
}

/// The run's name in its root.
const RUN: &str = "run-1";

impl Computer {
    /// A computer on which a run has just been given its folder below `root`.
    pub(crate) fn new(
        root: &Path,
        compiled: Arc<CompiledPlan>,
        playbook: &str,
        network: Network,
        now: Moment,
        dice: Dice,
    ) -> Computer {
        let plan = compiled.plan();
        let header = RunHeader {
            format: FOLDER_FORMAT,
            svar_version: "test".to_owned(),
            run: RunId::parse(RUN).unwrap(),
            started: now,
            playbook: plan.name.clone(),
            playbook_file: plan.file.clone(),
            plan_digest: plan.digest.clone(),
            devices: plan.devices.len(),
            limits: LimitsProfile::Safe,
            operator: String::new(),
            case: String::new(),
            service: ServiceRecord {
                kind: ServiceKind::Emulator,
                api: ROOT.to_owned(),
                authority: ROOT.to_owned(),
                scope: DEFAULT_SCOPE.to_owned(),
                tenant_id: TENANT_ID.to_owned(),
                client_id: CLIENT_ID.to_owned(),
            },
        };
        let beginning = InitialFiles {
            playbook: playbook.as_bytes(),
            inputs: &serde_json::json!({}),
            targets: &[],
            plan: &serde_json::Value::Null,
            library: &[],
        };
        let (folder, journal) = RunFolder::create(root, header, &beginning).unwrap();
        let mut computer = Computer {
            network,
            clock: Clock::manual(now),
            compiled,
            folder: folder.path().to_owned(),
            process: None,
            calls: BTreeMap::new(),
            calls_made: 0,
            woken: Arc::default(),
            dice,
            records: 0,
            durable: std::fs::metadata(folder.path().join(JOURNAL_FILE))
                .unwrap()
                .len(),
            deaths: BTreeMap::new(),
            died: 0,
            interrupts: Vec::new(),
            interrupted: false,
            requests: Vec::new(),
            asked: false,
            waivers: BTreeSet::new(),
            waived: BTreeSet::new(),
            gave_up: false,
            begun: BTreeSet::new(),
            written: JournalCounters::default(),
            turns_max: 20_000,
            loud: false,
        };
        computer.process = Some(computer.begin(folder, journal, None).unwrap());
        computer
    }

    fn begin(
        &self,
        folder: RunFolder,
        journal: Journal,
        recorded: Option<svar::driver::JournalContents>,
    ) -> Result<SteppedRun, String> {
        let carrier = Arc::new(self.network.clone());
        let plan = self.compiled.plan();
        SteppedRun::begin(RunSetup {
            records: Arc::new(FolderRecordStore::new(folder.clone(), plan)),
            compiled: Arc::clone(&self.compiled),
            folder,
            journal,
            recorded,
            client: Client::with_transport(connection(), self.clock.clone(), carrier),
            clock: self.clock.clone(),
            limits: ResultLimits {
                content_bytes: 1 << 16,
                ..ResultLimits::default()
            },
        })
        .map_err(|error| error.to_string())
    }

    pub(crate) fn say(&self, words: impl FnOnce() -> String) {
        if self.loud {
            for line in self.network.told() {
                println!("{line}");
            }
            println!("{} {}", self.clock.now(), words());
        }
    }

    /// The process, which lives.
    pub(crate) fn process(&self) -> &SteppedRun {
        self.process.as_ref().unwrap()
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        self.process().fleet()
    }

    /// What was written to the journal in all.
    pub(crate) fn counters(&self) -> JournalCounters {
        let now = self
            .process
            .as_ref()
            .map(SteppedRun::counters)
            .unwrap_or_default();
        JournalCounters {
            records: self.written.records + now.records,
            syncs: self.written.syncs + now.syncs,
        }
    }

    /// Drives the run until it is left, through all deaths that are to come.
    pub(crate) fn drive(&mut self) -> Result<Left, String> {
        let mut idle = 0;
        for _ in 0..self.turns_max {
            let Some(busy) = self.turn()? else {
                idle = 0;
                continue;
            };
            idle = if busy { 0 } else { idle + 1 };
            if idle > 200 {
                return Err("polled 200 times in a row for nothing".into());
            }
            if let Some(why) = self.process().tenant_lost() {
                return Ok(Left::TenantLost(why));
            }
            let fleet = self.fleet();
            if fleet.is_done() {
                let tally = fleet.tally();
                return Ok(match tally.finished() == tally.total {
                    true => Left::Finished,
                    false => Left::Interrupted,
                });
            }
            self.wait()?;
        }
        Err(format!("no end in sight: {:?}", self.fleet().tally()))
    }

    /// Decides, writes, sends. `None`: the process died of it and another one lives.
    fn turn(&mut self) -> Result<Option<bool>, String> {
        let mut process = self.process.take().unwrap();
        let bug = |error: svar::driver::DriveError| error.to_string();
        self.file_requests()?;
        // Looked for only where a case has any: most have none.
        if self.asked
            && let Some(request) = ControlRequest::load_readable(&self.folder)
        {
            self.interrupted |= request.request == RequestKind::Pause;
            process.apply_request(&mut ()).map_err(bug)?;
        }
        let stopped = process.fleet().stopped();
        let fresh = process.decide().map_err(bug)?;
        let count = fresh.len() as u64;
        for fact in fresh {
            self.may_happen(fact, stopped)?;
        }
        self.begun.extend(fresh.iter().filter_map(begins));
        self.gave_up |= fresh.iter().any(gives_up);
        if self.loud {
            for fact in fresh {
                self.say(|| format!("{:?} {:?}", fact.device, fact.body));
            }
        }
        let next = self.records..self.records + count;
        let death = self.deaths.range(next).next().map(|(at, how)| (*at, *how));
        if let Some((at, death)) = death {
            self.deaths.remove(&at);
            self.die(process, death)?;
            return Ok(None);
        }
        process.commit().map_err(bug)?;
        self.records += count;
        self.durable = self.durable.max(process.durable_bytes());
        let calls = process.calls();
        self.process = Some(process);
        let busy = count > 0 || !calls.is_empty();
        for call in calls {
            self.calls_made += 1;
            self.calls.insert(self.calls_made, call);
            self.poll(self.calls_made)?;
        }
        Ok(Some(busy))
    }

    /// What was decided holds to what the operator, the stop rule and the hours allow.
    fn may_happen(&self, fact: &Fact, stopped: Option<Stopped>) -> Result<(), String> {
        let (FactBody::StartAnnounced { session, .. }, Some(device)) = (&fact.body, fact.device)
        else {
            return Ok(());
        };
        let plan = self.compiled.plan();
        let kind = session.of(&plan.devices[device.place()].sessions).kind;
        let is_main = kind == SessionKind::Main;
        let said = if self.interrupted && is_main {
            "a start of main work after an interrupt"
        } else if stopped.is_some() && !self.begun.contains(&device) {
            "a device is begun after the run was stopped"
        } else if stopped.is_some_and(|stopped| stopped.how == OnStop::Abort) && is_main {
            "a start of main work after the run was aborted"
        } else if !is_main && self.waived.contains(&device) {
            "a start of cleanup that was given up"
        } else if let Some(hours) = &plan.policy.window
            && hours.current_or_next(fact.at).from > fact.at
        {
            "a start outside of the hours"
        } else {
            return Ok(());
        };
        Err(format!("{said}: device {device}"))
    }

    /// Files what is asked for by now.
    fn file_requests(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        while let Some((_, ask)) = self.requests.first().filter(|(at, _)| *at <= now) {
            self.say(|| format!("-- another terminal: {ask:?}"));
            let by = "ida".to_owned();
            let filed = ControlRequest { request: *ask, by }.save(&self.folder);
            filed.map_err(|error| error.to_string())?;
            self.requests.remove(0);
            self.asked = true;
        }
        Ok(())
    }

    /// Waits for whatever comes first, and takes it in.
    fn wait(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        let wake = self.fleet().wake_at();
        if wake.is_some_and(|at| at < now) {
            return Err("a wake-up in the past".into());
        }
        let arrives = match self.calls.is_empty() {
            true => None,
            false => self.network.next(),
        };
        let interrupt = self.interrupts.first().copied();
        let request = self.requests.first().map(|(at, _)| *at);
        let next = [wake, arrives, interrupt, request].into_iter().flatten();
        let Some(next) = next.min() else {
            return Err("nothing will ever happen again, and the run is not done".into());
        };
        let next = next.max(now);
        self.clock.advance_to(next);
        self.network.pass(next);
        if interrupt.is_some_and(|at| at <= next) {
            self.interrupts.remove(0);
            self.say(|| "-- Ctrl-C".into());
            let process = self.process.as_mut().unwrap();
            process.interrupt().map_err(|error| error.to_string())?;
            self.interrupted = true;
        }
        loop {
            let woken = std::mem::take(&mut *self.woken.0.lock().unwrap());
            if woken.is_empty() {
                return Ok(());
            }
            for call in woken {
                self.poll(call)?;
            }
        }
    }

    fn poll(&mut self, number: u64) -> Result<(), String> {
        let Some(call) = self.calls.get_mut(&number) else {
            return Ok(());
        };
        let waker = Waker::from(Arc::new(Bell(number, Arc::clone(&self.woken))));
        let polled = Pin::new(call).poll(&mut Context::from_waker(&waker));
        let Poll::Ready(answered) = polled else {
            return Ok(());
        };
        self.calls.remove(&number);
        let mut troubles = Troubles(self.loud.then(Vec::new));
        let process = self.process.as_mut().unwrap();
        let taken = process.complete(answered, &mut troubles);
        for line in troubles.0.unwrap_or_default() {
            self.say(|| line);
        }
        taken.map_err(|error| error.to_string())
    }

    fn die(&mut self, mut process: SteppedRun, death: Death) -> Result<(), String> {
        self.say(|| format!("-- dies {death:?}"));
        let bug = |error: svar::driver::DriveError| error.to_string();
        let path = self.folder.join(JOURNAL_FILE);
        process.commit().map_err(bug)?;
        match death {
            Death::Before => {
                let length = std::fs::metadata(&path).unwrap().len();
                let cut = self.dice.between(self.durable, length - 1);
                let file = std::fs::OpenOptions::new().write(true).open(&path);
                file.unwrap().set_len(cut).unwrap();
            }
            Death::After => self.compare(process.fleet())?,
            Death::AfterCall => {
                self.compare(process.fleet())?;
                // It hangs for a while first: what it sends then, it sends long after announcing.
                if self.dice.percent(30) {
                    let hang = self.dice.millis(0, 200_000);
                    self.clock.advance_to(self.clock.now() + hang);
                    self.network.pass(self.clock.now());
                }
                self.durable = self.durable.max(process.durable_bytes());
                for mut call in process.calls() {
                    let _ = Pin::new(&mut call).poll(&mut Context::from_waker(Waker::noop()));
                }
            }
        }
        self.written.records += process.counters().records;
        self.written.syncs += process.counters().syncs;
        drop(process);
        let pause = self.dice.millis(1, 2_000_000) / self.dice.pick(&[1, 1_000]);
        self.be_away(pause)
    }

    /// Nobody drives the run for a while; what was sent before still arrives. Then another process
    /// takes it up.
    pub(crate) fn be_away(&mut self, pause: Duration) -> Result<(), String> {
        self.died += 1;
        self.calls.clear();
        self.interrupted = false;
        self.process = None;
        self.clock.advance_to(self.clock.now() + pause);
        self.network.pass(self.clock.now());
        self.woken.0.lock().unwrap().clear();
        self.file_requests()?;
        self.waive()?;
        let folder = RunFolder::open(&self.folder).map_err(|error| error.to_string())?;
        let (journal, reading) = Journal::open(&self.folder).map_err(|error| error.to_string())?;
        self.records = reading.facts.len() as u64;
        self.begun = reading.facts.iter().filter_map(begins).collect();
        self.say(|| format!("-- is taken up at record {}", reading.facts.len()));
        self.process = Some(self.begin(folder, journal, Some(reading))?);
        Ok(())
    }

    /// Gives up the cleanup of the devices that somebody wants to be rid of and that owe it, as
    /// `svar resume --waive-cleanup` does.
    fn waive(&mut self) -> Result<(), String> {
        let words = |error: svar::driver::JournalError| error.to_string();
        if self.waivers.is_empty() {
            return Ok(());
        }
        let (mut journal, reading) = Journal::open(&self.folder).map_err(words)?;
        let mut fleet = self.replayed(&reading)?;
        let last = reading.facts.last();
        let at = last.map_or(reading.header.at, |fact| fact.at);
        for device in self.waivers.clone() {
            let body = FactBody::CleanupWaived {
                by: "ida".to_owned(),
                why: "it was reinstalled".to_owned(),
            };
            let device = Some(device);
            let fact = Fact { at, device, body };
            if fleet.handle(&fact).is_ok() {
                self.say(|| format!("-- the cleanup of {device:?} is given up"));
                journal.append(&fact).map_err(words)?;
                self.waived.extend(device);
            }
        }
        self.waivers.retain(|device| !self.waived.contains(device));
        journal.commit().map_err(words)?;
        self.durable = self.durable.max(journal.durable_bytes());
        Ok(())
    }

    fn replayed(&self, reading: &svar::driver::JournalContents) -> Result<Fleet, String> {
        let plan = Arc::clone(self.compiled.plan());
        let run = RunId::parse(RUN).unwrap();
        Fleet::replay(&run, plan, reading.header.at, &reading.facts)
            .map_err(|error| error.to_string())
    }

    /// A replay of the journal gives what lives.
    fn compare(&self, live: &Fleet) -> Result<(), String> {
        let reading = read_journal(&self.folder).map_err(|error| error.to_string())?;
        let replayed = self.replayed(&reading)?;
        let (live, replayed) = (live.journaled_state(), replayed.journaled_state());
        if live != replayed {
            return Err(format!("replayed\n{replayed}\nis not what lives\n{live}"));
        }
        Ok(())
    }
}

/// The device whose session is started by this.
fn begins(fact: &Fact) -> Option<DeviceIndex> {
    let starts = matches!(fact.body, FactBody::StartAnnounced { .. });
    fact.device.filter(|_| starts)
}

/// An action is left to itself.
fn gives_up(fact: &Fact) -> bool {
    let FactBody::GaveUp { on } = &fact.body else {
        return false;
    };
    matches!(on, GiveUp::ActionEnd | GiveUp::CancelConfirmation)
}
