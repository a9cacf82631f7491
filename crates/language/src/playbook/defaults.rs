//! Default values of keys.
//!
//! Both the schema and the plan take them from here. The default of a choice such as `on_stop` is the
//! `Default` of its type.

use std::time::Duration;

use super::model::{CountOrPercent, Period};

/// `retry.delay`: pause before each retry.
pub const RETRY_DELAY: Period = Period(Duration::from_secs(30));

/// `offline.until`: maximum wait for offline devices, from the start of the run.
pub const OFFLINE_UNTIL: Period = Period(Duration::from_secs(24 * 3_600));

/// `offline.max_slots`: maximum number of the tenant's sessions that offline devices may hold.
pub const OFFLINE_SLOTS: u32 = 5;

/// `rollout.stop_when`: number of failed devices that stops a run.
pub const STOP_FAILED: CountOrPercent = CountOrPercent::Count(1);

/// `rollout.stop_when.after`: number of devices that must have finished before a percentage counts.
pub const STOP_AFTER: u32 = 1;

/// `gate`: whether the steps after this one wait for its result.
pub const GATE: bool = false;
