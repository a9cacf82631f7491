//! Matches what the service says of an ended action with what was sent.

use svar_wire::ActionStatus;

use crate::fact::{CommandEnd, RequestIndex};

/// Begins the reason why an answer can't be relied on.
pub const MISMATCH: &str = "the service's answer does not match what was sent";

/// What the answer says of one command that was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandAnswer<'e> {
    /// How it ended.
    Reported(&'e CommandEnd),
    /// Nothing, as the service may: the action's own state decides.
    Unreported,
    /// Nothing that can be relied on: the answer does not match what was sent. Why, as a clause.
    Mismatch(String),
}

/// Returns what the answer says of each command that was sent, by its index in the request.
///
/// The service may leave the whole list out (API notes 4.2), and an action that did not succeed may
/// leave out the commands that it never reached. Anything else that is missing, doubled, or of another
/// command makes the command's end unknown; an index that was never sent makes all ends unknown.
pub fn match_answer<'e>(
    sent: usize,
    status: &ActionStatus,
    ends: &'e [CommandEnd],
) -> Vec<CommandAnswer<'e>> {
    let out_of_range = ends.iter().find(|end| end.index.place() >= sent);
    if let Some(end) = out_of_range {
        let count = svar_wire::text::count(sent, "command");
        let were = if sent == 1 { "was" } else { "were" };
        let why = format!(
            "it reports command {}, but only {count} {were} sent",
            end.index
        );
        return vec![CommandAnswer::Mismatch(why); sent];
    }
    let last = ends.iter().map(|end| end.index).max();
    let all_ran = *status == ActionStatus::Succeeded;
    let answer = |index: RequestIndex| {
        let mut reported = ends.iter().filter(|end| end.index == index);
        match (reported.next(), reported.next()) {
            (Some(_), Some(_)) => {
                CommandAnswer::Mismatch(format!("it has command {index} more than once"))
            }
            (Some(end), None) => match &end.named {
                Some(named) => CommandAnswer::Mismatch(format!("its command {index} is {named}")),
                None => CommandAnswer::Reported(end),
            },
            (None, _) if last.is_some_and(|last| all_ran || index < last) => {
                CommandAnswer::Mismatch(format!("it leaves out command {index}"))
            }
            (None, _) => CommandAnswer::Unreported,
        }
    };
    RequestIndex::all(sent).map(answer).collect()
}
