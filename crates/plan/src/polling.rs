//! Intervals at which a run requests the status of its actions and the device list. The engine and the
//! forecast use them.

use std::time::Duration;

/// Interval of status requests: 450 calls per hour, of 1,500 allowed (API notes 5.3), and at most eight in any
/// minute. A longer interval would delay the next start and the end of the run.
pub const TICK: Duration = Duration::from_secs(8);

/// Number of ticks between status requests while all open sessions wait for offline devices. Half a minute does
/// not matter for a device that was offline for hours, and leaves calls to other users of the tenant.
pub const OFFLINE_TICKS: u32 = 4;

/// Number of devices that are looked up in the device list at a time. Not more, so that the answer is still
/// valid when they are started: 200 starts take 20 minutes.
pub const DEVICES_PER_LOOKUP: usize = 200;

/// Interval of requests of the device list for offline devices.
pub const DEVICE_LIST_INTERVAL: Duration = Duration::from_secs(300);

/// The same interval when only offline devices are left to be started.
pub const DEVICE_LIST_INTERVAL_IDLE: Duration = Duration::from_secs(60);
