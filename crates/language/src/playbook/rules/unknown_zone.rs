//! `unknown-zone`: a `window` in a time zone that there is not.

use jiff::tz::{self, TimeZone};

use crate::diagnostic::{Problem, nearest};
use crate::playbook::model::Window;
use crate::playbook::outline::{Outline, is_template};

pub(super) fn check(outline: &Outline<'_>, found: &mut Vec<Problem>) {
    let document = outline.document;
    let Some(node) = document.get(document.root(), "window") else {
        return;
    };
    let text = outline.text(node);
    if is_template(text) {
        return;
    }
    let Ok(Window { zone, .. }) = text.parse() else {
        return;
    };
    // On a computer without the database nothing can be said about any zone but UTC.
    let is_known = zone == "UTC" || TimeZone::get(&zone).is_ok();
    if is_known || tz::db().available().next().is_none() {
        return;
    }
    let zones: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
    let help = match nearest(&zone, zones.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => {
            "Write a name of the IANA database, such as `Europe/Stockholm`, or `UTC`.".to_owned()
        }
    };
    found.push(
        outline
            .problem(
                "unknown-zone",
                outline.span(node),
                format!("there is no time zone `{zone}`"),
            )
            .help(help),
    );
}
