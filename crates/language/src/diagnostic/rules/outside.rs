//! Rules about what is read before a playbook is understood, and about what a run brings to light.

use crate::diagnostic::code::{Rule, Severity};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "unreadable-file",
        severity: Severity::Error,
        title: "the file can't be read",
        page: "\
The file could not be opened, is a folder, or is far too large for a playbook. Nothing in it was
looked at. Check the path and the permissions; a playbook is a text of a few kilobytes.
",
    },
    Rule {
        id: "not-a-playbook",
        severity: Severity::Error,
        title: "the file is something else than a playbook",
        page: "\
The file describes an emulator's fleet: its outermost keys are those of a scenario. A scenario is
checked like a playbook, and handed to the emulator, but not run:

    svar check fleet.yaml
    svar emulator --scenario fleet.yaml
    svar run playbook.yaml --scenario fleet.yaml

",
    },
    Rule {
        id: "refused-filter",
        severity: Severity::Error,
        title: "the service does not take the filter of `targets`",
        page: "\
Found when the service was asked for the devices; nothing was started. `targets.filter` goes to the
service as it stands, and the service has answered 400: a name that the machine list does not have, a
text without its quotes, an operator that is none.

    targets:
      filter: healthStatus eq 'Active' and riskScore eq 'High'

",
    },
    Rule {
        id: "step-failed",
        severity: Severity::Error,
        title: "a step did not do what was expected on a device",
        page: "\
Found by a run, not by a check. The excerpt shows the step; beside it stand the cause and the
devices it happened on, each cause once.

What each device sent is in the run folder: `results/<device>/` holds a record for each command
with exit code, output and errors. `svar show RUN` tells the whole run again.

A device stops at its first failing step; nothing later is sent to it except `cleanup`. To let a
device go on after a step that may fail, write `on_fail: continue` at that step.
",
    },
];
