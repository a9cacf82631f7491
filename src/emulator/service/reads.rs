//! The calls that read machines and actions, and the cancel (contract 4.5, 5, 7, 8).

use serde::Serialize;
use serde_json::Value;

use crate::wire::{Collection, Hunt, MachineAction};

use super::super::odata::{Filterable, Options, QueryError};
use super::actions::{ACTION, ActionRow, Cancellation, State, sort_by};
use super::chance::guid;
use super::core::Service;
use super::ledger::Note;
use super::machines::{MACHINE, MachineRow};
use super::message::{Request, Response};
use super::refusal::Refusal;
use super::route::form_pairs;
use super::token::Identity;

/// The most entries on one page (contract 5.1, 8.2).
const PAGE_MAX: usize = 10_000;

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Refusal::query(error.0)
    }
}

/// What part of a list is on this page.
struct Page {
    places: Vec<u32>,
    /// All that pass the filter, if somebody asked.
    count: Option<u64>,
    /// How many are skipped on the next page, and what is left of `$top`.
    next: Option<(usize, Option<usize>)>,
}

impl Service {
    pub(super) fn action_list(&mut self, request: &Request) -> Result<Response, Refusal> {
        let options = Options::parse(&form_pairs(&request.query), &ACTION, self.filterable())?;
        let row = |place: u32| {
            let action = self.actions.get(place);
            ActionRow {
                action,
                machine: &self.machines.all[action.machine as usize],
            }
        };
        let candidates = self.actions.candidates(options.filter.as_ref(), |id| {
            let place = self.machines.find(id)?;
            Some(self.machines.all[place as usize].actions.as_slice())
        });
        let passing = candidates.filter(|place| {
            let is_visible = self.actions.get(*place).visible_at <= self.now;
            is_visible
                && options
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.passes(&row(*place)))
        });
        let page = self.page(&options, passing, |places| {
            sort_by(places, &options.order, row)
        });
        let value = page
            .places
            .iter()
            .map(|place| self.action_entity(*place))
            .collect();
        let answer = self.collection(request, "MachineActions", &page, value);
        for place in page.places {
            self.flap(place);
        }
        Ok(answer)
    }

    pub(super) fn machine_list(&self, request: &Request) -> Result<Response, Refusal> {
        if self.machines.all.is_empty() {
            return Err(Refusal::not_found("There are no machines."));
        }
        let options = Options::parse(&form_pairs(&request.query), &MACHINE, self.filterable())?;
        let row = |place: u32| MachineRow {
            machine: &self.machines.all[place as usize],
            started: self.started,
            now: self.now,
        };
        let all = 0..u32::try_from(self.machines.all.len()).unwrap_or(u32::MAX);
        let passing = all.filter(|place| {
            options
                .filter
                .as_ref()
                .is_none_or(|filter| filter.passes(&row(*place)))
        });
        let page = self.page(&options, passing, |places| {
            sort_by(places, &options.order, row)
        });
        let value = self.machine_entities(&page.places);
        Ok(self.collection(request, "Machines", &page, value))
    }

    pub(super) fn find_by_tag(&self, request: &Request) -> Result<Response, Refusal> {
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
        let starts_with =
            find("useStartsWithFilter").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let page = Page {
            places: self.machines.tagged(tag, starts_with),
            count: None,
            next: None,
        };
        let value = self.machine_entities(&page.places);
        Ok(self.collection(request, "Machines", &page, value))
    }

    pub(super) fn machine_get(&self, key: &str) -> Result<Response, Refusal> {
        let place = self
            .machines
            .find_any(key)
            .ok_or_else(|| Refusal::not_found(format!("Machine {key} was not found.")))?;
        let entity = self.machines.all[place as usize].entity(self.started, self.now);
        Ok(self.entity("Machines/$entity", 200, &entity))
    }

    pub(super) fn action_get(&mut self, id: &str) -> Result<Response, Refusal> {
        let place = self.visible_action(id)?;
        let answer = self.entity_answer(200, place);
        self.flap(place);
        Ok(answer)
    }

    pub(super) fn cancel(
        &mut self,
        identity: &Identity,
        id: &str,
        request: &Request,
    ) -> Result<Response, Refusal> {
        let malformed = |what: &str| Refusal::new(400, "InvalidRequestBody", what);
        let comment = if request.body.trim_ascii().is_empty() {
            None
        } else {
            let body: Value = serde_json::from_slice(&request.body)
                .map_err(|_| malformed("The body is no JSON."))?;
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
                self.knobs.cancel_final_code.clone(),
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
                comment: comment.clone(),
                requestor,
            }));
            record.updated = now;
            let note = Note {
                action: Some(guid(record.id).to_string()),
                machine: Some(self.machines.all[record.machine as usize].id.to_string()),
                comment,
                ..Note::default()
            };
            self.ledger.add(now, "cancelled", note);
            if state == State::Pending {
                self.end(place, State::Cancelled);
            }
        }
        Ok(self.entity_answer(200, place))
    }

    pub(super) fn hunt(&self, request: &Request) -> Result<Response, Refusal> {
        let body: Value = serde_json::from_slice(&request.body)
            .map_err(|_| Refusal::new(400, "InvalidRequestBody", "The body is no JSON."))?;
        let query = body["Query"]
            .as_str()
            .ok_or_else(|| Refusal::missing("The parameter 'Query' is missing."))?;
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = squeezed(query);
        let rows = self
            .scenario
            .hunts
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
            &Hunt {
                schema: schema.unwrap_or_default(),
                results: rows,
            },
        ))
    }

    fn filterable(&self) -> Filterable {
        match self.knobs.undocumented_filters {
            true => Filterable::All,
            false => Filterable::Documented,
        }
    }

    /// The place of an action that reads already know (contract 4.5).
    pub(super) fn visible_action(&self, id: &str) -> Result<u32, Refusal> {
        self.actions
            .find(id)
            .filter(|place| self.actions.get(*place).visible_at <= self.now)
            .ok_or_else(|| Refusal::not_found(format!("Machine action {id} was not found.")))
    }

    fn action_entity(&self, place: u32) -> MachineAction {
        let action = self.actions.get(place);
        action.entity(&self.machines.all[action.machine as usize])
    }

    pub(super) fn entity_answer(&self, status: u16, place: u32) -> Response {
        self.entity("MachineActions/$entity", status, &self.action_entity(place))
    }

    /// One entity, with its context as the first key.
    pub(super) fn entity(&self, what: &str, status: u16, entity: &impl Serialize) -> Response {
        let mut object = serde_json::Map::new();
        object.insert("@odata.context".to_owned(), self.context(what).into());
        if let Ok(Value::Object(fields)) = serde_json::to_value(entity) {
            object.extend(fields);
        }
        Response::json(status, &object)
    }

    fn machine_entities(&self, places: &[u32]) -> Vec<crate::wire::Machine> {
        places
            .iter()
            .map(|place| self.machines.all[*place as usize].entity(self.started, self.now))
            .collect()
    }

    fn page(
        &self,
        options: &Options,
        passing: impl Iterator<Item = u32>,
        sort: impl FnOnce(&mut [u32]),
    ) -> Page {
        let size = self.knobs.page_default.clamp(1, PAGE_MAX);
        let wanted = options.top.unwrap_or(usize::MAX);
        let shown = wanted.min(size);
        let (places, count, more) = if options.order.is_empty() && !options.count {
            // One more than shown, to know whether there is a next page; the rest is never looked at.
            let mut places: Vec<u32> = passing
                .skip(options.skip)
                .take(shown.saturating_add(1))
                .collect();
            let more = places.len() > shown;
            places.truncate(shown);
            (places, None, more)
        } else {
            let mut all: Vec<u32> = passing.collect();
            sort(&mut all);
            let count = all.len();
            let places: Vec<u32> = all.into_iter().skip(options.skip).take(shown).collect();
            let more = options.skip.saturating_add(shown) < count;
            (places, options.count.then_some(count as u64), more)
        };
        // `$top` ends the list; only the service's own page size leads to a next page.
        let next = (more && wanted > shown).then(|| {
            let left = options.top.map(|top| top - shown);
            (options.skip.saturating_add(shown), left)
        });
        Page {
            places,
            count,
            next,
        }
    }

    fn collection<T: Serialize>(
        &self,
        request: &Request,
        what: &str,
        page: &Page,
        value: Vec<T>,
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
        Response::json(
            200,
            &Collection {
                context: Some(self.context(what)),
                count: page.count,
                value,
                next_link,
            },
        )
    }

    /// Under the flapping knob: whoever has seen `Failed` sees `Succeeded` next (contract 4.4).
    fn flap(&mut self, place: u32) {
        let action = self.actions.get(place);
        let flaps = self.knobs.status_flap || action.is_flapping;
        if !flaps || action.state != State::Failed || action.was_shown_failed {
            return;
        }
        self.actions.get_mut(place).was_shown_failed = true;
        let now = self.now;
        self.actions.turn(place, State::Succeeded, now);
    }
}

/// Percent-encodes what must not stand bare in a query.
pub(super) fn encoded(text: &str) -> String {
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
