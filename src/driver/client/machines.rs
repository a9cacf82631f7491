//! Reads machines.

use std::collections::HashSet;

use svar_wire::DeviceId;
use svar_wire::Machine;
use svar_wire::Moment;

use super::call::Client;
use super::error::CallError;
use super::odata::{encode, instant, literal};

impl Client {
    /// One machine by id; `None` if the tenant knows none (or has forgotten it).
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machine(&self, id: &DeviceId) -> Result<Option<Machine>, CallError> {
        let url = self.address(&format!("/api/machines/{id}"))?;
        none_if_absent(self.get(url).await)
    }

    /// Machines by id, in few calls. Unknown ids are left out.
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
            // `id` is filterable on one page of the service's documentation and missing on another
            // (API notes 8.2). Where the filter is refused, the whole list in pages of thousands
            // costs a few calls, and one call each would cost the hour's budget.
            Err(failure) if failure.is_refused_with(400) => {
                let wanted: HashSet<&str> = texts.into_iter().collect();
                let mut found = self.machines().await?;
                found.retain(|machine| wanted.contains(machine.id.to_lowercase().as_str()));
                Ok(found)
            }
            answer => none_if_absent(answer).map(Option::unwrap_or_default),
        }
    }

    /// The machines whose last report came at `since` or later, in one list.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_seen_since(&self, since: Moment) -> Result<Vec<Machine>, CallError> {
        self.machines_by_filter(&format!("lastSeen ge {}", instant(since)))
            .await
    }

    /// Every machine of the tenant.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines(&self) -> Result<Vec<Machine>, CallError> {
        let answer = self.list_pages(self.address("/api/machines")?).await;
        none_if_absent(answer).map(Option::unwrap_or_default)
    }

    /// Machines that fit an OData filter, as the author wrote it.
    ///
    /// # Errors
    /// See [`CallError`]; 400 says that the filter is none.
    pub async fn machines_by_filter(&self, filter: &str) -> Result<Vec<Machine>, CallError> {
        let answer = self.list_filtered("machines", filter).await;
        none_if_absent(answer).map(Option::unwrap_or_default)
    }

    /// Machines whose DNS name begins so; longer names come along.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_by_name(&self, beginning: &str) -> Result<Vec<Machine>, CallError> {
        // Names are stored in lower case (API notes 8.2).
        let name = literal(&beginning.to_lowercase());
        self.machines_by_filter(&format!("startswith(computerDnsName,{name})"))
            .await
    }

    /// Machines that carry a tag.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn machines_by_tag(&self, tag: &str) -> Result<Vec<Machine>, CallError> {
        let path = format!(
            "/api/machines/findbytag?tag={}&useStartsWithFilter=false",
            encode(tag)
        );
        let answer = self.list_pages(self.address(&path)?).await;
        none_if_absent(answer).map(Option::unwrap_or_default)
    }
}

/// A tenant without any recent machine answers a list with 404 (API notes 8.2).
fn none_if_absent<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is_refused_with(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// When a device last reported.
pub(crate) fn last_seen(device: &Machine) -> Option<Moment> {
    Moment::parse(device.last_seen.as_deref()?).ok()
}
