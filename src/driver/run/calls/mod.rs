//! Makes the calls for each need and translates their answers into facts.

mod answer;
mod devices;
mod dispatch;
mod fetch;
mod start;
mod watch;

pub(super) use answer::{Answer, AnsweredNeed, FollowUp, NewFact, Reach};
pub(super) use dispatch::{Calls, RepeatCounts};
