//! Requests the addresses of results and downloads them.

use std::fmt;
use std::fs::File;
use std::io::Write;

use http::StatusCode;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use svar_engine::RequestIndex;
use svar_wire::ActionId;
use svar_wire::LinkReply;

use crate::driver::hash::hex;

use super::call::Client;
use super::connection::is_loopback;
use super::error::CallError;
use super::odata::percent_encode;
use super::response::FullResponse;
use super::transport::{BodyError, get};

/// The address of a result. Anyone who has it can read the result for half an hour, so it is never
/// shown.
#[derive(Clone)]
pub struct ResultLink(SecretString);

impl fmt::Debug for ResultLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultLink")
    }
}

/// The size and hash of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Number of bytes.
    pub size: u64,
    /// SHA-256 of the bytes.
    pub sha256: String,
}

/// An error of a download.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// An error of the service or the network.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The result is larger than allowed.
    #[error("it is larger than the {0} bytes that are allowed")]
    TooLarge(u64),
    /// An error of the local disk.
    #[error("it can't be stored: {0}")]
    Disk(#[from] std::io::Error),
}

impl Client {
    /// Requests the address of a command's result.
    ///
    /// # Errors
    /// See [`CallError`]. 404 means that there is no result, or none yet (API notes 6.2).
    pub async fn result_link(
        &self,
        action: &ActionId,
        index: RequestIndex,
    ) -> Result<ResultLink, CallError> {
        // Parentheses and `index=` must not be encoded (API notes 6.1).
        let path = format!(
            "/api/machineactions/{}/GetLiveResponseResultDownloadLink(index={index})",
            percent_encode(action.as_str())
        );
        let reply: LinkReply = self.get(self.address(&path)?).await?;
        // Some clients have seen links that were HTML-escaped, once or twice (API notes 6.1).
        let mut link = reply.value;
        while link.contains("&amp;") {
            link = link.replace("&amp;", "&");
        }
        Ok(ResultLink(link.into()))
    }

    /// Downloads a result to `file`, without the bearer token: the address itself grants access.
    ///
    /// # Errors
    /// See [`DownloadError`]. No error contains any part of the address.
    pub async fn download(
        &self,
        link: &ResultLink,
        file: &mut File,
        bytes_max: u64,
    ) -> Result<Downloaded, DownloadError> {
        let url = self.result_address(link)?;
        let lost = |error: BodyError| DownloadError::Call(CallError::unknown(error.to_string()));
        let request = get(&url).map_err(CallError::from)?;
        let sent = self.transport().send(request, None).await;
        let response = sent.map_err(CallError::from)?;
        let (status, mut body) = (response.status(), response.into_body());
        if status != StatusCode::OK {
            // Reads only the beginning of the body, which holds the message.
            let piece = body.chunk().await;
            let response = FullResponse {
                status,
                retry_after: None,
                body: piece.map(|piece| piece.unwrap_or_default().to_vec()),
            };
            let error = response
                .success()
                .err()
                .unwrap_or_else(|| CallError::unknown(format!("HTTP {}", status.as_u16())));
            return Err(DownloadError::Call(error));
        }
        let mut size = 0;
        let mut hash = Sha256::new();
        while let Some(chunk) = body.chunk().await.map_err(lost)? {
            size += chunk.len() as u64;
            if size > bytes_max {
                return Err(DownloadError::TooLarge(bytes_max));
            }
            hash.update(&chunk);
            // Chunks have a few kilobytes and go to the page cache, which is not worth another
            // thread.
            file.write_all(&chunk)?;
        }
        file.flush()?;
        Ok(Downloaded {
            size,
            sha256: hex(&hash.finalize()),
        })
    }

    /// Parses the address of a result. The service names the host; the address must be https, or
    /// loopback if the service is.
    fn result_address(&self, link: &ResultLink) -> Result<Url, DownloadError> {
        let refuse = |why: &str| DownloadError::Call(CallError::unknown(why));
        let url = Url::parse(link.0.expose_secret())
            .map_err(|_| refuse("the service returned an invalid address for the result"))?;
        let at_home = self.connection().api.is_loopback() && is_loopback(&url);
        if url.scheme() == "https" || (url.scheme() == "http" && at_home) {
            Ok(url)
        } else {
            Err(refuse(
                "the service returned an address for the result that is not https",
            ))
        }
    }
}
