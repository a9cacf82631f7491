//! Watches what a script uses. The kernel's own limits apply to each process separately, or do not
//! report what was exceeded. The watchdog checks all of a script's processes together, and returns
//! the reason for which the script is stopped.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::processes::{ScriptProcesses, Used};
use super::tree::{self, DEPTH_MAX, Taken};

/// The limits for all processes of a script together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// The number of processes. Each thread counts as one.
    pub(super) processes: u32,
    /// Bytes that are actually in memory.
    pub(super) memory: u64,
    /// Bytes of the device's folder on the disk.
    pub(super) disk: u64,
}

impl Allowance {
    /// Returns the size that the device's folder may reach while a script runs. If the folder is
    /// full at the start, a small script still works, and is not stopped for what earlier ones
    /// wrote.
    pub(super) fn room(self, before: &Taken) -> u64 {
        self.disk.max(before.bytes.saturating_add(SPARE))
    }

    /// Returns the reason for which a script must be stopped because of the folder's content, if
    /// there is one.
    pub(super) fn outgrown(self, before: &Taken, now: &Taken, nameless: u64) -> Option<String> {
        if now.is_too_deep && !before.is_too_deep {
            return Some(format!(
                "its device's folders were nested more than {DEPTH_MAX} deep"
            ));
        }
        if now.bytes.saturating_add(nameless) <= self.room(before) {
            return None;
        }
        let disk = self.disk >> 10;
        Some(match before.bytes.saturating_add(SPARE) > self.disk {
            false => {
                format!("its device's files took more than {disk} KB; the newest were removed")
            }
            true => format!(
                "its device's disk of {disk} KB was full before, and it wrote more than {} KB; that was removed",
                SPARE >> 10
            ),
        })
    }
}

/// The bytes that a script may write to a full folder.
const SPARE: u64 = 256 * 1024;

/// The interval at which the disk's free space is read, which takes one call.
const TICK: Duration = Duration::from_millis(10);
/// The interval in ticks at which processes and memory are counted, which takes some calls for each
/// process.
const COUNT_TICKS: u32 = 5;
/// The interval in ticks at which orphans are searched among all processes of the computer, if a
/// script can leave any.
const SEARCH_TICKS: u32 = 10;
/// The longest interval between two measurements of the folder.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// The part of the remaining space after whose loss the folder is measured again.
const PART: u64 = 8;

/// A script that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) processes: Option<ScriptProcesses>,
    /// The number of processes that are not the script's own.
    pub(super) helpers: u32,
    /// The device's folder.
    pub(super) root: PathBuf,
    /// The content of the folder at the script's start.
    pub(super) before: Taken,
    pub(super) allowance: Allowance,
}

impl Watch {
    /// Waits until the script exceeds a limit, and returns the reason. If processes can't be
    /// counted, only the disk is watched.
    pub(super) async fn exceeded(&self) -> String {
        let disk = Disk::of(&self.root);
        let number = disk.number;
        let mut meter = Meter::new(disk, self.allowance.room(&self.before), self.before.bytes);
        let mut used = Used::default();
        for tick in 1_u32.. {
            tokio::time::sleep(TICK).await;
            if let Some(processes) = &self.processes
                && tick.is_multiple_of(COUNT_TICKS)
            {
                used = processes.used(number, tick.is_multiple_of(SEARCH_TICKS));
                if let Some(reason) = self.overused(processes, used) {
                    return reason;
                }
            }
            if meter.is_due(used.nameless) {
                let root = self.root.clone();
                let begun = Instant::now();
                let measured = tokio::task::spawn_blocking(move || tree::measure(&root)).await;
                let Ok(now) = measured else { continue };
                let outgrown = self.allowance.outgrown(&self.before, &now, used.nameless);
                if let Some(reason) = outgrown {
                    return reason;
                }
                meter.measured(now.bytes, begun.elapsed());
            }
        }
        String::new()
    }

    fn overused(&self, script: &ScriptProcesses, used: Used) -> Option<String> {
        let Allowance {
            processes, memory, ..
        } = self.allowance;
        if used.processes.saturating_sub(self.helpers) > processes {
            return Some(format!("it had more than {processes} processes"));
        }
        // Shared memory was counted more than once, so an exact count decides.
        if used.memory > memory && script.memory_shared() > memory {
            return Some(format!("it used more than {} MB of memory", memory >> 20));
        }
        None
    }
}

/// Determines when the folder has to be measured.
struct Meter {
    disk: Disk,
    room: u64,
    taken: u64,
    free: Option<(u64, u64)>,
    last: Instant,
    /// The duration of the last measurement. The next one does not begin before the same time has
    /// passed.
    took: Duration,
}

impl Meter {
    fn new(disk: Disk, room: u64, taken: u64) -> Self {
        Meter {
            free: disk.free(),
            disk,
            room,
            taken,
            last: Instant::now(),
            took: Duration::ZERO,
        }
    }

    fn is_due(&self, nameless: u64) -> bool {
        let since = self.last.elapsed();
        if since < self.took {
            return false;
        }
        let left = self.room.saturating_sub(self.taken);
        let is_less = match (self.free, self.disk.free()) {
            (Some((bytes, files)), Some((bytes_now, files_now))) => {
                bytes.saturating_sub(bytes_now) > left / PART
                    || files.saturating_sub(files_now) > left / PART / 4096
            }
            _ => false,
        };
        is_less || nameless > left || since >= MEASURE_EVERY
    }

    fn measured(&mut self, taken: u64, took: Duration) {
        self.free = self.disk.free();
        self.taken = taken;
        self.took = took;
        self.last = Instant::now();
    }
}

/// The disk that contains a folder.
struct Disk {
    /// The disk's number in the metadata of its files.
    number: Option<u64>,
    #[cfg(unix)]
    folder: Option<std::fs::File>,
}

#[cfg(unix)]
impl Disk {
    fn of(folder: &std::path::Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let folder = std::fs::File::open(folder).ok();
        let about = folder.as_ref().and_then(|folder| folder.metadata().ok());
        Disk {
            number: about.map(|about| about.dev()),
            folder,
        }
    }

    /// Returns the free bytes, and the number of files that can still be created.
    fn free(&self) -> Option<(u64, u64)> {
        let about = rustix::fs::fstatvfs(self.folder.as_ref()?).ok()?;
        Some((about.f_bfree * about.f_frsize, about.f_ffree))
    }
}

#[cfg(not(unix))]
impl Disk {
    fn of(_: &std::path::Path) -> Self {
        Disk { number: None }
    }

    fn free(&self) -> Option<(u64, u64)> {
        None
    }
}
