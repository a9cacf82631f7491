//! Watches what a script uses: limits of the kernel count per process or not at all (the number of
//! processes is unlimited for root), a device's share is that of all its processes together.

use std::path::Path;
use std::time::Duration;

/// What the processes of a script may use together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) processes: u32,
    /// Bytes that are really in memory.
    pub(super) memory: u64,
    /// Bytes of the device's folder on the disk.
    pub(super) disk: u64,
}

/// So often processes are counted: what a script can start meanwhile must be bearable.
const TICK: Duration = Duration::from_millis(100);
/// Every so many ticks the disk is measured, which takes a walk over the folder.
const DISK_TICKS: u32 = 10;
/// Folders nested deeper are not measured; no file can be named there anyway.
const DEPTH_MAX: u32 = 64;

/// Waits until the script that began as this process uses more than it may; says what, in words.
/// Where processes can't be counted only the disk is watched.
pub(super) async fn exceeded(process: Option<u32>, root: &Path, allowance: Allowance) -> String {
    for tick in 1_u32.. {
        tokio::time::sleep(TICK).await;
        let used = process.map(used).unwrap_or_default();
        if used.processes > allowance.processes {
            return format!("it had more than {} processes", allowance.processes);
        }
        if used.memory > allowance.memory {
            return format!("it used more than {} MB of memory", allowance.memory >> 20);
        }
        if tick.is_multiple_of(DISK_TICKS) {
            let root = root.to_owned();
            let disk = tokio::task::spawn_blocking(move || on_disk(&root, 0)).await;
            if disk.is_ok_and(|disk| disk > allowance.disk) {
                return format!(
                    "its device's files took more than {} KB",
                    allowance.disk >> 10
                );
            }
        }
    }
    String::new()
}

#[derive(Debug, Default, Clone, Copy)]
struct Used {
    processes: u32,
    memory: u64,
}

/// The process, its descendants, and what else is in its group: an orphan stays there.
#[cfg(target_os = "linux")]
fn used(process: u32) -> Used {
    use std::collections::HashSet;
    let mut found = HashSet::from([process]);
    let mut rest = vec![process];
    while let Some(process) = rest.pop() {
        let threads = format!("/proc/{process}/task");
        for thread in std::fs::read_dir(threads).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(thread.path().join("children"));
            let children = children.unwrap_or_default();
            let children = children.split_whitespace().filter_map(|id| id.parse().ok());
            rest.extend(children.filter(|child| found.insert(*child)));
        }
    }
    for (id, group) in groups() {
        if group == process {
            found.insert(id);
        }
    }
    let pages = |id: &u32| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{id}/statm")).ok()?;
        text.split(' ').nth(1)?.parse().ok()
    };
    Used {
        processes: u32::try_from(found.len()).unwrap_or(u32::MAX),
        memory: found.iter().filter_map(pages).sum::<u64>() * 4096,
    }
}

#[cfg(not(target_os = "linux"))]
fn used(_: u32) -> Used {
    Used::default()
}

/// All processes with their groups.
#[cfg(target_os = "linux")]
fn groups() -> impl Iterator<Item = (u32, u32)> {
    processes().filter_map(|id| {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold anything; state, parent and group follow it.
        let group = text.rsplit_once(')')?.1.split_whitespace().nth(2)?;
        Some((id, group.parse().ok()?))
    })
}

#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Ends what has left its process group and still carries the device's mark in its environment.
#[cfg(target_os = "linux")]
pub(super) fn end_strays(mark: &str) {
    let mark = mark.as_bytes();
    let is_stray = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark)
    };
    // A stray may start another one while it is looked for.
    for _ in 0..10 {
        let strays: Vec<u32> = processes().filter(is_stray).collect();
        if strays.is_empty() {
            return;
        }
        for stray in strays {
            let id = i32::try_from(stray)
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(id) = id {
                // It may be gone already.
                let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_strays(_: &str) {}

/// Bytes on the disk under a folder; links are not followed.
fn on_disk(folder: &Path, depth: u32) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() && depth < DEPTH_MAX => on_disk(&entry.path(), depth + 1),
            Ok(about) => taken(&about),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(unix)]
fn taken(about: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    about.blocks() * 512
}

#[cfg(not(unix))]
fn taken(about: &std::fs::Metadata) -> u64 {
    about.len()
}
