//! What a place in a playbook lets a template see, and wants of it.

use crate::expression::Wanted;

/// The names that a template sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// No template is allowed.
    Nothing,
    /// What is the same for the whole run: inputs, run, and vars that do not ask for the target.
    Run,
    /// The target as well.
    Target,
    /// The results of earlier steps as well.
    Steps,
}

/// A place: sight, and what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sight: Sight,
    pub(super) wanted: Wanted,
    /// Whether the text is an expression also without `${{ }}`.
    pub(super) bare: bool,
}

const fn place(sight: Sight, wanted: Wanted) -> Place {
    Place {
        sight,
        wanted,
        bare: false,
    }
}

impl Place {
    /// The place that a path of keys leads to; items of lists count as `-`. Under an unknown key,
    /// which is a finding of its own, everything goes.
    pub(super) fn of(path: &[&str]) -> Place {
        use Sight::*;
        match path {
            [
                "playbook" | "name" | "description" | "inputs" | "library",
                ..,
            ] => place(Nothing, Wanted::Anything),
            ["vars", ..] => place(Target, Wanted::Anything),
            ["comment"] => place(Target, Wanted::Text),
            ["risk" | "os" | "cleanup_when" | "deadline" | "window"] => place(Run, Wanted::Word),
            ["targets", "expect", ..] => place(Run, Wanted::Int),
            ["targets", ..] => place(Run, Wanted::Text),
            ["rollout", "waves", ..] | ["rollout", "stop_when", "failed"] => {
                place(Run, Wanted::IntOrText)
            }
            ["rollout", "max_active"]
            | ["rollout", "stop_when", "after"]
            | ["offline", "max_slots"] => place(Run, Wanted::Int),
            ["rollout" | "offline", ..] => place(Run, Wanted::Word),
            ["steps" | "cleanup", "-", rest @ ..] => Place::in_step(rest),
            _ => place(Steps, Wanted::Anything),
        }
    }

    fn in_step(path: &[&str]) -> Place {
        use Sight::*;
        match path {
            ["id"] => place(Nothing, Wanted::Anything),
            ["name"] => place(Run, Wanted::Text),
            ["put" | "run" | "get"] => place(Steps, Wanted::Text),
            ["when"] => Place {
                bare: true,
                ..place(Steps, Wanted::Bool)
            },
            ["gate"] => place(Run, Wanted::Bool),
            ["pass" | "on_fail" | "results" | "timeout"] => place(Run, Wanted::Word),
            ["retry"] | ["retry", "max"] => place(Run, Wanted::Int),
            ["retry", ..] => place(Run, Wanted::Word),
            ["expect", "exit", ..] => place(Steps, Wanted::Int),
            ["expect", "json", ..] => place(Steps, Wanted::Anything),
            ["expect", "size"] => place(Steps, Wanted::IntOrText),
            ["expect", ..] => place(Steps, Wanted::Text),
            ["save", _, "default", ..] => place(Run, Wanted::Anything),
            ["save", ..] => place(Nothing, Wanted::Anything),
            _ => place(Steps, Wanted::Anything),
        }
    }
}
