//! Restores a run from its journal, through the same code as live.

use std::sync::Arc;

use svar_plan::Plan;
use svar_wire::Moment;
use svar_wire::RunId;

use super::{Fleet, ProtocolError};
use crate::fact::Fact;

/// A journal that can't be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {record} of the journal: {error}")]
pub struct ReplayError {
    /// The fact's place, from 1.
    pub record: u64,
    /// What is wrong with it.
    pub error: ProtocolError,
}

impl Fleet {
    /// Returns the run as its journal has it. Its first poll asks for [`crate::FactBody::Resumed`] to be
    /// recorded, and for nothing else: from that moment on, and not before, a start that the
    /// journal announces without an answer can't be sent any more by the process that announced it.
    ///
    /// # Errors
    /// The first fact that does not fit those before it.
    pub fn replay<'f>(
        run: &RunId,
        plan: Arc<Plan>,
        started: Moment,
        facts: impl IntoIterator<Item = &'f Fact>,
    ) -> Result<Fleet, ReplayError> {
        let mut fleet = Fleet::new(run, plan, started);
        for (record, fact) in (1..).zip(facts) {
            fleet
                .handle(fact)
                .map_err(|error| ReplayError { record, error })?;
        }
        fleet.to_resume = true;
        Ok(fleet)
    }

    /// Returns the state that is made of facts, as JSON; a replay of the journal gives the same. For
    /// tests and for debugging.
    pub fn journaled_state(&self) -> serde_json::Value {
        let devices: Vec<_> = self.devices.iter().map(|device| &device.state).collect();
        serde_json::json!({
            "devices": devices,
            "orders": self.orders,
            "stop_counts": self.stop_counts,
            "ended": self.tally.ended,
            "cleanup_owed": self.tally.cleanup_owed,
            "begun": self.started_devices,
            "wave": self.wave,
            "wave_over_at": self.wave_over_at,
        })
    }
}
