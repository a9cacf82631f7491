//! The confirmation that a destructive playbook needs before it runs on a tenant.

use std::io::{self, BufRead};

use crate::driver::ServiceRecord;
use svar_plan::Plan;
use svar_wire::text;

use crate::cli::output::exit::CommandError;
use crate::cli::output::terminal::{Terminal, TextStyle, eprint};

/// The confirmation by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// `--yes` was given.
    Given,
    /// The operator must be asked.
    Ask,
}

/// Asks the operator to type the number of devices, because a yes is easily given by habit.
///
/// # Errors
/// The answer is wrong, or `--yes` was not given and there is no terminal to ask on.
pub(crate) fn ask(
    plan: &Plan,
    service: &ServiceRecord,
    confirmation: Confirmation,
    terminal: &Terminal,
) -> Result<(), CommandError> {
    if plan.policy.risk != svar_plan::Risk::Destructive || confirmation == Confirmation::Given {
        return Ok(());
    }
    let count = plan.devices.len();
    let devices = text::count(count, "device");
    if !terminal.interactive {
        return Err(CommandError::refused(format!(
            "the playbook is destructive and would run on {devices} of tenant {}",
            service.tenant_id
        ))
        .help("check it with `svar plan`, then run it again with `--yes`"));
    }
    eprint(&format!(
        "{} `{}` is destructive and will run on {devices} of tenant {}\nType the number of devices to continue: ",
        terminal.paint(TextStyle::Warn, "warning:"),
        plan.name,
        service.tenant_id,
    ));
    let mut answer = String::new();
    // An answer that can't be read does not confirm anything.
    let _ = io::stdin().lock().read_line(&mut answer);
    if answer.trim().replace(',', "") == count.to_string() {
        return Ok(());
    }
    Err(
        CommandError::refused("not confirmed: that is not the number of devices; nothing was sent")
            .help("`svar plan` lists the devices"),
    )
}
