//! Downloads results, stores them in the run folder and writes their records.
//!
//! Nothing that a device sends is trusted. Its size is limited packed and unpacked, its names are
//! made safe, and its bytes are hashed both as downloaded and as stored.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use svar_engine::{DeviceIndex, RequestIndex, ResultSummary, StepIndex};
use svar_plan::{CompiledPlan, Verb, Verdict};
use svar_wire::ActionId;

use crate::driver::blocking::spawn_blocking_io;
use crate::driver::client::{CallError, Client, DownloadError, Downloaded};
use crate::driver::store::{
    FileAction, FolderError, Record, RecordFile, RecordOutput, RecordStore, draft_in, settle,
};

use super::error::{CollectError, spoiled};
use super::gzip::{UnpackError, is_gzip, unpack};
use super::limits::ResultLimits;
use super::script_output::{ScriptOutput, unpack_text};

/// A result to fetch.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) device: DeviceIndex,
    /// Index into the plan's steps.
    pub(crate) step: StepIndex,
    pub(crate) verb: Verb,
    pub(crate) action: ActionId,
    pub(crate) index: RequestIndex,
    /// The path of a collected file on the device.
    pub(crate) source: String,
    /// Whether a result of an unexpected form is stored as it is. Until then it is fetched again,
    /// because it may have been damaged on the way.
    pub(crate) as_it_came: bool,
}

/// A result that was fetched, stored and judged.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) summary: ResultSummary,
    pub(crate) verdict: Verdict,
}

/// Fetches a result, stores it, judges it and writes its record. The record and the files that it
/// names are durable on return. Repeating it overwrites the same files.
pub(crate) async fn collect(
    client: &Client,
    records: &Arc<RecordStore>,
    compiled: &Arc<CompiledPlan>,
    caps: ResultLimits,
    wanted: Wanted,
) -> Result<Collected, CollectError> {
    let link = client.result_link(&wanted.action, wanted.index).await?;
    let target = records.folder().path().join(match wanted.verb {
        Verb::Get => records.file_path(
            wanted.device,
            wanted.step,
            &wanted.action,
            wanted.index,
            &wanted.source,
        ),
        _ => records.raw_path(wanted.device, wanted.step, &wanted.action, wanted.index),
    });
    records.folder().create_parent(&target)?;
    let folder = target
        .parent()
        .unwrap_or(records.folder().path())
        .to_owned();
    let disk = |error| FolderError::io(FileAction::Write, &target)(error);
    let mut wire = draft_in(&folder).map_err(disk)?;
    let bytes_max = match wanted.verb {
        Verb::Get => caps.wire_bytes,
        _ => caps.script_bytes,
    };
    let downloaded = client
        .download(&link, wire.as_file_mut(), bytes_max)
        .await
        .map_err(|error| match error {
            // The address is valid for half an hour; the next try requests a new one.
            DownloadError::Call(CallError::Refused(refusal)) => CollectError::Spoiled(format!(
                "the result's address was refused with HTTP {}",
                refusal.status
            )),
            DownloadError::Call(failure) => CollectError::Call(failure),
            DownloadError::TooLarge(_) => CollectError::TooLarge(error.to_string()),
            DownloadError::Disk(error) => CollectError::Folder(disk(error)),
        })?;
    let records = Arc::clone(records);
    let compiled = Arc::clone(compiled);
    // Unpacking, hashing and syncing gigabytes would delay the answers of other calls.
    let stored = spawn_blocking_io(move || {
        let came = Came { wire, downloaded };
        store(&records, &compiled, caps, &wanted, came)
    });
    match stored.await {
        Ok(collected) => collected,
        Err(error) => Err(CollectError::Spoiled(format!(
            "internal error: storing it failed: {error}"
        ))),
    }
}

struct Came {
    wire: tempfile::NamedTempFile,
    downloaded: Downloaded,
}

fn store(
    records: &RecordStore,
    compiled: &CompiledPlan,
    caps: ResultLimits,
    wanted: &Wanted,
    came: Came,
) -> Result<Collected, CollectError> {
    let path = records.record_path(wanted.device, wanted.step, &wanted.action, wanted.index);
    let mut record = records
        .read(&path)
        .or_else(|| {
            records.blank(
                wanted.device,
                wanted.step,
                wanted.verb,
                &wanted.action,
                wanted.index,
            )
        })
        .ok_or_else(|| {
            CollectError::Spoiled("internal error: it belongs to no step of the plan".into())
        })?;
    record.missing = None;
    let summary = match wanted.verb {
        Verb::Get => store_file(records, caps, wanted, came, &mut record)?,
        _ => store_script(records, caps, wanted, came, &mut record, &path)?,
    };
    let verdict = match record.result() {
        Some(result) => {
            let judged = compiled.judge(wanted.device, wanted.step, &result, records);
            hush(judged, records)
        }
        None => Verdict::Met,
    };
    record.judged = Some(verdict.clone());
    records.write(&path, &record)?;
    Ok(Collected { summary, verdict })
}

/// Masks secrets in the reason of a verdict, because it may quote the device's output.
fn hush(verdict: Verdict, records: &RecordStore) -> Verdict {
    match verdict {
        Verdict::NotMet { why } => Verdict::NotMet {
            why: records.secrets().mask(&why).into_owned(),
        },
        Verdict::Met => Verdict::Met,
    }
}

fn store_script(
    records: &RecordStore,
    caps: ResultLimits,
    wanted: &Wanted,
    came: Came,
    record: &mut Record,
    record_path: &str,
) -> Result<ResultSummary, CollectError> {
    let Came {
        mut wire,
        downloaded,
    } = came;
    let raw_path = records.raw_path(wanted.device, wanted.step, &wanted.action, wanted.index);
    let target = records.folder().path().join(&raw_path);
    let disk = |error| FolderError::io(FileAction::Write, &target)(error);
    let mut bytes = Vec::new();
    wire.as_file_mut()
        .seek(SeekFrom::Start(0))
        .and_then(|_| wire.as_file_mut().read_to_end(&mut bytes))
        .map_err(disk)?;
    let text = unpack_text(bytes, caps.script_bytes)?;
    let output = match ScriptOutput::read(&text) {
        Some(output) => output,
        None if wanted.as_it_came => ScriptOutput::unparsed(&text),
        None => {
            let why = "unexpected result format";
            return Err(CollectError::Spoiled(why.to_owned()));
        }
    };
    let secrets = records.secrets();
    let shows_secret = secrets.shows_in(&text)
        || secrets.shows_in(&output.stdout)
        || secrets.shows_in(&output.stderr);
    let raw = if shows_secret {
        // The value of a secret input never reaches the disk; the hash of the download is kept.
        None
    } else {
        settle(wire, &target).map_err(disk)?;
        Some(raw_path)
    };
    record.exit = output.exit;
    record.stdout = Some(secrets.mask(&output.stdout).into_owned());
    record.stderr = Some(secrets.mask(&output.stderr).into_owned());
    record.output = Some(RecordOutput {
        raw,
        size_wire: downloaded.size,
        sha256_wire: downloaded.sha256.clone(),
    });
    Ok(ResultSummary::Script {
        exit: output.exit,
        path: record_path.to_owned(),
        sha256_wire: downloaded.sha256,
    })
}

fn store_file(
    records: &RecordStore,
    caps: ResultLimits,
    wanted: &Wanted,
    came: Came,
    record: &mut Record,
) -> Result<ResultSummary, CollectError> {
    let Came {
        mut wire,
        downloaded,
    } = came;
    let path = records.file_path(
        wanted.device,
        wanted.step,
        &wanted.action,
        wanted.index,
        &wanted.source,
    );
    let target = records.folder().path().join(&path);
    let disk = |error| FolderError::io(FileAction::Write, &target)(error);
    let mut head = [0; 2];
    let mut read = || -> io::Result<bool> {
        let file = wire.as_file_mut();
        file.seek(SeekFrom::Start(0))?;
        let length = file.read(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(is_gzip(&head[..length]))
    };
    let gzip = read().map_err(disk)?;
    let (size, sha256, name_in_gzip) = if gzip {
        let folder = target.parent().unwrap_or(records.folder().path());
        let mut content = draft_in(folder).map_err(disk)?;
        let unpacked = unpack(
            wire.as_file_mut(),
            downloaded.size,
            content.as_file_mut(),
            caps,
        )
        .map_err(|error| match error {
            UnpackError::Input(error) => spoiled(&error),
            UnpackError::Output(error) => CollectError::Folder(disk(error)),
            UnpackError::TooLarge(words) => CollectError::TooLarge(words),
        })?;
        settle(content, &target).map_err(disk)?;
        unpacked
    } else if !wanted.as_it_came {
        let why = "not gzip-compressed";
        return Err(CollectError::Spoiled(why.to_owned()));
    } else {
        // Four other clients saw only gzip; other content is stored unchanged.
        settle(wire, &target).map_err(disk)?;
        (downloaded.size, downloaded.sha256.clone(), None)
    };
    record.file = Some(RecordFile {
        source: records.secrets().mask(&wanted.source).into_owned(),
        path: path.clone(),
        size,
        sha256: sha256.clone(),
        size_wire: downloaded.size,
        sha256_wire: downloaded.sha256.clone(),
        gzip,
        name_in_gzip,
    });
    Ok(ResultSummary::File {
        path,
        size,
        sha256,
        sha256_wire: downloaded.sha256,
    })
}
