//! `svar plan`: shows what would be sent to each device, without sending anything.

use svar_plan::CompiledPlan;

use crate::cli::args::{OutputFormat, PlanArgs};
use crate::cli::input::prepare::{self, PreparedPlaybook};
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, eprint, print, print_json};
use crate::cli::runtime;
use crate::cli::service::connect;
use crate::cli::service::select::Service;
use crate::cli::settings::Settings;
use crate::report;

/// Placeholder for the run id, of the same length, so that rendered templates have their final
/// length.
const RUN_ID_PLACEHOLDER: &str = "00000000-000000-000000";

pub(crate) fn run(args: &PlanArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let prepared = prepare::read(&args.playbook, RUN_ID_PLACEHOLDER, &settings, terminal)?;
    let compiled = match prepared.targets_by_id() {
        // Ids on the command line need no service, even if it could add details about the devices.
        Some(targets)
            if !args.playbook.targets.is_empty() || !prepared.exclusion_needs_service() =>
        {
            if prepared.exclusion_needs_service() {
                eprint("note: `exclude` by tag, group or name is resolved at run time\n");
            }
            let limits = prepare::limits(args.playbook.limits, profile_limits(args, &settings));
            prepared.compile(targets, limits, terminal)?
        }
        _ => {
            runtime::start()?.block_on(resolve_and_compile(args, &prepared, &settings, terminal))?
        }
    };
    let plan = compiled.plan();
    match args.output.format {
        OutputFormat::Json => print_json(&report::plan_json(plan))?,
        OutputFormat::Text => print(&report::plan_text(plan))?,
    }
    Ok(Exit::Success)
}

/// Resolves the targets with the service and compiles the plan for them.
async fn resolve_and_compile(
    args: &PlanArgs,
    prepared: &PreparedPlaybook,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<CompiledPlan, CommandError> {
    let service = Service::choose(&args.playbook.connection, settings)?;
    service.announce(terminal);
    let limits = prepare::limits(args.playbook.limits, service.limits());
    let scenario = service.scenario(terminal)?;
    let address = connect::open(service, scenario).await?;
    let connected = connect::sign_in(address).await?;
    let targets = prepare::resolve(&connected.client, prepared, terminal).await;
    connected.close().await;
    prepared.compile(targets?, limits, terminal)
}

/// Returns the limits of the profile that a run would use. Needs no credentials.
fn profile_limits(args: &PlanArgs, settings: &Settings) -> Option<svar_plan::LimitsProfile> {
    let name = args.playbook.connection.profile.as_deref();
    let name = name.or(settings.profile.as_deref())?;
    settings.profiles.get(name)?.limits
}
