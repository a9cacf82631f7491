//! Measures what all processes of a script use together.

#[cfg(target_os = "linux")]
use std::collections::HashMap;

#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};

/// The processes of a script.
#[derive(Debug, Clone)]
pub(super) struct ScriptProcesses {
    /// The process that was started.
    pub(super) first_id: u32,
    /// The environment entry that all of them have unless they removed it. `None` if they are in
    /// namespaces, where an orphan becomes a child of the first process inside.
    pub(super) marker: Option<Vec<u8>>,
}

/// The resources that the processes use.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct ResourceUsage {
    /// The number of processes. Each thread counts as one.
    pub(super) processes: u32,
    /// Bytes in memory, including files that exist only there. Memory that several processes share
    /// is counted for each.
    pub(super) memory: u64,
    /// Bytes on the folder's disk in files that have no name any more.
    pub(super) unlinked: u64,
}

/// The processes among which those of a script are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProcessSearch {
    /// The descendants of the first process.
    Descendants,
    /// All processes of the computer, so that orphans are found too.
    AllProcesses,
}

#[cfg(not(target_os = "linux"))]
impl ScriptProcesses {
    /// Returns zero, because processes can't be counted on this system.
    pub(super) fn usage(
        &self,
        _folders_disk: Option<u64>,
        _search: ProcessSearch,
    ) -> ResourceUsage {
        ResourceUsage::default()
    }

    pub(super) fn memory_shared(&self) -> u64 {
        0
    }

    pub(super) fn kill_namespace(&self) {}

    pub(super) fn is_namespace_alive(&self) -> bool {
        false
    }
}

#[cfg(target_os = "linux")]
impl ScriptProcesses {
    /// Counts the resources that the processes use. `folders_disk` is the number of the disk with the
    /// device's folder.
    pub(super) fn usage(&self, folders_disk: Option<u64>, search: ProcessSearch) -> ResourceUsage {
        let find_all = self.find_all(search);
        let mut used = ResourceUsage::default();
        let mut files = HashMap::new();
        for (id, threads) in &find_all {
            used.processes = used.processes.saturating_add(*threads);
            // A process that has ended meanwhile uses nothing.
            used.memory += resident(*id).unwrap_or(0);
            add_unlinked(*id, &mut files);
        }
        for ((disk, _), bytes) in files {
            if Some(disk) == folders_disk {
                used.unlinked += bytes;
            } else {
                used.memory += bytes;
            }
        }
        used
    }

    /// Returns the bytes in memory, with shared memory counted once. This is slower and exact.
    pub(super) fn memory_shared(&self) -> u64 {
        let mut files = HashMap::new();
        let mut memory = 0;
        for id in self.find_all(ProcessSearch::AllProcesses).keys() {
            memory += proportional_share(*id)
                .or_else(|| resident(*id))
                .unwrap_or(0);
            add_unlinked(*id, &mut files);
        }
        memory + files.values().sum::<u64>()
    }

    /// Kills the processes of a script in namespaces. It kills the children of the first process, which are
    /// the first in their namespace, and with them all others in it. The first process is stopped before,
    /// since it would print that they were killed.
    pub(super) fn kill_namespace(&self) {
        if self.marker.is_none() {
            send_signal(self.first_id, Signal::STOP);
            for id in children(&main_thread(self.first_id)) {
                send_signal(id, Signal::KILL);
            }
        }
    }

    /// Returns whether a process inside still runs. The first process of a namespace ends after all
    /// others.
    pub(super) fn is_namespace_alive(&self) -> bool {
        let is_alive = |id: &u32| state(*id).is_some_and(|state| state != "Z" && state != "X");
        self.marker.is_none() && children(&main_thread(self.first_id)).iter().any(is_alive)
    }

    /// Returns the first process and its descendants, each with the number of its threads.
    fn find_all(&self, search: ProcessSearch) -> HashMap<u32, u32> {
        let mut found = HashMap::new();
        let mut rest = vec![self.first_id];
        if let Some(marker) = self
            .marker
            .as_deref()
            .filter(|_| search == ProcessSearch::AllProcesses)
        {
            let is_of_script =
                |id: &u32| process_group(*id) == Some(self.first_id) || has_marker(*id, marker);
            rest.extend(processes().filter(is_of_script));
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

/// Returns the folder of a process's main thread.
#[cfg(target_os = "linux")]
fn main_thread(id: u32) -> String {
    format!("/proc/{id}/task/{id}")
}

/// Sends a signal to a process, which may have ended already.
#[cfg(target_os = "linux")]
fn send_signal(id: u32, signal: Signal) {
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
fn proportional_share(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Adds the files without a name that a process has open, by disk and number.
#[cfg(target_os = "linux")]
fn add_unlinked(id: u32, files: &mut HashMap<(u64, u64), u64>) {
    use std::os::unix::fs::MetadataExt as _;
    let held = std::fs::read_dir(format!("/proc/{id}/fd"));
    for entry in held.into_iter().flatten().flatten() {
        if let Ok(metadata) = std::fs::metadata(entry.path())
            && metadata.is_file()
            && metadata.nlink() == 0
        {
            files.insert((metadata.dev(), metadata.ino()), metadata.blocks() * 512);
        }
    }
}

/// Returns the process group of a process.
#[cfg(target_os = "linux")]
fn process_group(id: u32) -> Option<u32> {
    stat(id, 2)?.parse().ok()
}

/// Returns the state of a process as a letter. `Z` is a process that has ended and was not waited
/// for yet.
#[cfg(target_os = "linux")]
fn state(id: u32) -> Option<String> {
    stat(id, 0)
}

/// Returns one of the fields about a process: state, parent, process group and others.
#[cfg(target_os = "linux")]
fn stat(id: u32, word: usize) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may contain any character.
    let words = text.rsplit_once(')')?.1;
    words.split_whitespace().nth(word).map(str::to_owned)
}

/// Returns whether a process has that entry in its environment.
#[cfg(target_os = "linux")]
fn has_marker(id: u32, marker: &[u8]) -> bool {
    let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    environment
        .split(|byte| *byte == 0)
        .any(|entry| entry == marker)
}

/// Returns all processes of the computer.
#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The largest number of searches for strays. A process that starts others faster than they are
/// ended would otherwise keep the search going forever.
#[cfg(target_os = "linux")]
const SEARCHES_MAX: u32 = 200;

/// Kills processes that have left their process group and still have the marker in their environment.
#[cfg(target_os = "linux")]
pub(super) fn kill_strays(marker: &[u8]) {
    for _ in 0..SEARCHES_MAX {
        let mut is_done = true;
        for stray in processes().filter(|id| has_marker(*id, marker)) {
            is_done = false;
            send_signal(stray, Signal::KILL);
        }
        if is_done {
            return;
        }
        // A killed process needs a moment to disappear.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kill_strays(_: &[u8]) {}
