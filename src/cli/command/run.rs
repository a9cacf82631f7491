//! `svar run`: from a playbook to its evidence.

use std::sync::Arc;

use crate::driver::client::Permission;
use crate::driver::{
    self, FOLDER_FORMAT, InitialFiles, Interrupts, Journal, LibraryError, LibraryItem,
    ResultLimits, RunFolder, RunHeader, ServiceKind,
};
use svar_emulator::Scenario;
use svar_language::playbook::Beside;
use svar_plan::{CompiledPlan, LimitsProfile, Plan, Target};
use svar_wire::{LibraryName, RunId};

use crate::cli::args::RunArgs;
use crate::cli::consent;
use crate::cli::drive;
use crate::cli::existing_run::{self, SCENARIO_FILE};
use crate::cli::input::prepare::{self, Ready};
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Terminal, say};
use crate::cli::service::connect::{self, Connected};
use crate::cli::service::select::Service;
use crate::cli::service::settings::Settings;

pub(crate) fn run(args: &RunArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let service = Service::choose(&args.playbook.connection, &settings)?;
    service.announce(terminal);
    let start = Start {
        run: new_run_id()?,
        limits: prepare::limits(args.playbook.limits, service.limits()),
        scenario: service.scenario(terminal)?,
        args,
        settings: &settings,
        terminal,
    };
    let ready = prepare::read(&args.playbook, start.run.as_str(), &settings, terminal)?;
    crate::cli::runtime()?.block_on(start.go(service, &ready))
}

/// A run that is about to begin.
struct Start<'a> {
    run: RunId,
    limits: LimitsProfile,
    scenario: Option<Scenario>,
    args: &'a RunArgs,
    settings: &'a Settings,
    terminal: &'a Terminal,
}

impl Start<'_> {
    async fn go(&self, service: Service, ready: &Ready) -> Outcome {
        let place = connect::place(service, self.scenario.clone()).await?;
        let connected = connect::enter(place).await?;
        let outcome = match self.begin(&connected, ready).await {
            Ok((begun, interrupts)) => {
                let source = &ready.loaded.source;
                let telling = &self.args.telling;
                drive::play(begun, interrupts, source, telling, self.terminal).await
            }
            Err(failure) => Err(failure),
        };
        connected.close().await;
        outcome
    }

    /// Everything up to the first call that changes something on a device.
    async fn begin(
        &self,
        connected: &Connected,
        ready: &Ready,
    ) -> Result<(driver::RunSetup, Interrupts), Failure> {
        let client = &connected.client;
        let targets = prepare::resolve(client, ready, self.terminal).await?;
        let compiled = ready.compile(targets.clone(), self.limits, self.terminal)?;
        let plan = compiled.plan();
        let is_tenant = connected.record.kind == ServiceKind::Tenant;
        if is_tenant {
            consent::ask(plan, &connected.record, self.args.yes, self.terminal)?;
        }
        let library = library(plan, &ready.files)?;
        self.bring_library(connected, &library, is_tenant).await?;
        let interrupts = drive::interrupts()?;
        let (folder, journal) = self.folder(connected, ready, &compiled, &targets, &library)?;
        let begun = driver::RunSetup {
            compiled: Arc::new(compiled),
            folder,
            journal,
            reading: None,
            client: client.clone(),
            clock: connected.clock.clone(),
            caps: ResultLimits::default(),
        };
        Ok((begun, interrupts))
    }

    /// An emulator is given what it lacks; a tenant only where that was asked for.
    async fn bring_library(
        &self,
        connected: &Connected,
        library: &[LibraryItem],
        is_tenant: bool,
    ) -> Result<(), Failure> {
        if library.is_empty() {
            return Ok(());
        }
        if is_tenant {
            let identity = connected.client.sign_in(&[Permission::Library]).await;
            identity.map_err(|error| connect::not_let_in(&error))?;
        }
        let upload = !is_tenant || self.args.sync_library;
        let uploaded = driver::prepare_library(&connected.client, library, upload)
            .await
            .map_err(|error| library_failure(&error))?;
        if is_tenant && !uploaded.is_empty() {
            let names: Vec<&str> = uploaded.iter().map(LibraryName::as_str).collect();
            say(&format!("uploaded to the library: {}\n", names.join(", ")));
        }
        Ok(())
    }

    fn folder(
        &self,
        connected: &Connected,
        ready: &Ready,
        compiled: &CompiledPlan,
        targets: &[Target],
        library: &[LibraryItem],
    ) -> Result<(RunFolder, Journal), Failure> {
        let plan = compiled.plan();
        let header = RunHeader {
            format: FOLDER_FORMAT,
            svar: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.run.clone(),
            started: connected.clock.now(),
            playbook: plan.name.clone(),
            file: plan.file.clone(),
            plan: plan.digest.clone(),
            devices: plan.devices.len(),
            limits: self.limits,
            operator: ready.names.operator.clone(),
            case: ready.names.case.clone(),
            service: connected.record.clone(),
        };
        let beginning = InitialFiles {
            playbook: ready.loaded.source.text().as_bytes(),
            inputs: &ready.inputs.to_json(),
            targets,
            plan: &crate::report::plan_json(plan),
            library,
        };
        let root = existing_run::root(self.args.telling.runs.as_deref(), self.settings);
        let (folder, journal) = RunFolder::create(&root, header, &beginning)
            .map_err(|error| existing_run::failure(&error))?;
        if let Some(scenario) = &self.scenario {
            let text = serde_json::to_vec_pretty(scenario).unwrap_or_default();
            folder
                .write(SCENARIO_FILE, &text)
                .map_err(|error| existing_run::failure(&error))?;
        }
        Ok((folder, journal))
    }
}

/// The bytes of the library files beside the playbook: those that were planned with, and no others.
fn library(plan: &Plan, files: &Beside) -> Result<Vec<LibraryItem>, Failure> {
    let mut items: Vec<LibraryItem> = Vec::new();
    for file in &plan.library {
        let Some(path) = &file.path else { continue };
        let wrong = |why: String| Failure::refused(format!("library file `{path}`: {why}"));
        let name = LibraryName::parse(&file.name).map_err(|error| wrong(error.to_string()))?;
        let bytes = std::fs::read(files.locate(path)).map_err(|error| wrong(error.to_string()))?;
        let item = LibraryItem::new(name, bytes);
        if file
            .sha256
            .as_deref()
            .is_some_and(|hash| hash != item.sha256)
        {
            return Err(wrong("it has changed since a moment ago".to_owned())
                .help("somebody is writing it: run again when that is done"));
        }
        if !items.iter().any(|other| other.name == item.name) {
            items.push(item);
        }
    }
    Ok(items)
}

fn library_failure(error: &LibraryError) -> Failure {
    Failure::tenant(error.to_string()).help(error.next_step())
}

/// `20261123-152233-4f09ac`: sorts by time, and two people who start in the same second differ.
fn new_run_id() -> Result<RunId, Failure> {
    let bug = |what: &str| Failure::new(Exit::Bug, format!("no run id can be made: {what}"));
    let mut chance = [0; 3];
    getrandom::fill(&mut chance).map_err(|error| bug(&error.to_string()))?;
    let [a, b, c] = chance;
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    RunId::parse(&format!("{time}-{a:02x}{b:02x}{c:02x}")).map_err(|error| bug(&error.to_string()))
}
