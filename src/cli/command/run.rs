//! `svar run`: runs a playbook, from its file to the evidence in the run folder.

use std::sync::Arc;

use crate::driver::client::Permission;
use crate::driver::{
    self, FOLDER_FORMAT, FolderRecordStore, InitialFiles, Interrupts, Journal, LibraryError,
    LibraryItem, LibraryUpload, ResultLimits, RunFolder, RunHeader, ServiceKind,
};
use svar_emulator::Scenario;
use svar_language::playbook::PlaybookFolder;
use svar_plan::{CompiledPlan, LimitsProfile, Plan, Target};
use svar_wire::{LibraryName, RunId};

use crate::cli::args::RunArgs;
use crate::cli::consent::{self, Confirmation};
use crate::cli::drive;
use crate::cli::existing_run::{self, SCENARIO_FILE};
use crate::cli::input::prepare::{self, PreparedPlaybook};
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, eprint};
use crate::cli::runs_folder;
use crate::cli::runtime;
use crate::cli::service::connect::{self, Connected};
use crate::cli::service::select::Service;
use crate::cli::settings::Settings;

pub(crate) fn run(args: &RunArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let service = Service::choose(&args.playbook.connection, &settings)?;
    service.announce(terminal);
    let start = RunStart {
        run: new_run_id()?,
        limits: prepare::limits(args.playbook.limits, service.limits()),
        scenario: service.scenario(terminal)?,
        args,
        settings: &settings,
        terminal,
    };
    let prepared = prepare::read(&args.playbook, start.run.as_str(), &settings, terminal)?;
    runtime::start()?.block_on(start.execute(service, &prepared))
}

/// A run that is about to start.
struct RunStart<'a> {
    run: RunId,
    limits: LimitsProfile,
    scenario: Option<Scenario>,
    args: &'a RunArgs,
    settings: &'a Settings,
    terminal: &'a Terminal,
}

impl RunStart<'_> {
    async fn execute(&self, service: Service, prepared: &PreparedPlaybook) -> CommandResult {
        let address = connect::open(service, self.scenario.clone()).await?;
        let connected = connect::sign_in(address).await?;
        let outcome = match self.set_up(&connected, prepared).await {
            Ok((setup, interrupts)) => {
                let source = &prepared.loaded.source;
                let progress = &self.args.progress;
                drive::drive(setup, interrupts, source, progress, self.terminal).await
            }
            Err(failure) => Err(failure),
        };
        connected.close().await;
        outcome
    }

    /// Prepares everything that comes before the first call that changes a device.
    async fn set_up(
        &self,
        connected: &Connected,
        prepared: &PreparedPlaybook,
    ) -> Result<(driver::RunSetup, Interrupts), CommandError> {
        let client = &connected.client;
        let targets = prepare::resolve(client, prepared, self.terminal).await?;
        let compiled = prepared.compile(targets.clone(), self.limits, self.terminal)?;
        let plan = compiled.plan();
        if connected.record.kind == ServiceKind::Tenant {
            let confirmation = if self.args.yes {
                Confirmation::Given
            } else {
                Confirmation::Ask
            };
            consent::ask(plan, &connected.record, confirmation, self.terminal)?;
        }
        let library = library(plan, &prepared.files)?;
        self.upload_library(connected, &library).await?;
        let interrupts = drive::interrupts()?;
        let (folder, journal) =
            self.create_folder(connected, prepared, &compiled, &targets, &library)?;
        let setup = driver::RunSetup {
            records: Arc::new(FolderRecordStore::new(folder.clone(), compiled.plan())),
            compiled: Arc::new(compiled),
            folder,
            journal,
            recorded: None,
            client: client.clone(),
            clock: connected.clock.clone(),
            limits: ResultLimits::default(),
        };
        Ok((setup, interrupts))
    }

    /// Uploads missing library files: to an emulator always, to a tenant with `--sync-library`.
    async fn upload_library(
        &self,
        connected: &Connected,
        library: &[LibraryItem],
    ) -> Result<(), CommandError> {
        if library.is_empty() {
            return Ok(());
        }
        let is_tenant = connected.record.kind == ServiceKind::Tenant;
        if is_tenant {
            let identity = connected.client.sign_in(&[Permission::Library]).await;
            identity.map_err(|error| connect::sign_in_failed(&error))?;
        }
        let upload = if !is_tenant || self.args.sync_library {
            LibraryUpload::Missing
        } else {
            LibraryUpload::Never
        };
        let uploaded = driver::prepare_library(&connected.client, library, upload)
            .await
            .map_err(|error| library_failure(&error))?;
        if is_tenant && !uploaded.is_empty() {
            let names: Vec<&str> = uploaded.iter().map(LibraryName::as_str).collect();
            eprint(&format!("uploaded to the library: {}\n", names.join(", ")));
        }
        Ok(())
    }

    fn create_folder(
        &self,
        connected: &Connected,
        prepared: &PreparedPlaybook,
        compiled: &CompiledPlan,
        targets: &[Target],
        library: &[LibraryItem],
    ) -> Result<(RunFolder, Journal), CommandError> {
        let plan = compiled.plan();
        let header = RunHeader {
            format: FOLDER_FORMAT,
            svar_version: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.run.clone(),
            started: connected.clock.now(),
            playbook: plan.name.clone(),
            playbook_file: plan.file.clone(),
            plan_digest: plan.digest.clone(),
            devices: plan.devices.len(),
            limits: self.limits,
            operator: prepared.names.operator.clone(),
            case: prepared.names.case.clone(),
            service: connected.record.clone(),
        };
        let initial_files = InitialFiles {
            playbook: prepared.loaded.source.text().as_bytes(),
            inputs: &prepared.inputs.to_json(),
            targets,
            plan: &crate::report::plan_json(plan),
            library,
        };
        let root = runs_folder::choose(self.args.progress.runs.as_deref(), self.settings);
        let (folder, journal) = RunFolder::create(&root, header, &initial_files)
            .map_err(|error| existing_run::folder_error(&error))?;
        if let Some(scenario) = &self.scenario {
            let text = serde_json::to_vec_pretty(scenario).unwrap_or_default();
            folder
                .write(SCENARIO_FILE, &text)
                .map_err(|error| existing_run::folder_error(&error))?;
        }
        Ok((folder, journal))
    }
}

/// Reads the library files beside the playbook, and checks that the plan was compiled with them.
fn library(plan: &Plan, files: &PlaybookFolder) -> Result<Vec<LibraryItem>, CommandError> {
    let mut items: Vec<LibraryItem> = Vec::new();
    for file in &plan.library {
        let Some(path) = &file.path else { continue };
        let invalid = |why: String| CommandError::refused(format!("library file `{path}`: {why}"));
        let name = LibraryName::parse(&file.name).map_err(|error| invalid(error.to_string()))?;
        let bytes =
            std::fs::read(files.locate(path)).map_err(|error| invalid(error.to_string()))?;
        let item = LibraryItem::new(name, bytes);
        if file
            .sha256
            .as_deref()
            .is_some_and(|hash| hash != item.sha256)
        {
            return Err(
                invalid("the file changed while it was being read".to_owned())
                    .help("run again when it is no longer being written"),
            );
        }
        if !items.iter().any(|other| other.name == item.name) {
            items.push(item);
        }
    }
    Ok(items)
}

fn library_failure(error: &LibraryError) -> CommandError {
    CommandError::tenant(error.to_string()).help(error.next_step())
}

/// Returns a new run id such as `20261123-152233-4f09ac`. Ids sort by time; the random part
/// makes ids of the same second different.
fn new_run_id() -> Result<RunId, CommandError> {
    let bug = |what: &str| {
        CommandError::new(
            Exit::InternalError,
            format!("cannot create a run id: {what}"),
        )
    };
    let mut random = [0; 3];
    getrandom::fill(&mut random).map_err(|error| bug(&error.to_string()))?;
    let [a, b, c] = random;
    let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
    RunId::parse(&format!("{time}-{a:02x}{b:02x}{c:02x}")).map_err(|error| bug(&error.to_string()))
}
