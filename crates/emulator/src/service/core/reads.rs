//! Implements the calls that read machines and actions, and the cancel (API notes 4.5, 5, 7, 8).

use serde::Serialize;
use serde_json::Value;

use svar_wire::{Collection, CommandStatus, HuntReply};

use super::Service;
use crate::odata::{Filterable, Options, QueryError};
use crate::service::actions::{
    ACTION, ActionRow, ActionState, Cancellation, CommandRecord, direction_of_creation,
};
use crate::service::json;
use crate::service::list_query::Page;
use crate::service::machines::{MACHINE, MachineRow, TagMatch};
use crate::service::message::{JSON, Request, Response};
use crate::service::refusal::Refusal;
use crate::service::route::form_pairs;
use crate::service::token::Identity;

/// The largest number of entries on one page (API notes 5.1, 8.2).
const PAGE_MAX: usize = 10_000;
/// The length of a device in JSON that is seldom exceeded, in bytes. With it, a page's memory is
/// allocated once.
const MACHINE_LENGTH: usize = 1024;

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Refusal::query(error.0)
    }
}

impl Service {
    /// Answers a request for the list of machine actions.
    pub(crate) fn action_list(&mut self, request: &Request) -> Result<Response, Refusal> {
        let pairs = form_pairs(&request.query);
        let options = Options::parse(&pairs, &ACTION, self.filterable())?;
        let row = |index: u32| {
            let action = self.actions.get(index);
            ActionRow {
                action,
                machine: self.machines.get(action.machine),
            }
        };
        let lag_max = self.settings.visibility_lag.longest();
        let matching =
            self.actions
                .matching(options.filter.as_ref(), &self.machines, self.now, lag_max);
        let page = matching.page(
            &options,
            self.page_size(),
            direction_of_creation(&options.order),
            row,
            |action| self.actions.get(action).visible_at <= self.now,
            &self.examined,
        );
        let length = self.actions.estimate_length(&page.indices, &self.machines);
        let answer = self.collection(request, "MachineActions", &page, length, |action, out| {
            self.actions.write(action, &self.machines, out);
        });
        for action in page.indices {
            self.flip_flapping_status(action);
        }
        Ok(answer)
    }

    /// Answers a request for the list of machines.
    pub(crate) fn machine_list(&self, request: &Request) -> Result<Response, Refusal> {
        if self.machines.len() == 0 {
            return Err(Refusal::not_found("There are no machines."));
        }
        let pairs = form_pairs(&request.query);
        let options = Options::parse(&pairs, &MACHINE, self.filterable())?;
        let row = |machine: u32| MachineRow {
            machine: self.machines.get(machine),
            started: self.started,
            now: self.now,
        };
        let matching = self.machines.matching(options.filter.as_ref());
        let page = matching.page(
            &options,
            self.page_size(),
            None,
            row,
            |_| true,
            &self.examined,
        );
        let length = page.indices.len() * MACHINE_LENGTH;
        Ok(
            self.collection(request, "Machines", &page, length, |machine, out| {
                json::append(out, &self.machine_entity(machine));
            }),
        )
    }

    /// Answers a request for the machines with a tag.
    pub(crate) fn find_by_tag(&self, request: &Request) -> Result<Response, Refusal> {
        let pairs = form_pairs(&request.query);
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
        };
        let tag = find("tag")
            .filter(|tag| !tag.is_empty())
            .ok_or_else(|| Refusal::missing("The parameter 'tag' is missing."))?;
        let starts_with: bool = match find("useStartsWithFilter").map(str::to_ascii_lowercase) {
            None => false,
            Some(text) => text.parse().map_err(|_| {
                Refusal::invalid("The parameter 'useStartsWithFilter' must be true or false.")
            })?,
        };
        let matching = if starts_with {
            TagMatch::Prefix
        } else {
            TagMatch::Exact
        };
        let page = Page {
            indices: self.machines.tagged(tag, matching),
            count: None,
            next: None,
        };
        let length = page.indices.len() * MACHINE_LENGTH;
        Ok(
            self.collection(request, "Machines", &page, length, |machine, out| {
                json::append(out, &self.machine_entity(machine));
            }),
        )
    }

    /// Answers a request for one machine.
    pub(crate) fn machine_get(&self, key: &str) -> Result<Response, Refusal> {
        let machine = self
            .machines
            .find_by_id_or_name(key)
            .ok_or_else(|| Refusal::not_found(format!("Machine {key} was not found.")))?;
        Ok(self.entity("Machines/$entity", 200, &self.machine_entity(machine)))
    }

    /// Answers a request for one machine action.
    pub(crate) fn action_get(&mut self, id: &str) -> Result<Response, Refusal> {
        let action = self.visible_action(id)?;
        let answer = self.action_answer(200, action);
        self.flip_flapping_status(action);
        Ok(answer)
    }

    /// Answers a request to cancel a machine action.
    pub(crate) fn cancel(
        &mut self,
        identity: &Identity,
        id: &str,
        request: &Request,
    ) -> Result<Response, Refusal> {
        let has_no_body = request.body.trim_ascii().is_empty() && !request.is_oversized;
        let comment = if has_no_body {
            None
        } else {
            let body = request.json()?;
            match body.as_object().map(|body| body.get("Comment")) {
                None => return Err(Refusal::body("The body must be an object.")),
                Some(None | Some(Value::Null)) => None,
                Some(Some(Value::String(comment))) => Some(comment.clone()),
                Some(Some(_)) => return Err(Refusal::body("'Comment' must be a text.")),
            }
        };
        let action = self.visible_action(id)?;
        let state = self.actions.get(action).state;
        if state.is_final() {
            return Err(Refusal::new(
                400,
                self.settings.cancel_after_end_code.clone(),
                format!(
                    "The action can't be cancelled: its status is {}.",
                    state.name()
                ),
            ));
        }
        let now = self.now;
        let requestor = self.requestor(identity);
        let record = self.actions.get_mut(action);
        if record.cancellation.is_none() {
            record.cancellation = Some(Box::new(Cancellation {
                at: now,
                comment,
                requestor,
            }));
            record.updated = now;
            let machine = record.machine;
            self.ledger.add_cancel(now, machine, action);
            if state == ActionState::Pending {
                self.end(action, ActionState::Cancelled);
            }
        }
        Ok(self.action_answer(200, action))
    }

    /// Answers a hunting query.
    pub(crate) fn hunt(&self, request: &Request) -> Result<Response, Refusal> {
        let body = request.json()?;
        let query = body["Query"]
            .as_str()
            .ok_or_else(|| Refusal::missing("The parameter 'Query' is missing."))?;
        let with_single_spaces = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = with_single_spaces(query);
        let rows = self
            .scenario
            .hunting_results
            .iter()
            .find(|(known, _)| with_single_spaces(known) == wanted)
            .map(|(_, rows)| rows.clone())
            .ok_or_else(|| {
                Refusal::new(
                    400,
                    "BadRequest",
                    "The scenario has no result for this query.",
                )
            })?;
        let schema = rows.first().map(|row| {
            row.iter()
                .map(|(name, value)| {
                    let kind = match value {
                        Value::Bool(_) => "Boolean",
                        Value::Number(_) => "Int64",
                        Value::Array(_) | Value::Object(_) => "Object",
                        _ => "String",
                    };
                    serde_json::json!({"Name": name, "Type": kind})
                })
                .collect()
        });
        Ok(Response::json(
            200,
            &HuntReply {
                schema: schema.unwrap_or_default(),
                results: rows,
            },
        ))
    }

    /// Returns the properties that a filter may name, by the settings.
    fn filterable(&self) -> Filterable {
        if self.settings.undocumented_filters {
            Filterable::All
        } else {
            Filterable::Documented
        }
    }

    /// Finds an action that is already visible to reads (API notes 4.5).
    pub(crate) fn visible_action(&self, id: &str) -> Result<u32, Refusal> {
        self.actions
            .find(id)
            .filter(|action| self.actions.get(*action).visible_at <= self.now)
            .ok_or_else(|| Refusal::not_found(format!("Machine action {id} was not found.")))
    }

    /// Returns the answer with one machine action.
    pub(crate) fn action_answer(&self, status: u16, action: u32) -> Response {
        self.with_context("MachineActions/$entity", status, |out| {
            self.actions.write(action, &self.machines, out);
        })
    }

    /// Returns the answer with one entity, with its context as the first key.
    pub(crate) fn entity(&self, what: &str, status: u16, entity: &impl Serialize) -> Response {
        self.with_context(what, status, |out| json::append(out, entity))
    }

    /// Returns the answer with an object that `entity` appends, and its context as the first key.
    fn with_context(&self, what: &str, status: u16, entity: impl FnOnce(&mut Vec<u8>)) -> Response {
        let context = serde_json::json!({"@odata.context": self.context(what)});
        let mut body = context.to_string().into_bytes();
        // Both are objects: the end of the first and the beginning of the second become a comma.
        body.pop();
        let comma = body.len();
        entity(&mut body);
        if let Some(byte) = body.get_mut(comma) {
            *byte = b',';
        }
        Response::text(status, JSON, body)
    }

    /// Returns a machine as the API shows it now.
    fn machine_entity(&self, machine: u32) -> svar_wire::Machine {
        self.machines.get(machine).entity(self.started, self.now)
    }

    /// Returns the number of entries on a page without `$top`.
    fn page_size(&self) -> usize {
        self.settings.default_page_size.clamp(1, PAGE_MAX)
    }

    /// Returns one page of a list. `length` is about the length of its entries together, and
    /// `entity` appends one of them.
    fn collection(
        &self,
        request: &Request,
        what: &str,
        page: &Page,
        length: usize,
        entity: impl Fn(u32, &mut Vec<u8>),
    ) -> Response {
        let next_link = page.next.map(|next| {
            let mut pairs: Vec<String> = form_pairs(&request.query)
                .iter()
                .filter(|(key, _)| {
                    !key.eq_ignore_ascii_case("$skip") && !key.eq_ignore_ascii_case("$top")
                })
                .map(|(key, value)| format!("{}={}", percent_encoded(key), percent_encoded(value)))
                .collect();
            pairs.extend(next.top.map(|top| format!("$top={top}")));
            pairs.push(format!("$skip={}", next.skip));
            format!(
                "{}{}?{}",
                Service::origin(request),
                request.path,
                pairs.join("&")
            )
        });
        let head = Collection::<()> {
            context: Some(self.context(what)),
            count: page.count,
            value: Vec::new(),
            next_link: None,
        };
        let head = json::to_string(&head);
        let mut body = Vec::with_capacity(head.len() + length + page.indices.len() + 1024);
        body.extend_from_slice(head.trim_end_matches("]}").as_bytes());
        for (number, index) in page.indices.iter().enumerate() {
            if number > 0 {
                body.push(b',');
            }
            entity(*index, &mut body);
        }
        body.push(b']');
        if let Some(link) = next_link {
            body.extend_from_slice(b",\"@odata.nextLink\":");
            json::append(&mut body, &link);
        }
        body.push(b'}');
        Response::text(200, JSON, body)
    }

    /// Changes an action that was just read as `Failed` to `Succeeded` for the next read, with status
    /// flapping (API notes 4.4). An action that no device has picked up stays `Failed`, because none of its
    /// commands can have succeeded.
    fn flip_flapping_status(&mut self, index: u32) {
        let action = self.actions.get(index);
        let is_flapping = self.settings.status_flapping || action.is_flapping;
        let ran = |command: &CommandRecord| command.status != CommandStatus::Created;
        if !is_flapping
            || action.state != ActionState::Failed
            || action.was_shown_failed
            || !action.commands.iter().any(ran)
        {
            return;
        }
        self.actions.get_mut(index).was_shown_failed = true;
        let now = self.now;
        self.actions.set_state(index, ActionState::Succeeded, now);
    }
}

/// Encodes the characters that a query must not contain with percent signs.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b'$'
            | b'('
            | b')' => {
                out.push(byte as char);
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
