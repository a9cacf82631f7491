//! Rules about what a playbook means, which a schema can't say.

use crate::diagnostic::code::{Rule, Severity};

/// A rule whose page is its reason and two examples.
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
        Advice "costly-order": "an order of steps that needs one more session",
        r#"The service runs the commands of one session in a fixed order of kinds: first `put`, then `run`, then `get`.
svar keeps the author's order, so a step that comes too late for its kind begins a new session on every device.
A session takes about three minutes, and a tenant may start ten in a minute: on a fleet of 600 devices one more
session each is an hour. Where the order matters, for example because a script deletes what was collected before,
leave it as it is and silence the finding with that reason."#,
        r#"steps:
  - run: collect.ps1
  - get: C:\ProgramData\ir\out.zip
  - run: list-users.ps1"#,
        r#"steps:
  - run: collect.ps1
  - run: list-users.ps1
  - get: C:\ProgramData\ir\out.zip"#
    ),
    rule!(
        Error "relative-path": "a path to collect that is not absolute",
        r#"The service wants the full path of a file. It expands neither `%TEMP%` nor `~`, and there is no folder on a device
    that a relative path could start from."#,
        r#"steps:
    - get: '%TEMP%\triage.zip'"#,
        r#"steps:
    - get: C:\Windows\Temp\triage.zip"#
    ),
    rule!(
        Error "foreign-path": "a path of another system than the step is for",
        r#"`os`, or the step's `when`, says which system the step is for, and the path is one of another system. The device
    would answer that there is no such file."#,
        r#"os: linux
steps:
  - get: C:\Windows\Temp\triage.zip"#,
        r#"os: linux
steps:
  - get: /var/tmp/triage.tar.gz"#
    ),
    rule!(
        Error "not-one-file": "a path to collect that names more than one file",
        r#"`get` collects exactly one file. The service knows no wildcards and collects no folders; a script can pack what is
    wanted into an archive. On Linux and macOS `*` and `?` can be part of a name: silence the finding there."#,
        r#"steps:
    - get: /var/log/auth.log*"#,
        r#"steps:
  - run: pack-logs.sh
  - get: /var/tmp/logs.tar.gz"#
    ),
    rule!(
        Warning "doubled-backslash": "a path with every backslash written twice",
        r#"Without quotes, in single quotes and in blocks YAML takes a backslash as it is, and svar alone escapes what is
sent. A path that is already escaped, as in an example of JSON, would arrive at the device with two backslashes.
Shares, which begin with two backslashes, regular expressions and JSON in a text are left alone."#,
        r#"steps:
    - get: 'C:\\Windows\\Temp\\triage.zip'"#,
        r#"steps:
    - get: C:\Windows\Temp\triage.zip"#
    ),
    rule!(
        Error "live-escape": "a Windows path in double quotes with escapes that YAML acts on",
        r#"In double quotes a backslash begins an escape: `"C:\temp"` holds a tab and `"C:\new"` a line break. YAML reports
nothing, since both are legal, and the device looks for a file that can't exist. Paths need no quotes, or single
ones."#,
        r#"steps:
    - get: "C:\temp\triage.zip""#,
        r#"steps:
    - get: C:\temp\triage.zip"#
    ),
    rule!(
        Error "duplicate-id": "two steps with one id",
        r#"Later steps read a result by the step's id. With two steps of one id it would be open which one is meant, also in
    reports and records."#,
        r#"steps:
  - { id: look, run: look.ps1 }
  - { id: look, run: look-again.ps1 }"#,
        r#"steps:
  - { id: look, run: look.ps1 }
  - { id: look_again, run: look-again.ps1 }"#
    ),
    rule!(
        Warning "duplicate-target": "a device, tag or group that is listed twice",
        r#"What is listed twice counts once, so nothing breaks. But often another device was meant, and that one is missing."#,
        r#"targets:
    names: [ws-07.example.org, ws-07.example.org]"#,
        r#"targets:
    names: [ws-07.example.org, ws-08.example.org]"#
    ),
    rule!(
        Error "empty-range": "bounds that no value can keep",
        r#"`min` is above `max`, or a bound has a form that the input's type does not know: a number bounds an `int`, the length
    of a text or of a list, a length of time bounds a `duration`."#,
        r#"inputs:
    days: { type: int, min: 30, max: 7 }"#,
        r#"inputs:
    days: { type: int, min: 7, max: 30 }"#
    ),
    rule!(
        Warning "forbidden-characters": "characters in arguments that the service may refuse",
        r#"Microsoft's documentation forbids `;`, `&`, `|`, `!` and `$` in the parameters of a script. What the service does with
them is not documented: it may refuse the session, or the script may fail on the device. `pass: base64url` sends the
arguments as one token that is made of letters, digits, `-` and `_`, and the script decodes it. Characters that come
in by an input are found when the playbook is planned."#,
        r#"steps:
  - run: hunt.ps1
    args: -Pattern 'a|b'"#,
        r#"steps:
  - run: hunt.ps1
    args: { Pattern: a|b }
    pass: base64url"#
    ),
    rule!(
        Error "idle-key": "a key that means nothing beside the step's verb",
        r#"Only a script takes arguments and has an output; only a collected file has a size; a file that was put has no result
    at all. A key beside the wrong verb would be skipped, and what its author expected would not be checked."#,
        r#"steps:
  - get: /var/log/auth.log
    expect: { exit: 0 }"#,
        r#"steps:
  - get: /var/log/auth.log
    expect: { size: "> 0" }"#
    ),
    rule!(
        Warning "idle-offline": "settings of the wait for devices that are left out",
        r#"With `mode: skip` a device that sleeps is left out, so nobody waits for it and it takes no session: `until` and
    `max_slots` say nothing about it. They still hold for a device that falls asleep between two sessions of its own."#,
        r#"offline: { mode: skip, until: 8h }"#,
        r#"offline: { mode: hold, until: 8h }"#
    ),
    rule!(
        Error "input-default": "a default or choice that its own input refuses",
        r#"A default is judged like a value that is handed in: by `type`, `choices`, `pattern`, `min` and `max`. Otherwise the
    playbook could be run with a value that nobody may type."#,
        r#"inputs:
    days: { type: int, default: 90, max: 30 }"#,
        r#"inputs:
    days: { type: int, default: 30, max: 30 }"#
    ),
    rule!(
        Error "invalid-regex": "a regular expression that can't be read",
        r#"The syntax is that of RE2 and of Rust's regex crate: no look-around and no back-references, so that a match takes
    linear time whatever a device answers."#,
        r#"expect:
    stdout: { matches: '(?<!un)done' }"#,
        r#"expect:
    stdout: { matches: '^done' }"#
    ),
    rule!(
        Error "large-file": "a file that is too large for the library or the device",
        r#"The library takes files of at most 20 MB by API, and `put` at most 10 MB on Linux and macOS. Both would be refused in
    the middle of a run."#,
        r#"library:
    image: { path: tools/image-of-40-mb.bin }"#,
        r#"library:
    fetch: { path: scripts/fetch-image.ps1 }"#
    ),
    rule!(
        Error "library-name": "a name that the library refuses",
        r#"The tenant's library takes names of letters, digits, `-`, `_` and `.`. A file whose own name has other characters can
    be given another name there."#,
        r#"library:
    tool: { path: tools/my tool.exe }"#,
        r#"library:
    tool: { path: tools/my tool.exe, name: my-tool.exe }"#
    ),
    rule!(
        Error "long-comment": "a comment that may be cut or refused",
        r#"The comment is kept with every action. How long it may be is not documented; 1,000 characters are known to pass. A
    comment that is cut loses the tag by which a run finds its own actions again."#,
        r#"comment: (a page of instructions)"#,
        r#"description: (a page of instructions)
    comment: Case ${{ run.case }}"#
    ),
    rule!(
        Error "device-id": "a device id that can't be one",
        r#"The service knows a device by 40 hexadecimal digits. A shorter or longer text is often a name, an Entra id, or a slip
    while copying."#,
        r#"targets:
    ids: [ws-07.example.org]"#,
        r#"targets:
    names: [ws-07.example.org]"#
    ),
    rule!(
        Error "missing-file": "a file beside the playbook that is not there",
        r#"Paths under `library`, and the file of `targets`, begin at the playbook's folder and have `/` between folders. An
absolute path would be right on one computer alone. A missing list of targets is a warning, since it may be made just
before the run."#,
        r#"library:
    collect: { path: C:\Users\me\collect.ps1 }"#,
        r#"library:
    collect: { path: scripts/collect.ps1 }"#
    ),
    rule!(
        Error "nested-args": "arguments of a form that no command line has",
        r#"A list becomes words and a map becomes options with their values. A map inside a map has no such form: every shell
    would have to be guessed at. As one token of base64url any structure can be sent, and the script decodes it."#,
        r#"steps:
  - run: hunt.ps1
    args: { Paths: { temp: C:\Windows\Temp } }"#,
        r#"steps:
  - run: hunt.ps1
    args: { Paths: { temp: C:\Windows\Temp } }
    pass: base64url"#
    ),
    rule!(
        Error "no-time": "a limit in which nothing can be done",
        r#"A `deadline`, an `offline.until` or a `timeout` of no length is over before anything has begun: no device would be
    started, none that sleeps would be waited for, no command could end. Without a `deadline` or a `timeout` there is no such
    limit; devices that sleep are left out with `mode: skip`."#,
        r#"deadline: 0s"#,
        r#"deadline: 8h"#
    ),
    rule!(
        Warning "pointless-default": "a default that contradicts the rest of its input",
        r#"An input that is required never uses its default. The default of a secret input is no secret: it stands in the
    repository, in every plan's digest and in the run's copy of the playbook."#,
        r#"inputs:
    token: { secret: true, default: hunter2 }"#,
        r#"inputs:
    token: { secret: true }"#
    ),
    rule!(
        Error "script-type": "a script that the device's system does not run",
        r#"Live response runs PowerShell scripts (`.ps1`) on Windows and bash scripts (`.sh`) on Linux and macOS. `os`, or the
step's `when`, says which system the step is for. Programs are `put` on the device and started by a script; that they
are refused elsewhere is a warning only."#,
        r#"os: linux
steps:
  - run: triage.ps1"#,
        r#"os: linux
steps:
  - run: triage.sh"#
    ),
    rule!(
        Warning "shrinking-waves": "a wave that starts no further device",
        r#"A wave says how many devices have been started by its end, the earlier waves included. One that is not larger than the
    one before does nothing but wait."#,
        r#"rollout:
    waves: [10, 10, 100%]"#,
        r#"rollout:
    waves: [10, 20, 100%]"#
    ),
    rule!(
        Error "unfinished-waves": "waves that end before all devices",
        r#"A wave says how many devices have been started by its end. All devices under `targets` belong to the run, so the last
wave is the one with all of them, and the end of the list says so. Nothing is sent for waves that end sooner: whether the
other devices were meant to be left out or to follow in a further wave, nobody but the author knows. A share below `100%` at
the end is found in the playbook; a number, when it is below that of the devices, as soon as these are known."#,
        r#"rollout:
    waves: [1, 5%]"#,
        r#"rollout:
    waves: [1, 5%, 100%]"#
    ),
    rule!(
        Warning "zero-failures": "a stop rule that is met without a failure",
        r#"The run stops when the failed devices are at or above `failed`. None failed before the first start either, so `0` and
    `0%` can't mean what they say: they count as `1`, the first failure stops the run."#,
        r#"rollout:
    stop_when: { failed: 0 }"#,
        r#"rollout:
    stop_when: { failed: 1 }"#
    ),
    rule!(
        Advice "small-sample": "a share of failures that counts from the first device on",
        r#"The share is taken of the devices that have finished so far. If the first one fails, that is 100%, and the run stops
    at any threshold. `after` says from how many finished devices on the share counts; a share `of: targets` needs none."#,
        r#"rollout:
    stop_when: { failed: 5% }"#,
        r#"rollout:
    stop_when: { failed: 5%, after: 20 }"#
    ),
    rule!(
        Warning "unjudged-exit": "a script whose exit code nobody sees",
        r#"The service calls a command completed whatever its script's exit code was; the code stands in the result alone. With
    `results: none` or `failed` the result of a completed command is not fetched, so a script that failed counts as ok. Where that
    is meant, `expect: { exit: any }` says so; any other expectation has the result fetched."#,
        r#"steps:
  - run: collect.sh
    results: none"#,
        r#"steps:
  - run: collect.sh
    expect: { exit: any }
    results: none"#
    ),
    rule!(
        Error "unknown-zone": "a time zone that there is not",
        r#"The hours of `window` are those of a time zone: a name of the IANA database, in which a place keeps its name when its
    clocks change, or `UTC`. Abbreviations such as `CEST` mean different things in different places and are none."#,
        r#"window: 22:00-06:00 Europe/Stokholm"#,
        r#"window: 22:00-06:00 Europe/Stockholm"#
    ),
    rule!(
        Error "unlisted-file": "a file that is not listed under `library`",
        r#"`put` and `run` take a name: one that stands under `library`, or one of a file that is already in the tenant's library.
A path is neither. A name that is nearly one of the playbook's own, or the file name of one, is a warning: by the name
under `library` the file's hash is compared with the tenant's before a run, by another name it is not."#,
        r#"steps:
    - run: scripts/collect.ps1"#,
        r#"library:
  collect: { path: scripts/collect.ps1 }
steps:
  - run: collect"#
    ),
    rule!(
        Warning "unreachable-when": "a condition that never holds",
        r#"The step is skipped on every device: its condition is `false`, asks for two systems at once, for one that the playbook
    is not for, or for one that does not exist. Families are `windows`, `linux` and `macos`, in lower case."#,
        r#"os: linux
steps:
  - when: target.family == 'windows'
    run: triage.ps1"#,
        r#"steps:
  - when: target.family == 'windows'
    run: triage.ps1"#
    ),
    rule!(
        Warning "unused-input": "an input that nothing uses",
        r#"An input that is never used still has to be handed in, and whoever does so believes that it has an effect. Often the
    name is misspelt where it was meant to be used."#,
        r#"inputs:
  days: { type: int }
steps:
  - run: collect.ps1"#,
        r#"inputs:
  days: { type: int }
steps:
  - run: collect.ps1
    args: { Days: "${{ inputs.days }}" }"#
    ),
    rule!(
        Warning "unused-var": "a var that nothing uses",
        r#"A var is there to be used, by a step or by another var. Often the name is misspelt where it was meant to be."#,
        r#"vars:
  archive: C:\ProgramData\ir\out.zip
steps:
  - get: C:\ProgramData\ir\out.zip"#,
        r#"vars:
  archive: C:\ProgramData\ir\out.zip
steps:
  - get: ${{ vars.archive }}"#
    ),
    rule!(
        Warning "unused-library": "a library file that no step uses",
        r#"A file that is never used is still hashed, compared with the tenant's library and uploaded with `--sync-library`."#,
        r#"library:
  collect: { path: scripts/collect.ps1 }
  old: { path: scripts/collect-old.ps1 }
steps:
  - run: collect"#,
        r#"library:
  collect: { path: scripts/collect.ps1 }
steps:
  - run: collect"#
    ),
    rule!(
        Warning "yes-or-no": "a word that older YAML took for a bool",
        r#"In YAML 1.2 `yes`, `no`, `on` and `off` are texts; older readers took them for `true` and `false`. Where any value may
    stand nobody can know which was meant. Write a bool as `true` or `false`, and a text in quotes."#,
        r#"args: { Force: yes }"#,
        r#"args: { Force: true }"#
    ),
    rule!(
        Warning "unused-silencer": "a silencer that silences nothing",
        r#"`# svar: allow ID -- reason` silences findings of a rule on its line, or on the next line if it stands alone. One that
silences nothing would hide the next mistake in that place. Findings without which the playbook can't be read (broken
YAML, a wrong shape, a template without meaning) can't be silenced."#,
        r#"- run: collect.sh  # svar: allow forbidden-characters -- nothing of the kind is here"#,
        r#"- run: collect.sh"#
    ),
    rule!(
        Warning "unreasoned-silencer": "a silencer that says no reason",
        r#"Whoever reads the playbook next must be able to judge whether the reason still holds. Without a reason nothing is
    silenced."#,
        r#"# svar: allow costly-order
    - run: delete-archive.ps1"#,
        r#"# svar: allow costly-order -- the archive must be gone before the next shift
    - run: delete-archive.ps1"#
    ),
];
