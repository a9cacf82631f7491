//! Creates result links (API notes 6.1, 6.2). The storage behind them is in `storage.rs`.

use std::time::Duration;

use svar_wire::Moment;

use super::Service;
use super::reads::percent_encoded;
use super::storage::{CONTAINER, STORAGE_VERSION, SharedAccessSignature};
use crate::service::actions::CommandRecord;
use crate::service::message::{Request, Response};
use crate::service::random::{Purpose, guid};
use crate::service::refusal::Refusal;

impl Service {
    /// Answers a request for the link to a command's result.
    pub(crate) fn link(
        &self,
        request: &Request,
        id: &str,
        index: &str,
    ) -> Result<Response, Refusal> {
        let action_index = self.visible_action(id)?;
        let no_result = || {
            let code = match self.settings.no_result_status {
                404 => "ResourceNotFound",
                _ => "BadRequest",
            };
            Refusal::new(
                self.settings.no_result_status,
                code,
                format!("The command {index} of {id} has no result."),
            )
        };
        let action = self.actions.get(action_index);
        let index = command_index(index)?.ok_or_else(no_result)?;
        let command = action.commands.get(index).ok_or_else(no_result)?;
        let is_link_ready =
            !action.state.is_final() || self.now >= action.updated + self.settings.link_lag.0;
        if !self.has_result(command) || !is_link_ready {
            return Err(no_result());
        }
        let until = self.now + self.settings.link_ttl.0;
        let (action, name) = (
            guid(action.id).to_string(),
            self.blob_name(action_index, index),
        );
        let expiry = whole_seconds(until);
        let path = format!("/{CONTAINER}/{action}/CustomPlaybookCommandOutput/{name}");
        let sas = SharedAccessSignature {
            path: &path,
            expiry: &expiry,
            permissions: "r",
            version: STORAGE_VERSION,
            resource: "b",
        };
        let mut link = format!(
            "{}{path}?se={}&sp=r&sv={STORAGE_VERSION}&sr=b&sig={}",
            Service::origin(request),
            percent_encoded(&expiry),
            percent_encoded(&sas.signature(&self.key)),
        );
        if self.settings.link_html_escape {
            link = link.replace('&', "&amp;");
        }
        Ok(Response::json(
            200,
            &serde_json::json!({"@odata.context": self.context("Edm.String"), "value": link}),
        ))
    }

    /// Returns whether a command has a result that has not expired.
    pub(crate) fn has_result(&self, command: &CommandRecord) -> bool {
        command.result.is_some()
            && command
                .ended
                .is_some_and(|ended| self.now.since(ended) <= self.settings.results_ttl.0)
    }

    /// Returns the name of a result in the storage: 32 hexadecimal digits.
    pub(crate) fn blob_name(&self, action: u32, index: usize) -> String {
        let key = [u64::from(action), index as u64];
        format!("{:032x}", self.random.bits_128(Purpose::Blob, &key))
    }
}

/// Parses the index a link is requested for. It must be written as in `commands[].index`, so `+0`
/// and `00` are refused (our choice). Returns `None` for a number that no command can have.
fn command_index(text: &str) -> Result<Option<usize>, Refusal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || (digits.starts_with('0') && text != "0") {
        return Err(Refusal::invalid(format!(
            "'{text}' is not a command index."
        )));
    }
    Ok(text.parse().ok())
}

/// Formats a time as `2026-02-03T09:10:11Z`. It is rounded up, so that a link never expires
/// early.
fn whole_seconds(moment: Moment) -> String {
    let up = moment + Duration::from_millis(999);
    let text = up.to_string();
    format!("{}Z", text.get(..19).unwrap_or("9999-12-31T23:59:59"))
}
