//! The values that hold where a playbook leaves a key out.
//!
//! The schema states them and the plan uses them, both from here. A choice such as `on_stop` has its
//! default beside its variants, as `Default` of its type.

use std::time::Duration;

use super::model::{CountOrPercent, Period};

/// `retry.delay`: the pause before each further try.
pub const RETRY_DELAY: Period = Period(Duration::from_secs(30));

/// `offline.until`: for how long offline devices are waited for, from the start of the run.
pub const OFFLINE_UNTIL: Period = Period(Duration::from_secs(24 * 3_600));

/// `offline.max_slots`: the most of the tenant's sessions that offline devices may hold.
pub const OFFLINE_SLOTS: u32 = 5;

/// `rollout.stop_when`: a run stops at this many failed devices.
pub const STOP_FAILED: CountOrPercent = CountOrPercent::Count(1);

/// `rollout.stop_when.after`: the devices that must have ended before a share counts.
pub const STOP_AFTER: u32 = 1;

/// `gate`: whether the steps after this one wait for its result.
pub const GATE: bool = false;
