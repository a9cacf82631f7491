//! What the processes of a script use at this moment, all of them together.

#[cfg(target_os = "linux")]
use std::collections::HashMap;

#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};

/// How a script's processes are told from others.
#[derive(Debug, Clone)]
pub(super) struct ScriptProcesses {
    /// The process that began.
    pub(super) first: u32,
    /// An entry of the environment that all of them have unless they took it away. None: they can't
    /// leave, since an orphan becomes a child of one that stays.
    pub(super) mark: Option<String>,
}

/// What they use.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Used {
    /// Processes, each thread of theirs counted as one.
    pub(super) processes: u32,
    /// Bytes in memory, files that are only there included; what several share counts as often.
    pub(super) memory: u64,
    /// Bytes on the folder's disk in files that have no name any more.
    pub(super) nameless: u64,
}

#[cfg(not(target_os = "linux"))]
impl ScriptProcesses {
    /// Nothing: processes can't be counted here.
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
    /// Counts what is used. `folders_disk` is the number of the disk that the device's folder is on;
    /// a thorough count also looks at orphans outside, which takes a look at every process there is.
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

    /// Bytes in memory, what several share counted once: slower, and exact.
    pub(super) fn memory_shared(&self) -> u64 {
        let mut files = HashMap::new();
        let mut memory = 0;
        for id in self.members(true).keys() {
            memory += share(*id).or_else(|| resident(*id)).unwrap_or_default();
            nameless(*id, &mut files);
        }
        memory + files.values().sum::<u64>()
    }

    /// Where nobody can leave: ends the first one's children, and with them, as they are the first of
    /// their namespace, everything. The first one is stopped, since it would print that they were killed.
    pub(super) fn end_inside(&self) {
        if self.mark.is_none() {
            send(self.first, Signal::STOP);
            for id in children(&own_thread(self.first)) {
                send(id, Signal::KILL);
            }
        }
    }

    /// Whether something inside still runs. The first of a namespace is gone after all others.
    pub(super) fn is_alive_inside(&self) -> bool {
        let is_alive = |id: &u32| state(*id).is_some_and(|state| state != "Z" && state != "X");
        self.mark.is_none() && children(&own_thread(self.first)).iter().any(is_alive)
    }

    /// The first process and its descendants with the number of their threads.
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

/// The children that a thread has.
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

/// Sends a signal to a process, which may be gone already.
#[cfg(target_os = "linux")]
fn send(id: u32, signal: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    let _ = id.map(|id| kill_process(id, signal));
}

/// Pages, as the kernel counts them.
#[cfg(target_os = "linux")]
fn resident(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// The process's own memory and its part of what it shares.
#[cfg(target_os = "linux")]
fn share(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Adds the files without a name that a process holds open, by disk and number.
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

/// A letter: `Z` has ended and waits to be asked how.
#[cfg(target_os = "linux")]
fn state(id: u32) -> Option<String> {
    stat(id, 0)
}

/// One of the words about a process: state, parent, group and more.
#[cfg(target_os = "linux")]
fn stat(id: u32, word: usize) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold anything.
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

/// So often strays are looked for: one that starts others faster than they are ended would keep this
/// going for ever.
#[cfg(target_os = "linux")]
const ROUNDS_MAX: u32 = 200;

/// Ends what has left its process group and still carries the mark in its environment.
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
        // What was killed needs a moment to be gone.
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn end_strays(_: &str) {}
