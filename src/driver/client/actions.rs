//! Starts, watches, finds and cancels machine actions.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;

use svar_plan::find_tag;
use svar_wire::Moment;
use svar_wire::{ActionId, DeviceId, Tag};
use svar_wire::{CancelRequest, Collection, LiveResponseRequest, MachineAction};

use super::call::Client;
use super::error::CallError;
use super::odata::{any_of, in_list, literal, percent_encode, time_literal};

/// Maximum number of ids in one filter, so that every gateway accepts the length of the address.
const IDS_IN_LIST_MAX: usize = 50;
/// Maximum number of ids in an `or` chain, which is longer.
const IDS_IN_CHAIN_MAX: usize = 20;
/// With more open actions than this, one list of all recent ones needs fewer calls than many
/// filters.
const IDS_BY_FILTER_MAX: usize = 150;
/// Maximum number of pages of one list. A list with more of them is assumed to be endless.
const PAGES_MAX: usize = 1_000;
/// Usual maximum difference between the service's clock and ours. Nothing may depend on it: a
/// laptop's clock may be wrong by hours.
const CLOCK_SKEW: Duration = Duration::from_secs(600);

impl Client {
    /// Starts a session. The request is sent unchanged, with its tag.
    ///
    /// # Errors
    /// See [`CallError`]. Never sent twice, except after a 401, which had no effect.
    pub async fn start(
        &self,
        machine: &DeviceId,
        request: &LiveResponseRequest,
    ) -> Result<MachineAction, CallError> {
        self.post(&format!("/api/machines/{machine}/runliveresponse"), request)
            .await
    }

    /// Asks the service to cancel an action. A later list has the outcome.
    ///
    /// # Errors
    /// See [`CallError`]. 400 means that it has already ended.
    pub async fn cancel(
        &self,
        action: &ActionId,
        comment: &str,
    ) -> Result<MachineAction, CallError> {
        let body = CancelRequest {
            comment: comment.to_owned(),
        };
        let path = format!(
            "/api/machineactions/{}/cancel",
            percent_encode(action.as_str())
        );
        self.post(&path, &body).await
    }

    /// Reads one action.
    ///
    /// # Errors
    /// See [`CallError`]. A new action may be 404 for a while (API notes 4.5).
    pub async fn action(&self, action: &ActionId) -> Result<MachineAction, CallError> {
        let path = format!("/api/machineactions/{}", percent_encode(action.as_str()));
        self.get(self.address(&path)?).await
    }

    /// Reads the state of these actions, in one call if possible. `since` is the time when the
    /// oldest was started. An action that the service does not list yet is left out.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn actions(
        &self,
        ids: &[ActionId],
        since: Moment,
    ) -> Result<Vec<MachineAction>, CallError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if ids.len() > IDS_BY_FILTER_MAX {
            let filter = format!(
                "type eq 'LiveResponse' and creationDateTimeUtc ge {}",
                time_literal(since - CLOCK_SKEW)
            );
            let all = self.list_filtered("machineactions", &filter).await?;
            let mut listed = latest(all);
            let mut found = Vec::new();
            let mut missing = Vec::new();
            for id in ids {
                match listed.remove(id.as_str()) {
                    Some(action) => found.push(action),
                    None => missing.push(id.as_str()),
                }
            }
            // Not listed yet, or created earlier by the service's clock than by ours.
            if !missing.is_empty() {
                let others = self.list_by("machineactions", "id", &missing).await?;
                found.extend(latest(others).into_values());
            }
            return Ok(found);
        }
        let ids: Vec<&str> = ids.iter().map(ActionId::as_str).collect();
        let found = self.list_by("machineactions", "id", &ids).await?;
        Ok(latest(found).into_values().collect())
    }

    /// Returns the action that carries the tag of a start whose answer was lost. Searches all
    /// sessions of the machine without a time limit, because by the service's clock the action may
    /// have been created at any time.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn find_start(
        &self,
        machine: &DeviceId,
        tag: &Tag,
    ) -> Result<Option<MachineAction>, CallError> {
        let filter = format!(
            "machineId eq {} and type eq 'LiveResponse'",
            literal(machine.as_str())
        );
        let actions: Vec<MachineAction> = self.list_filtered("machineactions", &filter).await?;
        Ok(actions.into_iter().find(|action| {
            // The service has filtered the list by machine. If an entry names a machine, it must
            // be the right one.
            let here = action
                .machine_id
                .as_deref()
                .is_none_or(|id| id.eq_ignore_ascii_case(machine.as_str()));
            let comment = action.requestor_comment.as_deref().unwrap_or_default();
            here && find_tag(comment).as_ref() == Some(tag)
        }))
    }

    /// Lists all entries whose `field` is one of `values`, in as few calls as the length of
    /// addresses allows. Uses chains of `or` if the service refuses `in (…)`.
    pub(crate) async fn list_by<T: DeserializeOwned>(
        &self,
        set: &str,
        field: &str,
        values: &[&str],
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        let mut rest = values;
        while !rest.is_empty() {
            let chained = self.rejects_in();
            let ids_max = if chained {
                IDS_IN_CHAIN_MAX
            } else {
                IDS_IN_LIST_MAX
            };
            let (now, later) = rest.split_at(ids_max.min(rest.len()));
            let filter = if chained {
                any_of(field, now.iter().copied())
            } else {
                in_list(field, now.iter().copied())
            };
            match self.list_filtered(set, &filter).await {
                Err(failure) if failure.is_refused_with(400) && !chained => {
                    self.set_rejects_in();
                }
                answer => {
                    found.extend(answer?);
                    rest = later;
                }
            }
        }
        Ok(found)
    }

    /// Lists all pages of a filtered list.
    pub(crate) async fn list_filtered<T: DeserializeOwned>(
        &self,
        set: &str,
        filter: &str,
    ) -> Result<Vec<T>, CallError> {
        // The `$` is not encoded, because some gateways don't recognize it encoded.
        let path = format!("/api/{set}?$filter={}", percent_encode(filter));
        self.list_pages(self.address(&path)?).await
    }

    /// Lists all pages of a list, from this address on.
    pub(crate) async fn list_pages<T: DeserializeOwned>(
        &self,
        first: Url,
    ) -> Result<Vec<T>, CallError> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        let mut next = Some(first);
        while let Some(url) = next {
            if seen.len() >= PAGES_MAX || !seen.insert(url.as_str().to_owned()) {
                return Err(CallError::unknown(
                    "nextLink in the response leads back to an earlier page",
                ));
            }
            let page: Collection<T> = self.get(url).await?;
            entries.extend(page.value);
            next = match page.next_link {
                None => None,
                Some(link) => Some(
                    Url::parse(&link)
                        .map_err(|_| CallError::unknown("invalid nextLink in the response"))?,
                ),
            };
            // The token is only for the pinned host, and the call itself refuses any other. It
            // fails because an incomplete list must not be taken for a complete one.
        }
        Ok(entries)
    }
}

/// Returns one entry for each id. Pages may overlap while the list grows. A final state wins;
/// otherwise the later entry does.
fn latest(actions: Vec<MachineAction>) -> HashMap<String, MachineAction> {
    let mut by_id: HashMap<String, MachineAction> = HashMap::new();
    for action in actions {
        match by_id.get(&action.id) {
            Some(known) if known.status.is_final() && !action.status.is_final() => {}
            _ => {
                by_id.insert(action.id.clone(), action);
            }
        }
    }
    by_id
}
