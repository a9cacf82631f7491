//! `svar plan`: shows what would be sent to each device, without sending anything.

use svar_plan::CompiledPlan;

use crate::cli::args::{OutputFormat, PlanArgs};
use crate::cli::input::prepare::{self, PreparedPlaybook};
use crate::cli::output::exit::{CommandError, CommandResult, Exit};
use crate::cli::output::terminal::{Terminal, print, print_json, say};
use crate::cli::runtime;
use crate::cli::service::connect;
use crate::cli::service::select::Service;
use crate::cli::settings::Settings;
use crate::report;

/// Placeholder for the run id. It has the form of one, so that rendered templates are as long as they
/// will be.
const NO_RUN: &str = "00000000-000000-000000";

pub(crate) fn run(args: &PlanArgs, terminal: &Terminal) -> CommandResult {
    let settings = Settings::load()?;
    let ready = prepare::read(&args.playbook, NO_RUN, &settings, terminal)?;
    let compiled = match ready.targets_by_id() {
        // Ids on the command line need no service, even if one could tell more about the devices.
        Some(targets) if !args.playbook.targets.is_empty() || !ready.exclusion_is_open() => {
            if ready.exclusion_is_open() {
                say("note: `exclude` by tag, group or name is resolved at run time\n");
            }
            let limits = prepare::limits(args.playbook.limits, profile_limits(args, &settings));
            ready.compile(targets, limits, terminal)?
        }
        _ => runtime::start()?.block_on(look_up(args, &ready, &settings, terminal))?,
    };
    let plan = compiled.plan();
    match args.output.format {
        OutputFormat::Json => print_json(&report::plan_json(plan))?,
        OutputFormat::Text => print(&report::plan_text(plan))?,
    }
    Ok(Exit::Done)
}

/// Asks the service for the targets, and compiles the plan for them.
async fn look_up(
    args: &PlanArgs,
    ready: &PreparedPlaybook,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<CompiledPlan, CommandError> {
    let service = Service::choose(&args.playbook.connection, settings)?;
    service.announce(terminal);
    let limits = prepare::limits(args.playbook.limits, service.limits());
    let scenario = service.scenario(terminal)?;
    let address = connect::locate(service, scenario).await?;
    let connected = connect::sign_in(address).await?;
    let targets = prepare::resolve(&connected.client, ready, terminal).await;
    connected.close().await;
    ready.compile(targets?, limits, terminal)
}

/// Returns the limits of the profile that would be used. No service is asked, so credentials are not
/// needed.
fn profile_limits(args: &PlanArgs, settings: &Settings) -> Option<svar_plan::LimitsProfile> {
    let name = args.playbook.connection.profile.as_deref();
    let name = name.or(settings.profile.as_deref())?;
    settings.profiles.get(name)?.limits
}
