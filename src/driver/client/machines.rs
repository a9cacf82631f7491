//! Reads machines.

use std::collections::HashSet;

use svar_wire::DeviceId;
use svar_wire::Machine;
use svar_wire::Moment;

use super::call::Client;
use super::error::CallError;
use super::odata::{literal, percent_encode, time_literal};

impl Client {
    /// Reads one machine by id; `None` if the tenant does not have it, or no longer has it.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machine(&self, id: &DeviceId) -> Result<Option<Machine>, CallError> {
        let url = self.address(&format!("/api/machines/{id}"))?;
        none_if_not_found(self.get(url).await)
    }

    /// Reads machines by id, in few calls. Unknown ids are left out.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_by_id(&self, ids: &[&DeviceId]) -> Result<Vec<Machine>, CallError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        if let [id] = ids {
            return Ok(self.machine(id).await?.into_iter().collect());
        }
        let texts: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        match self.list_by("machines", "id", &texts).await {
            // `id` is filterable according to one page of the service's documentation and missing
            // on another (API notes 8.2). If the filter is refused, the whole list in pages of
            // thousands takes a few calls, while one call for each id would use up the hour's
            // budget.
            Err(failure) if failure.is_refused_with(400) => {
                let wanted: HashSet<&str> = texts.into_iter().collect();
                let mut found = self.machines().await?;
                found.retain(|machine| wanted.contains(machine.id.to_lowercase().as_str()));
                Ok(found)
            }
            answer => none_if_not_found(answer).map(Option::unwrap_or_default),
        }
    }

    /// Lists the machines whose last report came at `since` or later.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_seen_since(&self, since: Moment) -> Result<Vec<Machine>, CallError> {
        self.machines_by_filter(&format!("lastSeen ge {}", time_literal(since)))
            .await
    }

    /// Lists all machines of the tenant.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines(&self) -> Result<Vec<Machine>, CallError> {
        let answer = self.list_pages(self.address("/api/machines")?).await;
        none_if_not_found(answer).map(Option::unwrap_or_default)
    }

    /// Lists the machines that match an OData filter, exactly as written by the author.
    ///
    /// # Errors
    /// See [`CallError`]. 400 means that the filter is invalid.
    pub async fn machines_by_filter(&self, filter: &str) -> Result<Vec<Machine>, CallError> {
        let answer = self.list_filtered("machines", filter).await;
        none_if_not_found(answer).map(Option::unwrap_or_default)
    }

    /// Lists the machines whose DNS name begins with this text, including longer names.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_by_name(&self, beginning: &str) -> Result<Vec<Machine>, CallError> {
        // Names are stored in lower case (API notes 8.2).
        let name = literal(&beginning.to_lowercase());
        self.machines_by_filter(&format!("startswith(computerDnsName,{name})"))
            .await
    }

    /// Lists the machines that have a tag.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_by_tag(&self, tag: &str) -> Result<Vec<Machine>, CallError> {
        let path = format!(
            "/api/machines/findbytag?tag={}&useStartsWithFilter=false",
            percent_encode(tag)
        );
        let answer = self.list_pages(self.address(&path)?).await;
        none_if_not_found(answer).map(Option::unwrap_or_default)
    }
}

/// Treats a response 404 as an empty answer. A tenant without any recent machine answers a list
/// with 404 (API notes 8.2).
fn none_if_not_found<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is_refused_with(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Returns the time when a device last reported.
pub(crate) fn last_seen(device: &Machine) -> Option<Moment> {
    Moment::parse(device.last_seen.as_deref()?).ok()
}
