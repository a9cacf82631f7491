//! `svar plan`: what each device would be sent, without sending it.

use svar_plan::CompiledPlan;

use crate::cli::args::{Format, PlanArgs};
use crate::cli::input::prepare::{self, Ready};
use crate::cli::output::exit::{Exit, Failure, Outcome};
use crate::cli::output::terminal::{Terminal, print, say};
use crate::cli::service::connect;
use crate::cli::service::select::Service;
use crate::cli::service::settings::Settings;
use crate::report;

/// Stands for the id that a run would get. It has the form of one, so that what a template makes of
/// it is as long as it will be.
const NO_RUN: &str = "00000000-000000-000000";

pub(crate) fn run(args: &PlanArgs, terminal: &Terminal) -> Outcome {
    let settings = Settings::load()?;
    let ready = prepare::read(&args.playbook, NO_RUN, &settings, terminal)?;
    let compiled = match ready.targets_by_id() {
        // Ids that were typed need no service, even if one could say more about them.
        Some(targets) if !args.playbook.targets.is_empty() || !ready.exclusion_is_open() => {
            if ready.exclusion_is_open() {
                say("note: whom `exclude` means by tag, group or name is known when it runs\n");
            }
            let limits = prepare::limits(args.playbook.limits, profile_limits(args, &settings));
            ready.compile(targets, limits, terminal)?
        }
        _ => crate::cli::runtime()?.block_on(look_up(args, &ready, &settings, terminal))?,
    };
    let plan = compiled.plan();
    match args.format {
        Format::Json => {
            let document = report::plan_json(plan);
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| Failure::new(Exit::Bug, error.to_string()))?;
            print(&format!("{text}\n"))?;
        }
        Format::Text => print(&report::plan_text(plan))?,
    }
    Ok(Exit::Done)
}

/// Asks the service who is meant, and compiles for them.
async fn look_up(
    args: &PlanArgs,
    ready: &Ready,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<CompiledPlan, Failure> {
    let service = Service::choose(&args.playbook.connection, settings)?;
    service.announce(terminal);
    let limits = prepare::limits(args.playbook.limits, service.limits());
    let scenario = service.scenario(terminal)?;
    let place = connect::place(service, scenario).await?;
    let connected = connect::enter(place).await?;
    let targets = prepare::resolve(&connected.client, ready, terminal).await;
    connected.close().await;
    ready.compile(targets?, limits, terminal)
}

/// The limits of the profile that would be used. Nobody is asked, so its credentials don't matter.
fn profile_limits(args: &PlanArgs, settings: &Settings) -> Option<svar_plan::LimitsProfile> {
    let name = args.playbook.connection.profile.as_deref();
    let name = name.or(settings.profile.as_deref())?;
    settings.profiles.get(name)?.limits
}
