//! Captures the output of a script.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest wait for another process that still has the pipe open after the script ended.
const OPEN_PIPE_WAIT: Duration = Duration::from_secs(2);

/// The output of a running script. Output beyond a limit is read and discarded, so that the script
/// never blocks.
pub(super) struct CapturedOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<tokio::task::JoinHandle<()>>,
}

impl CapturedOutput {
    /// Starts to read a pipe, and keeps the first `limit` bytes. Without a pipe the output is empty.
    pub(super) fn start(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, limit: u64) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let captured = Arc::clone(&bytes);
        let reader = pipe.map(|mut pipe| {
            tokio::spawn(async move {
                let mut buffer = [0; 8192];
                while let Ok(read) = pipe.read(&mut buffer).await {
                    if read == 0 {
                        break;
                    }
                    let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = limit.saturating_sub(captured.len() as u64);
                    let kept = read.min(clamped_to_usize(room));
                    captured.extend_from_slice(&buffer[..kept]);
                }
            })
        });
        CapturedOutput { bytes, reader }
    }

    /// Returns the output as text, after the script has ended.
    pub(super) async fn text(self) -> String {
        if let Some(mut reader) = self.reader
            && tokio::time::timeout(OPEN_PIPE_WAIT, &mut reader)
                .await
                .is_err()
        {
            reader.abort();
        }
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Converts a number of bytes that a scenario allows. On a 32-bit computer, a number that no memory
/// holds is replaced by the largest possible one.
fn clamped_to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
