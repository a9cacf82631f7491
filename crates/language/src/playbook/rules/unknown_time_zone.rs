//! `unknown-time-zone`: a `window` in an unknown time zone.

use jiff::tz::{self, TimeZone};

use crate::diagnostic::{Problem, Rule, Severity, nearest};
use crate::playbook::model::Window;
use crate::playbook::outline::{Outline, is_template};

pub(super) static RULE: Rule = Rule {
    id: "unknown-time-zone",
    severity: Severity::Error,
    title: "unknown time zone",
    page: r"
The hours of `window` are in a time zone: a name of the IANA database, which also covers
daylight saving time, or `UTC`. Abbreviations such as `CEST` mean different things in different
places and are not accepted.

Wrong:

```yaml
window: 22:00-06:00 Europe/Stokholm
```

Right:

```yaml
window: 22:00-06:00 Europe/Stockholm
```
",
};

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
    // Without a time zone database only UTC is known.
    let is_known = zone == "UTC" || TimeZone::get(&zone).is_ok();
    if is_known || tz::db().available().next().is_none() {
        return;
    }
    let zones: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
    let help = match nearest(&zone, zones.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "Use a name of the IANA database, such as `Europe/Stockholm`, or `UTC`.".to_owned(),
    };
    found.push(
        outline
            .problem(
                &RULE,
                outline.span(node),
                format!("unknown time zone `{zone}`"),
            )
            .help(help),
    );
}
