//! How often a run looks at its actions and at the machine list. The engine keeps to these times, and
//! the forecast counts by them: what is foretold is what is done.

use std::time::Duration;

/// How often the list of actions is read: 450 calls an hour, of 1,500 allowed (API notes 5.3), and never
/// more than eight in a minute, however unevenly they travel. An end that is seen late keeps its slot
/// from the next start, and the run from its own end.
pub const TICK: Duration = Duration::from_secs(8);

/// Ticks from one look to the next while all that is open waits for sleeping devices: half a minute is
/// nothing to who has slept for hours, and the tenant's other readers get the calls.
pub const TICKS_ASLEEP: u32 = 4;

/// Devices asked about at one time. Few, so that what the list says is still true when their turn
/// comes: 200 starts take 20 minutes.
pub const DEVICES_AT_ONCE: usize = 200;

/// How often the machine list is read again for devices that sleep.
pub const DEVICES_AGAIN: Duration = Duration::from_secs(300);

/// The same when nobody else is left to be started: then the run waits for nothing but them.
pub const DEVICES_SOON: Duration = Duration::from_secs(60);
