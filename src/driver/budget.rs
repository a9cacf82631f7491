//! Shares one tenant's budget of calls between the svar processes on one computer.
//!
//! The budget is a file with a line for each granted call, and for each change of the number of
//! slots that a process holds:
//!
//! ```text
//! svar-budget 1 1770109811123
//! starts 1770109811123 20260203-091011-4f09ac/4321
//! held 7 1770109811123 20260203-091011-4f09ac/4321
//! ```
//!
//! Asking, granting and writing happen under a lock of the system, which is released when its
//! process ends. Calls of a process that has died still count. The slots that it held count for a
//! while longer, because its sessions continue without it. The budget is only advice: if the file
//! can't be used, a run uses its own budget alone.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use svar_engine::Endpoint;
use svar_wire::Moment;
use svar_wire::RunId;

const HEADER: &str = "svar-budget 1 ";

/// The longest window of the tenant's limits.
const HOUR: Duration = Duration::from_secs(3_600);

/// How long slots count after the last line of the process that holds them.
const HELD_SLOTS_LIFETIME: Duration = Duration::from_secs(900);

/// How often a process repeats that it still holds its slots.
const HEARTBEAT: Duration = Duration::from_secs(60);

/// Maximum size of the file in bytes. A larger file is rewritten without expired lines.
const FILE_BYTES_MAX: u64 = 512 * 1024;

/// Maximum number of tries to take the lock, a millisecond apart. It is normally held for less than
/// that.
const LOCK_TRIES_MAX: u32 = 500;

/// One process's view of the file.
#[derive(Debug)]
pub struct SharedBudget {
    path: PathBuf,
    run: String,
    process: String,
    /// The first line of the file when it was last read, which changes with each rewrite.
    /// `offset` is the position up to which the file was read.
    generation: String,
    offset: u64,
    /// The time when it was last read.
    read_at: Moment,
    /// The number of slots that each other process last reported.
    held: HashMap<String, HeldSlots>,
    /// The number of slots that this process last reported.
    reported: Option<HeldSlots>,
}

/// A report of the number of slots that a process holds.
#[derive(Debug, Clone, Copy)]
struct HeldSlots {
    slots: u32,
    /// The time of the report.
    at: Moment,
}

/// The usage by other processes since the last turn.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OthersUsage {
    /// The calls that they were granted.
    pub granted: Vec<(Endpoint, Moment)>,
    /// The number of slots that they hold.
    pub slots_held: u32,
}

/// Exclusive access to the budget file for this process.
#[derive(Debug)]
pub struct LockedBudget<'b> {
    budget: &'b mut SharedBudget,
    file: File,
    _lock: File,
    now: Moment,
}

impl SharedBudget {
    /// Returns the budget in this file, which need not exist yet.
    ///
    /// # Errors
    /// The folder of the file can't be created.
    pub fn open(path: impl Into<PathBuf>, run: &RunId) -> io::Result<SharedBudget> {
        let path = path.into();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(SharedBudget {
            path,
            run: format!("{run}/"),
            process: format!("{run}/{}", std::process::id()),
            generation: String::new(),
            offset: 0,
            read_at: Moment::EPOCH,
            held: HashMap::new(),
            reported: None,
        })
    }

    /// Locks the file and reads the usage by other processes. The lock is held until the turn is
    /// dropped.
    ///
    /// # Errors
    /// The file can't be used.
    pub fn lock(&mut self, now: Moment) -> io::Result<(LockedBudget<'_>, OthersUsage)> {
        let lock = take_lock(&self.path.with_extension("lock"))?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&self.path)?;
        let length = file.metadata()?.len();
        if length == 0 || length > FILE_BYTES_MAX {
            file = self.rewrite(now)?;
        }
        let granted = self.read(&mut file, now)?;
        self.held.retain(|_, held| {
            now.since(held.at) < HELD_SLOTS_LIFETIME && held.at.since(now) < HEARTBEAT
        });
        let slots_held = self.held.values().map(|held| held.slots).sum();
        let locked = LockedBudget {
            budget: self,
            file,
            _lock: lock,
            now,
        };
        Ok((
            locked,
            OthersUsage {
                granted,
                slots_held,
            },
        ))
    }

    /// Reads the lines that were written since the last turn.
    fn read(&mut self, file: &mut File, now: Moment) -> io::Result<Vec<(Endpoint, Moment)>> {
        let mut header = vec![0; HEADER.len() + 24];
        file.seek(SeekFrom::Start(0))?;
        let length = file.read(&mut header)?;
        let header = String::from_utf8_lossy(&header[..length]);
        let generation = header.lines().next().unwrap_or_default();
        // A rewritten file repeats lines that were already reported.
        let mut reported_until = Moment::EPOCH;
        if generation != self.generation {
            generation.clone_into(&mut self.generation);
            self.offset = 0;
            reported_until = self.read_at;
        }
        self.read_at = now;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        // A process ended while it wrote an incomplete line.
        let complete = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map(|at| at + 1)
            .unwrap_or_default();
        self.offset += complete as u64;
        let mut granted = Vec::new();
        for line in String::from_utf8_lossy(&text[..complete]).lines() {
            match Entry::parse(line) {
                Some(Entry::Held { slots, at, process }) if !process.starts_with(&self.run) => {
                    self.held
                        .insert(process.to_owned(), HeldSlots { slots, at });
                }
                Some(Entry::Granted {
                    endpoint,
                    at,
                    process,
                }) if process != self.process => {
                    // A run's own starts are in its journal. Times in the future come from another
                    // clock.
                    let own_start = endpoint == Endpoint::Starts && process.starts_with(&self.run);
                    let counts = now.since(at) < HOUR && at.since(now) < HEARTBEAT;
                    if counts && !own_start && at > reported_until {
                        granted.push((endpoint, at));
                    }
                }
                _ => {}
            }
        }
        Ok(granted)
    }

    /// Rewrites the file without expired lines.
    fn rewrite(&mut self, now: Moment) -> io::Result<File> {
        let old = fs::read_to_string(&self.path).unwrap_or_default();
        let mut text = format!("{HEADER}{}\n", now.millis());
        for line in old.lines() {
            let counts = match Entry::parse(line) {
                Some(Entry::Granted { at, .. }) => now.since(at) < HOUR,
                Some(Entry::Held { at, .. }) => now.since(at) < HELD_SLOTS_LIFETIME,
                None => false,
            };
            if counts {
                text.push_str(line);
                text.push('\n');
            }
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(text.as_bytes())?;
        draft.persist(&self.path).map_err(|error| error.error)?;
        OpenOptions::new().read(true).append(true).open(&self.path)
    }
}

impl LockedBudget<'_> {
    /// Writes the calls that this process was granted, and its number of slots if that is new.
    ///
    /// # Errors
    /// The disk fails.
    pub fn write(mut self, rows: &[Endpoint], slots_held: u32) -> io::Result<()> {
        let process = &self.budget.process;
        let now = self.now;
        let mut text = String::new();
        for endpoint in rows {
            text.push_str(&format!("{endpoint} {} {process}\n", now.millis()));
        }
        let is_new = match self.budget.reported {
            None => slots_held > 0,
            Some(HeldSlots { slots, at }) => {
                slots != slots_held || (slots > 0 && now.since(at) >= HEARTBEAT)
            }
        };
        if is_new {
            text.push_str(&format!("held {slots_held} {} {process}\n", now.millis()));
        }
        if text.is_empty() {
            return Ok(());
        }
        // Ends an incomplete line of a process that has died.
        let end = self.file.seek(SeekFrom::End(0))?;
        if end > self.budget.offset {
            text.insert(0, '\n');
        }
        self.file.write_all(text.as_bytes())?;
        self.budget.offset = end + text.len() as u64;
        if is_new {
            self.budget.reported = Some(HeldSlots {
                slots: slots_held,
                at: now,
            });
        }
        Ok(())
    }
}

enum Entry<'l> {
    Granted {
        endpoint: Endpoint,
        at: Moment,
        process: &'l str,
    },
    Held {
        slots: u32,
        at: Moment,
        process: &'l str,
    },
}

impl Entry<'_> {
    fn parse(line: &str) -> Option<Entry<'_>> {
        let fields: Vec<&str> = line.split(' ').collect();
        let at = |text: &str| text.parse().ok().map(Moment::from_millis);
        match fields.as_slice() {
            ["held", slots, time, process] => Some(Entry::Held {
                slots: slots.parse().ok()?,
                at: at(time)?,
                process,
            }),
            [endpoint, time, process] => Some(Entry::Granted {
                endpoint: Endpoint::ALL
                    .into_iter()
                    .find(|known| known.to_string() == *endpoint)?,
                at: at(time)?,
                process,
            }),
            _ => None,
        }
    }
}

fn take_lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    for _ in 0..LOCK_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other(
        "another process holds the lock for too long",
    ))
}
