//! Decides what a run does next.
//!
//! The engine takes what happened and the present time, and returns what it needs next. It has no clock,
//! socket, file or randomness, so a test covers an hour of waiting in a millisecond.
//!
//! Everything rests on one order: a call that changes a device is sent only after the journal has
//! confirmed the fact announcing it. Facts are the only thing journalled; replaying them through
//! the same code gives the same state. What time alone decides (a busy device is given up, the
//! deadline has passed) is a fact as well: the engine asks for it to be recorded.
//!
//! Start reading at [`Fleet::handle`] and [`Fleet::poll`].

mod answer;
mod device;
mod end;
mod endpoint;
mod fact;
mod fleet;
mod need;
mod retry;
mod schedule;
mod status;
mod stop;

pub use answer::{CommandAnswer, MISMATCH, match_answer};
pub use end::EndState;
pub use endpoint::Endpoint;
pub use fact::{
    Attempt, Availability, CancelWhy, CommandEnd, CommandState, FORMAT, Fact, FactBody, GiveUp,
    Refusal, RequestIndex, ResultSummary, RunLimit, SentCommand,
};
pub use fleet::{Fleet, ProtocolError, ReplayError, tag_of};
pub use need::{Care, Need, NotFound};
pub use retry::{AnswerClass, class_of_read, class_of_start};
pub use status::{DeviceView, End, Phase, Readiness, SessionPhase, Standstill, Tally, Waiting};
pub use stop::{Standing, Stopped, StoppedBy};
pub use svar_plan::{CommandIndex, DeviceIndex, SessionIndex, StepIndex};
