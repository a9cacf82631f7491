//! Matches what the service says of an ended action with what was sent.

use svar_wire::ActionStatus;

use crate::fact::{CommandEnd, RequestIndex};

/// Begins the reason why an answer can't be relied on.
pub const MISMATCH: &str = "the service's answer does not match what was sent";

/// What the answer says of one command that was sent.
#[derive(Debug, Clone, PartialEq)]
pub enum CommandAnswer<'e> {
    /// How it ended.
    Told(&'e CommandEnd),
    /// Nothing, which fits: the action's own state speaks for it.
    Silent,
    /// Nothing that can be relied on: the answer is not one to what was sent. Why, as a clause.
    Mismatch(String),
}

/// Returns what the answer says of each command that was sent, by its index in the request.
///
/// The service may leave the whole list out (API notes 4.2), and an action that did not succeed may
/// leave out what it never came to. Anything else that is missing, doubled, or of another command
/// makes the command's end unknown; an index that was never sent makes all of them so.
pub fn match_answer<'e>(
    sent: usize,
    status: &ActionStatus,
    ends: &'e [CommandEnd],
) -> Vec<CommandAnswer<'e>> {
    let strange = ends.iter().find(|end| end.index.place() >= sent);
    if let Some(end) = strange {
        let count = svar_wire::text::count(sent, "command");
        let why = format!("it has a command {}, and {count} sent", end.index);
        return vec![CommandAnswer::Mismatch(why); sent];
    }
    let last = ends.iter().map(|end| end.index).max();
    let all_ran = *status == ActionStatus::Succeeded;
    let answer = |index: RequestIndex| {
        let mut told = ends.iter().filter(|end| end.index == index);
        match (told.next(), told.next()) {
            (Some(_), Some(_)) => {
                CommandAnswer::Mismatch(format!("it has command {index} more than once"))
            }
            (Some(end), None) => match &end.named {
                Some(named) => CommandAnswer::Mismatch(format!("its command {index} is {named}")),
                None => CommandAnswer::Told(end),
            },
            (None, _) if last.is_some_and(|last| all_ran || index < last) => {
                CommandAnswer::Mismatch(format!("it leaves out command {index}"))
            }
            (None, _) => CommandAnswer::Silent,
        }
    };
    RequestIndex::all(sent).map(answer).collect()
}
