//! Implements the calls that read machines and actions, and the cancel (API notes 4.5, 5, 7, 8).

use serde::Serialize;
use serde_json::Value;

use svar_wire::{Collection, CommandStatus, HuntReply};

use super::Service;
use crate::odata::{Filterable, Options, QueryError};
use crate::service::actions::{ACTION, ActionRow, Cancellation, CommandRecord, State, direction};
use crate::service::ledger::LedgerEvent;
use crate::service::list_query::Page;
use crate::service::machines::{MACHINE, MachineRow};
use crate::service::message::{JSON, Request, Response};
use crate::service::refusal::Refusal;
use crate::service::route::form_pairs;
use crate::service::token::Identity;

/// The largest number of entries on one page (API notes 5.1, 8.2).
const PAGE_MAX: usize = 10_000;
/// The length that a device seldom exceeds, in bytes. With it, a page's memory is allocated once.
const MACHINE_TYPICAL: usize = 1024;

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Refusal::query(error.0)
    }
}

impl Service {
    pub(crate) fn action_list(&mut self, request: &Request) -> Result<Response, Refusal> {
        let pairs = form_pairs(&request.query);
        let options = Options::parse(&pairs, &ACTION, self.filterable())?;
        let row = |place: u32| {
            let action = self.actions.get(place);
            ActionRow {
                action,
                machine: &self.machines.all[action.machine as usize],
            }
        };
        let lag_max = self.settings.visibility_lag.longest();
        let found = self
            .actions
            .found(options.filter.as_ref(), &self.machines, self.now, lag_max);
        let page = found.page(
            &options,
            self.page_size(),
            direction(&options.order),
            row,
            |place| self.actions.get(place).visible_at <= self.now,
            &self.examined,
        );
        let length = self.actions.length_about(&page.places, &self.machines);
        let answer = self.collection(request, "MachineActions", &page, length, |place, out| {
            self.actions.write(place, &self.machines, out);
        });
        for place in page.places {
            self.flap(place);
        }
        Ok(answer)
    }

    pub(crate) fn machine_list(&self, request: &Request) -> Result<Response, Refusal> {
        if self.machines.all.is_empty() {
            return Err(Refusal::not_found("There are no machines."));
        }
        let pairs = form_pairs(&request.query);
        let options = Options::parse(&pairs, &MACHINE, self.filterable())?;
        let row = |place: u32| MachineRow {
            machine: &self.machines.all[place as usize],
            started: self.started,
            now: self.now,
        };
        let found = self.machines.found(options.filter.as_ref());
        let page = found.page(
            &options,
            self.page_size(),
            None,
            row,
            |_| true,
            &self.examined,
        );
        let length = page.places.len() * MACHINE_TYPICAL;
        Ok(
            self.collection(request, "Machines", &page, length, |place, out| {
                write(out, &self.machine_entity(place));
            }),
        )
    }

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
        let starts_with = match find("useStartsWithFilter").map(str::to_ascii_lowercase) {
            None => false,
            Some(text) => text.parse().map_err(|_| {
                Refusal::invalid("The parameter 'useStartsWithFilter' must be true or false.")
            })?,
        };
        let page = Page {
            places: self.machines.tagged(tag, starts_with),
            count: None,
            next: None,
        };
        let length = page.places.len() * MACHINE_TYPICAL;
        Ok(
            self.collection(request, "Machines", &page, length, |place, out| {
                write(out, &self.machine_entity(place));
            }),
        )
    }

    pub(crate) fn machine_get(&self, key: &str) -> Result<Response, Refusal> {
        let place = self
            .machines
            .find_any(key)
            .ok_or_else(|| Refusal::not_found(format!("Machine {key} was not found.")))?;
        Ok(self.entity("Machines/$entity", 200, &self.machine_entity(place)))
    }

    pub(crate) fn action_get(&mut self, id: &str) -> Result<Response, Refusal> {
        let place = self.visible_action(id)?;
        let answer = self.entity_answer(200, place);
        self.flap(place);
        Ok(answer)
    }

    pub(crate) fn cancel(
        &mut self,
        identity: &Identity,
        id: &str,
        request: &Request,
    ) -> Result<Response, Refusal> {
        let malformed = |what: &str| Refusal::body(what);
        let is_left_out = request.body.trim_ascii().is_empty() && !request.is_oversized;
        let comment = if is_left_out {
            None
        } else {
            let body = request.json()?;
            match body.as_object().map(|body| body.get("Comment")) {
                None => return Err(malformed("The body must be an object.")),
                Some(None | Some(Value::Null)) => None,
                Some(Some(Value::String(comment))) => Some(comment.clone()),
                Some(Some(_)) => return Err(malformed("'Comment' must be a text.")),
            }
        };
        let place = self.visible_action(id)?;
        let state = self.actions.get(place).state;
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
        let record = self.actions.get_mut(place);
        if record.cancellation.is_none() {
            record.cancellation = Some(Box::new(Cancellation {
                at: now,
                comment,
                requestor,
            }));
            record.updated = now;
            let machine = record.machine;
            self.ledger
                .add_of_action(now, LedgerEvent::Cancelled, machine, place);
            if state == State::Pending {
                self.end(place, State::Cancelled);
            }
        }
        Ok(self.entity_answer(200, place))
    }

    pub(crate) fn hunt(&self, request: &Request) -> Result<Response, Refusal> {
        let body = request.json()?;
        let query = body["Query"]
            .as_str()
            .ok_or_else(|| Refusal::missing("The parameter 'Query' is missing."))?;
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = squeezed(query);
        let rows = self
            .scenario
            .hunting_results
            .iter()
            .find(|(known, _)| squeezed(known) == wanted)
            .map(|(_, rows)| rows.clone())
            .ok_or_else(|| {
                Refusal::new(
                    400,
                    "BadRequest",
                    "The scenario has no answer to this query.",
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

    fn filterable(&self) -> Filterable {
        match self.settings.undocumented_filters {
            true => Filterable::All,
            false => Filterable::Documented,
        }
    }

    /// Finds an action that is already visible to reads (API notes 4.5).
    pub(crate) fn visible_action(&self, id: &str) -> Result<u32, Refusal> {
        self.actions
            .find(id)
            .filter(|place| self.actions.get(*place).visible_at <= self.now)
            .ok_or_else(|| Refusal::not_found(format!("Machine action {id} was not found.")))
    }

    pub(crate) fn entity_answer(&self, status: u16, place: u32) -> Response {
        self.with_context("MachineActions/$entity", status, |out| {
            self.actions.write(place, &self.machines, out);
        })
    }

    /// Returns the answer with one entity, with its context as the first key.
    pub(crate) fn entity(&self, what: &str, status: u16, entity: &impl Serialize) -> Response {
        self.with_context(what, status, |out| write(out, entity))
    }

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

    fn machine_entity(&self, place: u32) -> svar_wire::Machine {
        self.machines.all[place as usize].entity(self.started, self.now)
    }

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
        let next_link = page.next.map(|(skip, left)| {
            let mut pairs: Vec<String> = form_pairs(&request.query)
                .iter()
                .filter(|(key, _)| {
                    !key.eq_ignore_ascii_case("$skip") && !key.eq_ignore_ascii_case("$top")
                })
                .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
                .collect();
            pairs.extend(left.map(|left| format!("$top={left}")));
            pairs.push(format!("$skip={skip}"));
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
        let head = serde_json::to_string(&head)
            .expect("internal error: plain data can always be written as JSON");
        let mut body = Vec::with_capacity(head.len() + length + page.places.len() + 1024);
        body.extend_from_slice(head.trim_end_matches("]}").as_bytes());
        for (number, place) in page.places.iter().enumerate() {
            if number > 0 {
                body.push(b',');
            }
            entity(*place, &mut body);
        }
        body.push(b']');
        if let Some(link) = next_link {
            body.extend_from_slice(b",\"@odata.nextLink\":");
            write(&mut body, &link);
        }
        body.push(b'}');
        Response::text(200, JSON, body)
    }

    /// Turns an action that was read as `Failed` to `Succeeded` for the next read, with status
    /// flapping (API notes 4.4). It leaves out an action that no device has picked up: none of its
    /// commands can have succeeded.
    fn flap(&mut self, place: u32) {
        let action = self.actions.get(place);
        let flaps = self.settings.status_flapping || action.is_flapping;
        let ran = |command: &CommandRecord| command.status != CommandStatus::Created;
        if !flaps
            || action.state != State::Failed
            || action.was_shown_failed
            || !action.commands.iter().any(ran)
        {
            return;
        }
        self.actions.get_mut(place).was_shown_failed = true;
        let now = self.now;
        self.actions.turn(place, State::Succeeded, now);
    }
}

/// Appends a value as JSON.
fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value)
        .expect("internal error: plain data can always be written as JSON");
}

/// Percent-encodes the characters that a query must not contain.
pub(crate) fn encoded(text: &str) -> String {
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
