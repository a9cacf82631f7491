//! Starting, watching, finding and cancelling machine actions.

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
use super::odata::{encode, instant, is_any, is_in, literal};

/// Ids in one filter: an address of this length passes every gateway.
const IDS_IN_FILTER: usize = 50;
/// The same for the longer `or` chain.
const IDS_IN_CHAIN: usize = 20;
/// With more open actions than this one list of all recent ones is cheaper than many filters.
const IDS_BY_FILTER_MAX: usize = 150;
/// Pages of one list: beyond it the service is going round in circles.
const PAGES_MAX: usize = 1_000;
/// How far the service's clock and ours are usually apart at most. Nothing may hang on it: a laptop's
/// clock may be hours off.
const CLOCK_SKEW: Duration = Duration::from_secs(600);

impl Client {
    /// Starts a session. The body is sent as it is, tag included.
    ///
    /// # Errors
    /// See [`CallError`]; never sent twice, except after a 401, which had no effect.
    pub async fn start(
        &self,
        machine: &DeviceId,
        request: &LiveResponseRequest,
    ) -> Result<MachineAction, CallError> {
        self.post(&format!("/api/machines/{machine}/runliveresponse"), request)
            .await
    }

    /// Asks the service to cancel an action. What became of it, a later list tells.
    ///
    /// # Errors
    /// See [`CallError`]. 400 says that it had ended already.
    pub async fn cancel(
        &self,
        action: &ActionId,
        comment: &str,
    ) -> Result<MachineAction, CallError> {
        let body = CancelRequest {
            comment: comment.to_owned(),
        };
        let path = format!("/api/machineactions/{}/cancel", encode(action.as_str()));
        self.post(&path, &body).await
    }

    /// One action.
    ///
    /// # Errors
    /// See [`CallError`]. A fresh one may be 404 for a while (API notes 4.5).
    pub async fn action(&self, action: &ActionId) -> Result<MachineAction, CallError> {
        let path = format!("/api/machineactions/{}", encode(action.as_str()));
        self.get(self.address(&path)?).await
    }

    /// How these actions stand, in one call wherever possible. `since` is when the oldest was
    /// started. An action that the service does not list yet is left out.
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
                instant(since - CLOCK_SKEW)
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
            // Not listed yet, or older by the service's clock than ours says.
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

    /// Returns the action that carries the tag of a start whose answer was lost. All sessions of the
    /// machine are searched, without a bound in time: by the service's clock it may have been created
    /// at any moment.
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
            // The list is the service's word for the machine; where an entry names one, it must
            // be the right one.
            let here = action
                .machine_id
                .as_deref()
                .is_none_or(|id| id.eq_ignore_ascii_case(machine.as_str()));
            let comment = action.requestor_comment.as_deref().unwrap_or_default();
            here && find_tag(comment).as_ref() == Some(tag)
        }))
    }

    /// Everything whose `field` is one of `values`, in as few calls as addresses allow. Where the
    /// service refuses `in (…)`, chains of `or` do the same.
    pub(crate) async fn list_by<T: DeserializeOwned>(
        &self,
        set: &str,
        field: &str,
        values: &[&str],
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        let mut rest = values;
        while !rest.is_empty() {
            let chained = self.is_in_refused();
            let most = if chained { IDS_IN_CHAIN } else { IDS_IN_FILTER };
            let (now, later) = rest.split_at(most.min(rest.len()));
            let filter = if chained {
                is_any(field, now.iter().copied())
            } else {
                is_in(field, now.iter().copied())
            };
            match self.list_filtered(set, &filter).await {
                Err(failure) if failure.is_refused_with(400) && !chained => {
                    self.note_in_refused();
                }
                answer => {
                    found.extend(answer?);
                    rest = later;
                }
            }
        }
        Ok(found)
    }

    /// Every page of a filtered list.
    pub(crate) async fn list_filtered<T: DeserializeOwned>(
        &self,
        set: &str,
        filter: &str,
    ) -> Result<Vec<T>, CallError> {
        // The `$` stays as it is: gateways were seen that don't know it encoded.
        let path = format!("/api/{set}?$filter={}", encode(filter));
        self.list_pages(self.address(&path)?).await
    }

    /// Every page of a list, from this address on.
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
            // The token is for the pinned host; the call itself refuses any other. Half a list
            // must not pass for a whole one.
        }
        Ok(entries)
    }
}

/// One entry for each id. Pages may overlap while the list grows; the final state wins, then the
/// later update.
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
