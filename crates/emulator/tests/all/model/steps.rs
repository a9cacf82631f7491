//! What can happen in a game.

use proptest::prelude::*;

use super::truth::{MACHINES, NAMES};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Command {
    Put(usize),
    Run(usize),
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Start(usize, Vec<Command>),
    Cancel(usize),
    Get(usize),
    List(&'static str),
    Link(usize, usize),
    Upload(usize, u8, bool),
    Delete(usize),
    Library,
    Pass(u64),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..NAMES.len();
    let put = name.clone().prop_map(Command::Put);
    let run = name.clone().prop_map(Command::Run);
    // In the order that the service wants.
    let commands = (
        prop::collection::vec(put, 0..2),
        prop::collection::vec(run, 0..3),
    )
        .prop_map(|(puts, runs)| [puts, runs].concat())
        .prop_filter("at least one", |commands| !commands.is_empty());
    let status = prop::sample::select(vec![
        "",
        "Pending",
        "InProgress",
        "Succeeded",
        "Failed",
        "Cancelled",
        "TimeOut",
    ]);
    let step = prop_oneof![
        8 => (0..=MACHINES, commands).prop_map(|(machine, commands)| Step::Start(machine, commands)),
        3 => (0..12_usize).prop_map(Step::Cancel),
        3 => (0..12_usize).prop_map(Step::Get),
        3 => status.prop_map(Step::List),
        3 => (0..12_usize, 0..4_usize).prop_map(|(action, index)| Step::Link(action, index)),
        2 => (name.clone(), any::<u8>(), any::<bool>()).prop_map(|(name, byte, over)| Step::Upload(name, byte, over)),
        1 => name.prop_map(Step::Delete),
        1 => Just(Step::Library),
        8 => (0..50_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..120)
}
