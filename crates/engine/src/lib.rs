//! Decides what a run does next.
//!
//! The engine takes what happened and the present time, and returns what it needs next. It has no clock,
//! socket, file or randomness, so a test covers an hour of waiting in a millisecond.
//!
//! | word | meaning |
//! | --- | --- |
//! | [`Fleet`] | one run: all its devices and what they share |
//! | [`Fact`] | something that happened; the journal holds facts and nothing else |
//! | [`Need`] | something to be done now; its answer is a fact, or a note such as [`Fleet::read_failed`] |
//! | session | the commands that a device runs in one live response request |
//! | [`Attempt`] | one start of a session; each has its own tag, by which it is found again |
//! | action | what the service calls a session that it accepted |
//!
//! A call that changes a device is sent only after the journal has confirmed the fact that announces it.
//! Replaying the facts through the same code gives the same state ([`Fleet::replay`]). What time alone
//! decides (a busy device is given up, the deadline has passed) is a fact as well: the engine asks for it
//! to be recorded.
//!
//! Start reading at [`Fleet::handle`] and [`Fleet::poll`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use svar_engine::{Availability, DeviceIndex, Fact, FactBody, Fleet, Need};
//! use svar_language::playbook::{NoFiles, load};
//! use svar_language::source::SourceText;
//! use svar_plan::{GivenInputs, Inputs, Limits, LimitsProfile, RunNames, Target, compile};
//! use svar_wire::{DeviceId, Moment, RunId};
//!
//! let playbook = "playbook: 1\nsteps:\n  - get: /var/log/auth.log\n";
//! let loaded = load(&SourceText::new("auth.yaml", playbook), &NoFiles);
//! let inputs = Inputs::merge(&loaded, &GivenInputs::default()).expect("no inputs are missing");
//! let target = Target {
//!     id: DeviceId::parse(&"7".repeat(40)).expect("40 hexadecimal digits"),
//!     name: Some("srv-7".to_owned()),
//!     os: Some("Linux".to_owned()),
//!     tags: Vec::new(),
//!     group: None,
//!     reason: "an example".to_owned(),
//! };
//! let limits = Limits::of(LimitsProfile::Safe);
//! let names = RunNames::default();
//! let compiled = compile(&loaded, &NoFiles, &inputs, vec![target], &names, &limits)
//!     .expect("nothing is wrong with the playbook");
//!
//! let now = Moment::parse("2026-02-03T09:00:00Z").expect("a time");
//! let run = RunId::parse("20260203-090000-7k3v").expect("a run id");
//! let mut fleet = Fleet::new(&run, Arc::clone(compiled.plan()), now);
//!
//! // First the engine wants to know whether the device can be started.
//! let device = DeviceIndex(0);
//! assert_eq!(fleet.poll(now), [Need::Devices { devices: vec![device] }]);
//! let body = FactBody::Readiness(Availability::Ready);
//! let fact = Fact { at: now, device: Some(device), body };
//! fleet.handle(&fact).expect("it fits");
//! fleet.devices_read(now);
//!
//! // Now it can. The caller announces the start, sends it, and reports the answer, each as a fact.
//! let needs = fleet.poll(now);
//! assert!(matches!(&needs[..], [Need::Start { .. }]));
//! ```

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
    Interrupt, Refusal, RequestIndex, ResultSummary, RunLimit, SentCommand,
};
pub use fleet::{Fleet, ProtocolError, ReplayError, tag_of};
pub use need::{Need, NotFound};
pub use retry::{AnswerClass, class_of_read, class_of_start};
pub use status::{DeviceView, End, Phase, Readiness, SessionPhase, Standstill, Tally, Waiting};
pub use stop::{StopRuleStatus, Stopped, StoppedBy};
pub use svar_plan::{CommandIndex, DeviceIndex, SessionIndex, StepIndex};
