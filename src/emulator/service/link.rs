//! Result links, and the storage behind them (contract 6).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::moment::Moment;

use super::actions::CommandRecord;
use super::chance::{Purpose, guid};
use super::core::Service;
use super::message::{Request, Response};
use super::reads::encoded;
use super::refusal::Refusal;
use super::route::form_pairs;
use super::token::signature;

impl Service {
    pub(super) fn link(
        &self,
        request: &Request,
        id: &str,
        index: &str,
    ) -> Result<Response, Refusal> {
        let place = self.visible_action(id)?;
        let index: usize = index
            .parse()
            .map_err(|_| Refusal::invalid(format!("'{index}' is no command index.")))?;
        let none = || {
            let code = match self.knobs.no_result_status {
                404 => "ResourceNotFound",
                _ => "BadRequest",
            };
            Refusal::new(
                self.knobs.no_result_status,
                code,
                format!("The command {index} of {id} has no result."),
            )
        };
        let action = self.actions.get(place);
        let command = action.commands.get(index).ok_or_else(none)?;
        let lag_over =
            !action.state.is_final() || self.now >= action.updated + self.knobs.link_lag.0;
        if !self.is_kept(command) || !lag_over {
            return Err(none());
        }
        let until = self.now + self.knobs.link_ttl.0;
        let (action, name) = (guid(action.id).to_string(), self.blob_name(place, index));
        let expiry = whole_seconds(until);
        let seal = STANDARD.encode(signature(&self.key, &sealed_text(&action, &name, &expiry)));
        let mut link = format!(
            "{}/investigation-actions-data/{action}/CustomPlaybookCommandOutput/{name}?se={}&sp=r&sv=2018-03-28&sr=b&sig={}",
            Service::origin(request),
            encoded(&expiry),
            encoded(&seal),
        );
        if self.knobs.link_html_escape {
            link = link.replace('&', "&amp;");
        }
        Ok(Response::json(
            200,
            &serde_json::json!({"@odata.context": self.context("Edm.String"), "value": link}),
        ))
    }

    fn is_kept(&self, command: &CommandRecord) -> bool {
        command.result.is_some()
            && command
                .ended
                .is_some_and(|ended| self.now.since(ended) <= self.knobs.results_kept.0)
    }

    /// The storage's name of a result: 32 hexadecimal digits.
    fn blob_name(&self, action: u32, index: usize) -> String {
        let key = [u64::from(action), index as u64];
        format!("{:032x}", self.chance.wide(Purpose::Blob, &key))
    }

    /// The file behind a link: no bearer token, a signature and an expiry in the query.
    pub(super) fn blob(&self, request: &Request, action: &str, name: &str) -> Response {
        let denied = |detail: &str| {
            storage_error(
                403,
                "AuthenticationFailed",
                &format!("Server failed to authenticate the request. {detail}"),
            )
        };
        if request.find("authorization").is_some() {
            // Storage takes the header for its own and does not look at the signature any more.
            return denied("The Authorization header is not formed correctly.");
        }
        let pairs = form_pairs(&request.query);
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        let expiry = find("se");
        let given = STANDARD.decode(find("sig")).unwrap_or_default();
        let expected = signature(
            &self.key,
            &sealed_text(
                &action.to_ascii_lowercase(),
                &name.to_ascii_lowercase(),
                expiry,
            ),
        );
        if given != expected || find("sp") != "r" || find("sr") != "b" {
            return denied("Signature did not match.");
        }
        if Moment::parse(expiry).map_or(true, |until| until <= self.now) {
            return denied("Signature not valid in the specified time frame.");
        }
        let content = self.actions.find(action).and_then(|place| {
            let record = self.actions.get(place);
            let index = (0..record.commands.len())
                .find(|index| self.blob_name(place, *index).eq_ignore_ascii_case(name))?;
            let command = &record.commands[index];
            self.is_kept(command).then(|| command.result.clone())?
        });
        let Some(content) = content else {
            return storage_error(404, "BlobNotFound", "The specified blob does not exist.");
        };
        let mut headers = vec![
            ("content-type", self.knobs.blob_content_type.clone()),
            ("accept-ranges", "bytes".to_owned()),
            (
                "etag",
                format!(
                    "\"0x{}\"",
                    name.to_ascii_uppercase().get(..16).unwrap_or("")
                ),
            ),
            ("x-ms-blob-type", "BlockBlob".to_owned()),
        ];
        let asked = request.find("x-ms-range").or(request.find("range"));
        let (status, body) = match asked.map(|text| range(text, content.len())) {
            None | Some(Range::Whole) => (200, content),
            Some(Range::Part(from, to)) => {
                headers.push((
                    "content-range",
                    format!("bytes {from}-{}/{}", to - 1, content.len()),
                ));
                (206, content.slice(from..to))
            }
            Some(Range::Outside) => {
                let mut response = storage_error(
                    416,
                    "InvalidRange",
                    "The range specified is invalid for the current size of the resource.",
                );
                response
                    .headers
                    .push(("content-range", format!("bytes */{}", content.len())));
                return response;
            }
        };
        Response {
            headers,
            body,
            ..Response::empty(status)
        }
    }
}

fn sealed_text(action: &str, name: &str, expiry: &str) -> String {
    format!("r\nb\n{action}\n{name}\n{expiry}")
}

/// `2026-02-03T09:10:11Z`; rounded up, so that a link never lives shorter than promised.
fn whole_seconds(moment: Moment) -> String {
    let up = moment + Duration::from_millis(999);
    let text = up.to_string();
    format!("{}Z", text.get(..19).unwrap_or("9999-12-31T23:59:59"))
}

fn storage_error(status: u16, code: &str, message: &str) -> Response {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    Response::text(status, "application/xml", body)
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// No range, or one that is not understood: everything.
    Whole,
    /// From (in) to (out).
    Part(usize, usize),
    Outside,
}

/// One range of bytes; several at once are answered with everything, as storage does.
fn range(text: &str, size: usize) -> Range {
    let Some((from, to)) = text
        .trim()
        .strip_prefix("bytes=")
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.split_once('-'))
    else {
        return Range::Whole;
    };
    match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
        (Ok(from), _) if from >= size => Range::Outside,
        (Ok(from), Ok(to)) if to >= from => Range::Part(from, to.saturating_add(1).min(size)),
        (Ok(from), Err(_)) if to.trim().is_empty() => Range::Part(from, size),
        (Err(_), Ok(last)) if from.trim().is_empty() && last > 0 && size > 0 => {
            Range::Part(size.saturating_sub(last), size)
        }
        _ => Range::Whole,
    }
}
