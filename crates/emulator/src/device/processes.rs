//! Measures what all processes of a script use together.

#[cfg(target_os = "linux")]
use std::collections::HashMap;

#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};

/// The way to find a script's processes.
#[derive(Debug, Clone)]
pub(super) struct ScriptProcesses {
    /// The process that was started.
    pub(super) first: u32,
    /// The environment entry that all of them have unless they removed it. `None` if the processes
    /// can't leave: an orphan becomes a child of a process that stays.
    pub(super) mark: Option<String>,
}

/// The resources that the processes use.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Used {
    /// The number of processes. Each thread counts as one.
    pub(super) processes: u32,
    /// Bytes in memory, including files that exist only there. Memory that several processes share
    /// is counted for each.
    pub(super) memory: u64,
    /// Bytes on the folder's disk in files that have no name any more.
    pub(super) nameless: u64,
}

#[cfg(not(target_os = "linux"))]
impl ScriptProcesses {
    /// Returns zero, because processes can't be counted on this system.
    pub(super) fn used(&self, _folders_disk: Option<u64>, _is_thorough: bool) -> Used {
        Used::default()
    }

    pub(super) fn memory_shared(&self) -> u64 {
        0
    }

    pub(super) fn end_inside(&self) {}

    pub(super) fn is_alive_inside(&self) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
impl ScriptProcesses {
    /// Counts the resources used. `folders_disk` is the number of the disk with the device's
    /// folder. A thorough count also finds orphans outside, for which it checks every process of
    /// the computer.
    pub(super) fn used(&self, folders_disk: Option<u64>, is_thorough: bool) -> Used {
        let members = self.members(is_thorough);
        let mut used = Used::default();
        let mut files = HashMap::new();
        for (id, threads) in &members {
            used.processes = used.processes.saturating_add(*threads);
            used.memory += resident(*id).unwrap_or_default();
            nameless(*id, &mut files);
        }
        for ((disk, _), bytes) in files {
            match Some(disk) == folders_disk {
                true => used.nameless += bytes,
                false => used.memory += bytes,
            }
        }
        used
    }

    /// Returns the bytes in memory, with shared memory counted once. This is slower and exact.
    pub(super) fn memory_shared(&self) -> u64 {
        let mut files = HashMap::new();
        let mut memory = 0;
        for id in self.members(true).keys() {
            memory += share(*id).or_else(|| resident(*id)).unwrap_or_default();
            nameless(*id, &mut files);
        }
        memory + files.values().sum::<u64>()
    }

    /// Ends the processes of a script that can't leave. It ends the children of the first process,
    /// which are the first of their namespace, and with them everything in it. The first process is
    /// stopped before, since it would print that they were killed.
    pub(super) fn end_inside(&self) {
        if self.mark.is_none() {
            send(self.first, Signal::STOP);
            for id in children(&own_thread(self.first)) {
                send(id, Signal::KILL);
            }
        }
    }

    /// Checks whether a process inside still runs. The first process of a namespace ends after all
    /// others.
    pub(super) fn is_alive_inside(&self) -> bool {
        let is_alive = |id: &u32| state(*id).is_some_and(|state| state != "Z" && state != "X");
        self.mark.is_none() && children(&own_thread(self.first)).iter().any(is_alive)
    }

    /// Returns the first process and its descendants, each with the number of its threads.
    fn members(&self, is_thorough: bool) -> HashMap<u32, u32> {
        let mut found = HashMap::new();
        let mut rest = vec![self.first];
        if let Some(mark) = self.mark.as_deref().filter(|_| is_thorough) {
            let is_ours = |id: &u32| group(*id) == Some(self.first) || carries(*id, mark);
            rest.extend(processes().filter(is_ours));
        }
        while let Some(id) = rest.pop() {
            if found.contains_key(&id) {
                continue;
            }
            let mut threads = 0;
            let tasks = std::fs::read_dir(format!("/proc/{id}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                threads += 1;
                rest.extend(children(&task.path().to_string_lossy()));
            }
            found.insert(id, threads);
        }
        found
    }
}

/// Returns the children of a thread.
#[cfg(target_os = "linux")]
fn children(thread: &str) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("{thread}/children")).unwrap_or_default();
    let children = children.split(' ');
    children.filter_map(|id| id.parse().ok()).collect()
}

#[cfg(target_os = "linux")]
fn own_thread(id: u32) -> String {
    format!("/proc/{id}/task/{id}")
}

/// Sends a signal to a process, which may have ended already.
#[cfg(target_os = "linux")]
fn send(id: u32, signal: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    let _ = id.map(|id| kill_process(id, signal));
}

/// Returns the memory of a process in bytes. The kernel counts it in pages.
#[cfg(target_os = "linux")]
fn resident(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Returns the process's own memory and its share of shared memory.
#[cfg(target_os = "linux")]
fn share(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Adds the files without a name that a process has open, by disk and number.
#[cfg(target_os = "linux")]
fn nameless(id: u32, files: &mut HashMap<(u64, u64), u64>) {
    use std::os::unix::fs::MetadataExt as _;
    let held = std::fs::read_dir(format!("/proc/{id}/fd"));
    for entry in held.into_iter().flatten().flatten() {
        if let Ok(about) = std::fs::metadata(entry.path())
            && about.is_file()
            && about.nlink() == 0
        {
            files.insert((about.dev(), about.ino()), about.blocks() * 512);
        }
    }
}

#[cfg(target_os = "linux")]
fn group(id: u32) -> Option<u32> {
    stat(id, 2)?.parse().ok()
}

/// Returns the state of a process as a letter. `Z` is a process that has ended and was not waited
/// for yet.
#[cfg(target_os = "linux")]
fn state(id: u32) -> Option<String> {
    stat(id, 0)
}

/// Returns one of the fields about a process: state, parent, group and others.
#[cfg(target_os = "linux")]
fn stat(id: u32, word: usize) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may contain any character.
    let words = text.rsplit_once(')')?.1;
    words.split_whitespace().nth(word).map(str::to_owned)
}

#[cfg(target_os = "linux")]
fn carries(id: u32, mark: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|entry| entry == mark.as_bytes())
}

#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The largest number of searches for strays. A process that starts others faster than they are
/// ended would otherwise keep the search going forever.
#[cfg(target_os = "linux")]
const ROUNDS_MAX: u32 = 200;

/// Ends processes that have left their process group and still have the mark in their environment.
#[cfg(target_os = "linux")]
pub(super) fn end_strays(mark: &str) {
    for _ in 0..ROUNDS_MAX {
        let mut is_done = true;
        for stray in processes().filter(|id| carries(*id, mark)) {
            is_done = false;
            send(stray, Signal::KILL);
        }
        if is_done {
            return;
        }
        // A killed process needs a moment to disappear.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_strays(_: &str) {}
