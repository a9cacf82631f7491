//! The question that a destructive playbook asks before it touches a tenant.

use std::io::{self, BufRead};

use crate::driver::ServiceRecord;
use svar_plan::Plan;

use crate::cli::output::exit::Failure;
use crate::cli::output::terminal::{Style, Terminal, say};

/// Asks for the number of devices, which nobody types by habit.
///
/// # Errors
/// The answer is another one, or nobody can be asked and `--yes` was not given.
pub(crate) fn ask(
    plan: &Plan,
    service: &ServiceRecord,
    yes: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    if plan.policy.risk != svar_plan::Risk::Destructive || yes {
        return Ok(());
    }
    let count = plan.devices.len();
    let devices = match count {
        1 => "1 device".to_owned(),
        count => format!("{count} devices"),
    };
    if !terminal.interactive {
        return Err(Failure::refused(format!(
            "the playbook is destructive and would run on {devices} of tenant {}",
            service.tenant
        ))
        .help("look at `svar plan`, then run again with --yes"));
    }
    say(&format!(
        "{} `{}` is destructive and will run on {devices} of tenant {}\ntype the number of devices to go on: ",
        terminal.paint(Style::Warn, "careful:"),
        plan.name,
        service.tenant,
    ));
    let mut answer = String::new();
    // An answer that can't be read is no consent.
    let _ = io::stdin().lock().read_line(&mut answer);
    match answer.trim() == count.to_string() {
        true => Ok(()),
        false => Err(
            Failure::refused("that is not the number of devices, so nothing was sent")
                .help("look at `svar plan` to see who is meant"),
        ),
    }
}
