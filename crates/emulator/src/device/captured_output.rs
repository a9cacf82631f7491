//! Captures the output of a script.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The output of a running script. It is kept up to a limit and discarded beyond it, so that the
/// script never blocks.
pub(super) struct CapturedOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<tokio::task::JoinHandle<()>>,
}

impl CapturedOutput {
    pub(super) fn reading(
        source: Option<impl AsyncRead + Unpin + Send + 'static>,
        limit: u64,
    ) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&bytes);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let reader = source.map(|mut source| {
            tokio::spawn(async move {
                let mut part = [0; 8192];
                while let Ok(read) = source.read(&mut part).await {
                    if read == 0 {
                        break;
                    }
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = limit.saturating_sub(kept.len()).min(read);
                    kept.extend_from_slice(&part[..room]);
                }
            })
        });
        CapturedOutput { bytes, reader }
    }

    /// Returns the output as text. It waits 2 seconds at most for another process that still has
    /// the pipe open.
    pub(super) async fn text(self) -> String {
        if let Some(mut reader) = self.reader
            && tokio::time::timeout(Duration::from_secs(2), &mut reader)
                .await
                .is_err()
        {
            reader.abort();
        }
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
