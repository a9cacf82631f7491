//! Rules about what an emulator's scenario means.

use crate::diagnostic::code::{Rule, Severity};

macro_rules! rule {
    ($severity:ident $id:literal: $title:literal, $why:literal, $wrong:literal, $right:literal) => {
        Rule {
            id: $id,
            severity: Severity::$severity,
            title: $title,
            page: concat!(
                $why,
                "\n\nWrong:\n\n```yaml\n",
                $wrong,
                "\n```\n\nRight:\n\n```yaml\n",
                $right,
                "\n```\n"
            ),
        }
    };
}

pub(super) static RULES: &[Rule] = &[
    rule!(
        Error "duplicate-device": "two devices of a scenario that can't be told apart",
        r#"The service knows a device by its id. A device that is given none has the one that follows from its name, so two of
one name would be one. Several devices do share a name in real tenants, after a computer was set up anew: give each an
`id` then."#,
        r#"devices:
  - { name: ws-07.example.org, os: Windows11 }
  - { name: ws-07.example.org, os: Windows11, health: Inactive }"#,
        r#"devices:
  - { name: ws-07.example.org, os: Windows11 }
  - name: ws-07.example.org
    id: 1f0e9d8c7b6a59483726150493827160f1e2d3c4
    os: Windows11
    health: Inactive"#
    ),
    rule!(
        Error "duplicate-name": "an application or a library file that is there twice",
        r#"Applications are told apart by `id`, library files by `name`. Of two alike only one could be meant, and the other
    would be lost without a word."#,
        r#"library:
  - { name: hunt.sh, text: "echo one" }
  - { name: hunt.sh, text: "echo two" }"#,
        r#"library:
  - { name: hunt.sh, text: "echo one" }
  - { name: hunt-2.sh, text: "echo two" }"#
    ),
    rule!(
        Error "fleet-names": "a fleet whose devices would all have one name",
        r#"The `name` of a fleet is a pattern: `{n}` stands for the number of each device, with leading zeros, so that all
    names have one length."#,
        r#"fleets:
    - { count: 500, name: pc.example.org }"#,
        r#"fleets:
    - { count: 500, name: "pc-{n}.example.org" }"#
    ),
    rule!(
        Error "window-order": "a stretch of time that ends before it begins",
        r#"`from` and `until` both count from the emulator's start; neither is a length. Without `until` the stretch has no end."#,
        r#"devices:
    - { name: web-01.example.org, online: [{ from: 2 h, until: 10 min }] }"#,
        r#"devices:
    - { name: web-01.example.org, online: [{ from: 2 h, until: 130 min }] }"#
    ),
    rule!(
        Warning "overlapping-windows": "two stretches of time of which one begins while the other lasts",
        r#"They mean the same as one stretch, so one of them is probably wrong. A device without `online` can always be reached."#,
        r#"devices:
    - { name: web-01.example.org, online: [{ from: 0 }, { from: 2 h, until: 3 h }] }"#,
        r#"devices:
    - { name: web-01.example.org, online: [{ until: 1 h }, { from: 2 h, until: 3 h }] }"#
    ),
    rule!(
        Error "unknown-device": "a fault for a device that the scenario does not have",
        r#"A fault may be for one device, told by its full name or its id. Where there is none of that name it would never
    strike, and a rehearsal would show that all is well."#,
        r#"devices:
  - { name: web-01.example.org }
faults:
  - { call: start, kind: drop_response, device: web-02.example.org }"#,
        r#"devices:
  - { name: web-01.example.org }
faults:
  - { call: start, kind: drop_response, device: web-01.example.org }"#
    ),
    rule!(
        Warning "idle-fault": "a fault that can't come about, or a key that changes nothing about it",
        r#"A fault strikes by count (`after`, `times`) or by `probability`. Some happen at certain calls only: `busy`, `delayed_visibility` and
`flapping` at `start`; `library_file_replaced` at `start` and `library_upload`; those of gzip at `result_download`. A `device` can be asked for
at `start`, `action_get`, `result_link`, `result_download`, `cancel` and `machine_get`. A `delay` belongs to `throttled`, `throttled_with_date`,
`slow`, `delayed_visibility` and `library_file_replaced`."#,
        r#"faults:
    - { call: action_list, kind: delayed_visibility, delay: 2 min }"#,
        r#"faults:
    - { call: start, kind: delayed_visibility, delay: 2 min }"#
    ),
    rule!(
        Warning "idle-outcome": "a scripted outcome that never has its turn",
        r#"Of all outcomes the first that fits counts, a device's own before the scenario's. One behind another that fits
    whenever it would is never looked at."#,
        r#"outcomes:
  - { script: "*", stdout: "fine" }
  - { script: hunt.ps1, exit: 3 }"#,
        r#"outcomes:
  - { script: hunt.ps1, exit: 3 }
  - { script: "*", stdout: "fine" }"#
    ),
    rule!(
        Warning "idle-setting": "a key that has no effect beside the others",
        r#"What it says can't come about, so something else was probably meant."#,
        r#"fleets:
    - { count: 100, back_online: { min: 1 h, max: 8 h } }"#,
        r#"fleets:
    - { count: 100, offline: 0.1, back_online: { min: 1 h, max: 8 h } }"#
    ),
    rule!(
        Advice "unknown-script": "an outcome for a script that the library does not have",
        r#"The scenario lists what is in the library, and this script is not there: the outcome has its turn only if somebody
    uploads a file of that name, as `svar run --sync-library` does. Nothing is said without a list, or of a pattern such as `hunt*.ps1`."#,
        r#"library:
  - { name: hunt.ps1 }
outcomes:
  - { script: hnut.ps1, exit: 3 }"#,
        r#"library:
  - { name: hunt.ps1 }
outcomes:
  - { script: hunt.ps1, exit: 3 }"#
    ),
    rule!(
        Warning "nothing-passes": "a limit that lets nothing through",
        r#"A limit of 0 allows none at all. Where no limit is meant, as with `commands_max`, the setting's text says so; leave this one
    out to have the profile's. To refuse some calls and not all of them, use `faults`."#,
        r#"settings: { slots: 0 }"#,
        r#"settings: { slots: 1 }"#
    ),
    rule!(
        Warning "unknown-system": "an operating system that the emulator does not know",
        r#"What begins with `Windows` has drive letters and PowerShell; everything else is played like Linux, also a name that
    was misspelt. `svar check` knows `Linux` and `macOS` besides."#,
        r#"devices:
    - { name: web-01.example.org, os: Linus }"#,
        r#"devices:
    - { name: web-01.example.org, os: Linux }"#
    ),
    rule!(
        Error "device-file": "a file that can't be where the scenario says",
        r#"A file of a device has a full path as its system knows it: `C:\Users\Public\notes.txt` on Windows, `/var/log/auth.log`
    elsewhere. A path leads neither upwards nor to another computer."#,
        r#"devices:
  - name: ws-07.example.org
    os: Windows11
    files: [{ path: /etc/passwd, text: "x" }]"#,
        r#"devices:
  - name: ws-07.example.org
    os: Windows11
    files: [{ path: 'C:\Users\Public\notes.txt', text: "x" }]"#
    ),
    rule!(
        Error "file-content": "the content of a file that can't be read",
        r#"`base64` holds bytes in the usual alphabet, with `=` at the end where the length needs it."#,
        r#"library:
    - { name: tool.exe, base64: "TVo*" }"#,
        r#"library:
    - { name: tool.exe, base64: "TVo=" }"#
    ),
];
