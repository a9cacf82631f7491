//! Downloads results, stores them and writes their records.
//!
//! Nothing that a device sends is trusted. Its size is limited packed and unpacked, its names are
//! made safe, and its bytes are hashed both as downloaded and as stored.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use svar_engine::ResultSummary;
use svar_plan::{CompiledPlan, Secrets, Verb, Verdict};

use crate::driver::blocking::spawn_blocking_io;
use crate::driver::client::{CallError, Client, DownloadError, Downloaded};
use crate::driver::store::{
    Record, RecordFile, RecordKey, RecordOutput, RecordStore, ResultDraft, ResultKind,
};

use super::error::{CollectError, corrupt_gzip};
use super::gzip::{UnpackError, UnpackedFile, is_gzip, unpack};
use super::limits::ResultLimits;
use super::script_output::{ScriptOutput, unpack_text};

/// A result to collect.
#[derive(Debug, Clone)]
pub(crate) struct CollectRequest {
    pub(crate) key: RecordKey,
    pub(crate) verb: Verb,
    /// The path of a collected file on the device.
    pub(crate) source: String,
    pub(crate) unexpected_form: UnexpectedForm,
}

/// The handling of a result that does not have the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnexpectedForm {
    /// Treats it as corrupt, so that it is downloaded again.
    Reject,
    /// Stores it as it is.
    StoreUnchanged,
}

/// A result that was downloaded, stored and judged.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) summary: ResultSummary,
    pub(crate) verdict: Verdict,
}

/// Downloads results into a store.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    pub(crate) records: Arc<dyn RecordStore>,
    pub(crate) compiled: Arc<CompiledPlan>,
    pub(crate) limits: ResultLimits,
}

/// A downloaded result, as it was received.
struct Download {
    draft: ResultDraft,
    downloaded: Downloaded,
}

impl Collector {
    /// Downloads a result, stores it, judges it and writes its record. The record and the files
    /// that it names are durable on return. Repeating it overwrites the same files.
    pub(crate) async fn collect(
        self,
        client: &Client,
        request: CollectRequest,
    ) -> Result<Collected, CollectError> {
        let key = &request.key;
        let link = client.result_link(&key.action, key.index).await?;
        let mut draft = self.records.create_draft(key, request.kind())?;
        let bytes_max = match request.kind() {
            ResultKind::File { .. } => self.limits.wire_bytes,
            ResultKind::Script => self.limits.script_bytes,
        };
        let downloaded = client
            .download(&link, draft.file_mut(), bytes_max)
            .await
            .map_err(|error| match error {
                // The address is valid for half an hour; the next try requests a new one.
                DownloadError::Call(CallError::Refused(refusal)) => CollectError::Corrupt(format!(
                    "the result's address was refused with HTTP {}",
                    refusal.status
                )),
                DownloadError::Call(failure) => CollectError::Call(failure),
                DownloadError::TooLarge(_) => CollectError::TooLarge(error.to_string()),
                DownloadError::Disk(error) => CollectError::Folder(draft.error(error)),
            })?;
        let download = Download { draft, downloaded };
        // Unpacking, hashing and syncing gigabytes would delay the answers of other calls.
        let stored = spawn_blocking_io(move || self.store(&request, download));
        match stored.await {
            Ok(collected) => collected,
            Err(error) => Err(CollectError::Corrupt(format!(
                "internal error: storing it failed: {error}"
            ))),
        }
    }

    fn store(
        &self,
        request: &CollectRequest,
        download: Download,
    ) -> Result<Collected, CollectError> {
        let key = &request.key;
        let mut record = (self.records.read(key))
            .unwrap_or_else(|| Record::new(self.compiled.plan(), key, request.verb));
        record.missing = None;
        let summary = match request.kind() {
            ResultKind::File { .. } => self.store_file(request, download, &mut record)?,
            ResultKind::Script => self.store_script(request, download, &mut record)?,
        };
        let verdict = match record.result() {
            Some(result) => {
                let verdict = (self.compiled).judge(key.device, key.step, &result, &*self.records);
                mask_verdict(verdict, self.secrets())
            }
            None => Verdict::Met,
        };
        record.judged = Some(verdict.clone());
        self.records.write(key, &record)?;
        Ok(Collected { summary, verdict })
    }

    fn store_script(
        &self,
        request: &CollectRequest,
        download: Download,
        record: &mut Record,
    ) -> Result<ResultSummary, CollectError> {
        let Download {
            mut draft,
            downloaded,
        } = download;
        let mut bytes = Vec::new();
        let file = draft.file_mut();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(|error| draft.error(error))?;
        let text = unpack_text(bytes, self.limits.script_bytes)?;
        let output = match (ScriptOutput::parse(&text), request.unexpected_form) {
            (Some(output), _) => output,
            (None, UnexpectedForm::StoreUnchanged) => ScriptOutput::unparsed(&text),
            (None, UnexpectedForm::Reject) => {
                let why = "unexpected result format";
                return Err(CollectError::Corrupt(why.to_owned()));
            }
        };
        let secrets = self.secrets();
        let shows_secret = secrets.occur_in(&text)
            || secrets.occur_in(&output.stdout)
            || secrets.occur_in(&output.stderr);
        let raw = if shows_secret {
            // The value of a secret input never reaches the disk; the hash of the download is kept.
            None
        } else {
            Some(self.records.store(draft)?)
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
            path: self.records.record_path(&request.key),
            sha256_wire: downloaded.sha256,
        })
    }

    fn store_file(
        &self,
        request: &CollectRequest,
        download: Download,
        record: &mut Record,
    ) -> Result<ResultSummary, CollectError> {
        let Download {
            mut draft,
            downloaded,
        } = download;
        let gzip = begins_as_gzip(&mut draft).map_err(|error| draft.error(error))?;
        let (content, draft) = match (gzip, request.unexpected_form) {
            (true, _) => self.unpack_file(request, draft, downloaded.size)?,
            // Four other clients saw only gzip; other content is stored unchanged.
            (false, UnexpectedForm::StoreUnchanged) => {
                let content = UnpackedFile {
                    size: downloaded.size,
                    sha256: downloaded.sha256.clone(),
                    name: None,
                };
                (content, draft)
            }
            (false, UnexpectedForm::Reject) => {
                let why = "not gzip-compressed";
                return Err(CollectError::Corrupt(why.to_owned()));
            }
        };
        let path = self.records.store(draft)?;
        record.file = Some(RecordFile {
            source: self.secrets().mask(&request.source).into_owned(),
            path: path.clone(),
            size: content.size,
            sha256: content.sha256.clone(),
            size_wire: downloaded.size,
            sha256_wire: downloaded.sha256.clone(),
            gzip,
            name_in_gzip: content.name,
        });
        Ok(ResultSummary::File {
            path,
            size: content.size,
            sha256: content.sha256,
            sha256_wire: downloaded.sha256,
        })
    }

    /// Unpacks a file into a new draft.
    fn unpack_file(
        &self,
        request: &CollectRequest,
        mut packed: ResultDraft,
        size: u64,
    ) -> Result<(UnpackedFile, ResultDraft), CollectError> {
        let mut draft = self.records.create_draft(&request.key, request.kind())?;
        let unpacked = unpack(packed.file_mut(), size, draft.file_mut(), self.limits);
        let content = unpacked.map_err(|error| match error {
            UnpackError::Invalid(error) => corrupt_gzip(&error),
            UnpackError::Input(error) => CollectError::Folder(packed.error(error)),
            UnpackError::Output(error) => CollectError::Folder(draft.error(error)),
            UnpackError::TooLarge(why) => CollectError::TooLarge(why),
        })?;
        Ok((content, draft))
    }

    fn secrets(&self) -> &Secrets {
        &self.compiled.plan().secrets
    }
}

impl CollectRequest {
    fn kind(&self) -> ResultKind<'_> {
        match self.verb {
            Verb::Get => ResultKind::File {
                source: &self.source,
            },
            Verb::Run | Verb::Put => ResultKind::Script,
        }
    }
}

/// Returns whether a file begins as a gzip file does, and seeks back to its start.
fn begins_as_gzip(draft: &mut ResultDraft) -> io::Result<bool> {
    let mut head = [0; 2];
    let file = draft.file_mut();
    file.seek(SeekFrom::Start(0))?;
    let length = file.read(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(is_gzip(&head[..length]))
}

/// Masks secrets in the reason of a verdict, because it may quote the device's output.
fn mask_verdict(verdict: Verdict, secrets: &Secrets) -> Verdict {
    match verdict {
        Verdict::NotMet { why } => Verdict::NotMet {
            why: secrets.mask(&why).into_owned(),
        },
        Verdict::Met => Verdict::Met,
    }
}
