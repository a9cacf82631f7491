//! Watches what a script uses. The kernel's own limits apply to each process separately, or do not
//! report what was exceeded. The watchdog checks all of a script's processes together, and returns
//! the reason for which the script is stopped.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::processes::{ProcessSearch, ResourceUsage, ScriptProcesses};
use super::tree::{self, DEPTH_MAX, ENTRY_BYTES_MIN, FolderUsage};

/// The reason for which a script is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum StopReason {
    #[error("it exceeded its time limit")]
    TimeLimit,
    #[error("it had more than {0} processes")]
    Processes(u32),
    #[error("it used more than {} MB of memory", .0 >> 20)]
    Memory(u64),
    #[error("it nested the device's folders more than {DEPTH_MAX} deep")]
    FolderDepth,
    #[error("the device's files exceeded {} KB; the newest were removed", .0 >> 10)]
    Disk(u64),
    #[error(
        "the device's disk of {} KB was already full, and it wrote more than {} KB; that was removed",
        .0 >> 10,
        SPARE_ON_FULL_DISK >> 10
    )]
    FullDisk(u64),
    #[error("internal error: the device's folder could not be measured")]
    NotMeasured,
}

/// The limits for all processes of a script together.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResourceLimits {
    /// The number of processes. Each thread counts as one.
    pub(super) processes: u32,
    /// Bytes that are actually in memory.
    pub(super) memory: u64,
    /// Bytes of the device's folder on the disk.
    pub(super) disk: u64,
}

impl ResourceLimits {
    /// Returns the disk usage that the device's folder may reach while a script runs, in bytes. `before` is
    /// the usage at the start. If the folder is full already, a script can still write a little.
    pub(super) fn disk_max_for(self, before: &FolderUsage) -> u64 {
        self.disk
            .max(before.bytes.saturating_add(SPARE_ON_FULL_DISK))
    }

    /// Returns the limit that the folder's content exceeds. `before` is the usage at the script's start, and
    /// `unlinked` the bytes in files that have no name any more.
    pub(super) fn disk_excess(
        self,
        before: &FolderUsage,
        now: &FolderUsage,
        unlinked: u64,
    ) -> Option<StopReason> {
        if now.is_too_deep && !before.is_too_deep {
            return Some(StopReason::FolderDepth);
        }
        if now.bytes.saturating_add(unlinked) <= self.disk_max_for(before) {
            return None;
        }
        if before.bytes.saturating_add(SPARE_ON_FULL_DISK) > self.disk {
            Some(StopReason::FullDisk(self.disk))
        } else {
            Some(StopReason::Disk(self.disk))
        }
    }
}

/// The bytes that a script may write to a full folder.
const SPARE_ON_FULL_DISK: u64 = 256 * 1024;

/// The interval at which the disk's free space is read, which takes one call.
const TICK: Duration = Duration::from_millis(10);
/// The interval in ticks at which processes and memory are counted, which takes some calls for each
/// process.
const COUNT_TICKS: u32 = 5;
/// The interval in ticks at which orphans are searched among all processes of the computer, if a
/// script can leave any.
const SEARCH_TICKS: u32 = 10;
/// Processes are counted only at every [`COUNT_TICKS`], so a search has to fall on such a tick.
const _: () = assert!(SEARCH_TICKS.is_multiple_of(COUNT_TICKS));
/// The longest interval between two measurements of the folder.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// The part of the remaining space, as a divisor, after whose use the folder is measured again.
const REMEASURE_PART: u64 = 8;

/// What is needed to watch a script.
#[derive(Debug)]
pub(super) struct Watchdog {
    pub(super) processes: Option<ScriptProcesses>,
    /// The number of processes that the isolation itself needs, besides the script's own.
    pub(super) helper_processes: u32,
    /// The device's folder.
    pub(super) root: PathBuf,
    /// The content of the folder at the script's start.
    pub(super) before: FolderUsage,
    pub(super) limits: ResourceLimits,
}

impl Watchdog {
    /// Waits until the script exceeds a limit, and returns the reason. If processes can't be
    /// counted, only the disk is watched.
    pub(super) async fn wait_for_excess(&self) -> StopReason {
        let disk = Disk::of(&self.root);
        let number = disk.number;
        let mut timer = MeasureTimer::new(
            disk,
            self.limits.disk_max_for(&self.before),
            self.before.bytes,
        );
        let mut used = ResourceUsage::default();
        for tick in 1_u32.. {
            tokio::time::sleep(TICK).await;
            if let Some(processes) = &self.processes
                && tick.is_multiple_of(COUNT_TICKS)
            {
                let search = if tick.is_multiple_of(SEARCH_TICKS) {
                    ProcessSearch::AllProcesses
                } else {
                    ProcessSearch::Descendants
                };
                used = processes.usage(number, search);
                if let Some(reason) = self.exceeded_limit(processes, used) {
                    return reason;
                }
            }
            if timer.is_due(used.unlinked) {
                let root = self.root.clone();
                let begun = Instant::now();
                let measured = tokio::task::spawn_blocking(move || tree::measure(&root)).await;
                let Ok(now) = measured else {
                    return StopReason::NotMeasured;
                };
                let disk_excess = self.limits.disk_excess(&self.before, &now, used.unlinked);
                if let Some(reason) = disk_excess {
                    return reason;
                }
                timer.measured(now.bytes, begun.elapsed());
            }
        }
        unreachable!("internal error: the watchdog has stopped")
    }

    /// Returns the limit that the processes exceed.
    fn exceeded_limit(&self, script: &ScriptProcesses, used: ResourceUsage) -> Option<StopReason> {
        let ResourceLimits {
            processes, memory, ..
        } = self.limits;
        if used.processes.saturating_sub(self.helper_processes) > processes {
            return Some(StopReason::Processes(processes));
        }
        // Shared memory was counted more than once, so an exact count decides.
        if used.memory > memory && script.memory_shared() > memory {
            return Some(StopReason::Memory(memory));
        }
        None
    }
}

/// Determines when the folder has to be measured.
struct MeasureTimer {
    disk: Disk,
    /// The disk usage that the folder may reach, in bytes.
    disk_max: u64,
    /// The disk usage at the last measurement, in bytes.
    used: u64,
    free: Option<FreeSpace>,
    last: Instant,
    /// The duration of the last measurement. The next one does not begin before the same time has
    /// passed.
    took: Duration,
}

impl MeasureTimer {
    fn new(disk: Disk, disk_max: u64, used: u64) -> Self {
        MeasureTimer {
            free: disk.free(),
            disk,
            disk_max,
            used,
            last: Instant::now(),
            took: Duration::ZERO,
        }
    }

    /// Returns whether the folder has to be measured now.
    fn is_due(&self, unlinked: u64) -> bool {
        let since = self.last.elapsed();
        if since < self.took {
            return false;
        }
        let left = self.disk_max.saturating_sub(self.used);
        let has_shrunk = match (self.free, self.disk.free()) {
            (Some(before), Some(now)) => {
                before.bytes.saturating_sub(now.bytes) > left / REMEASURE_PART
                    || before.files.saturating_sub(now.files)
                        > left / REMEASURE_PART / ENTRY_BYTES_MIN
            }
            _ => false,
        };
        has_shrunk || unlinked > left || since >= MEASURE_EVERY
    }

    /// Records a measurement, and the time it took.
    fn measured(&mut self, used: u64, took: Duration) {
        self.free = self.disk.free();
        self.used = used;
        self.took = took;
        self.last = Instant::now();
    }
}

/// The free space of a disk.
#[derive(Debug, Clone, Copy)]
struct FreeSpace {
    bytes: u64,
    /// The number of files that can still be created.
    files: u64,
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
        let stat = folder.as_ref().and_then(|folder| folder.metadata().ok());
        Disk {
            number: stat.map(|stat| stat.dev()),
            folder,
        }
    }

    /// Returns the free space, if it is known.
    fn free(&self) -> Option<FreeSpace> {
        let stat = rustix::fs::fstatvfs(self.folder.as_ref()?).ok()?;
        Some(FreeSpace {
            bytes: stat.f_bfree * stat.f_frsize,
            files: stat.f_ffree,
        })
    }
}

#[cfg(not(unix))]
impl Disk {
    fn of(_: &std::path::Path) -> Self {
        Disk { number: None }
    }

    fn free(&self) -> Option<FreeSpace> {
        None
    }
}
