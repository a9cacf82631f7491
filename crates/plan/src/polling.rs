//! How often a run reads the status of its actions and the device list. The engine keeps to these
//! times, and the forecast counts by them.

use std::time::Duration;

/// Time from one read of the action list to the next: 450 calls an hour, of 1,500 allowed (API notes
/// 5.3), and never more than eight in a minute, however unevenly they travel. An end that is seen late
/// keeps its slot from the next start, and the run from its own end.
pub const TICK: Duration = Duration::from_secs(8);

/// Number of ticks from one read to the next while all open sessions wait for offline devices: half a
/// minute does not matter to a device that was offline for hours, and the tenant's other readers get
/// the calls.
pub const OFFLINE_TICKS: u32 = 4;

/// Number of devices asked about at one time. Few, so that what the list says is still true when their
/// turn comes: 200 starts take 20 minutes.
pub const DEVICES_PER_LOOKUP: usize = 200;

/// Time from one read of the device list to the next for offline devices.
pub const DEVICE_LIST_INTERVAL: Duration = Duration::from_secs(300);

/// The same when no other device is left to be started: then the run waits for nothing but them.
pub const DEVICE_LIST_INTERVAL_IDLE: Duration = Duration::from_secs(60);
