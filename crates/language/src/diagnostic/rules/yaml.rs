//! Rules about the YAML itself.

use crate::diagnostic::code::{Rule, Severity};

/// What YAML must not have is an error: the values behind it would be a guess.
const fn rule(id: &'static str, title: &'static str, page: &'static str) -> Rule {
    Rule {
        id,
        severity: Severity::Error,
        title,
        page,
    }
}

pub(super) static RULES: &[Rule] = &[
    rule(
        "yaml-syntax",
        "this is not YAML",
        r##"The text breaks a rule of YAML 1.2 that no other finding describes better. Nothing behind the place
can be read with certainty, so further findings may appear once it is mended.

Wrong:

    {playbook: 1, name: Collect}
    : steps

Right:

    playbook: 1
    name: Collect
"##,
    ),
    rule(
        "indentation",
        "a line begins in a column where nothing can stand",
        r##"In YAML the column in which a line begins says what it belongs to. Keys of one map begin in one
column, and so do the items of one list. A line between two columns belongs to neither; one that is
indented below a finished text continues that text.

Wrong:

    steps:
      - run: triage.sh
       timeout: 5m

Right:

    steps:
      - run: triage.sh
        timeout: 5m
"##,
    ),
    rule(
        "tab-indentation",
        "a line is indented with a tab",
        r##"YAML counts columns, and a tab has no fixed width: two people would see two structures in the same
file. So tabs may stand inside a text, but not before the first word of a line. Most editors can be
told to write spaces; `.editorconfig` with `indent_style = space` does it for everyone.

The fix replaces all such tabs of the file by the smallest width that makes it readable.
"##,
    ),
    rule(
        "unquoted-text",
        "a text needs quotes",
        r##"A text may stand without quotes as long as YAML can't take it for something else. It needs them when
it begins with one of `` @ ` % & * ! | > { } [ ] , # ? - `` and when it has `: ` or ` #` in it. Single
quotes are the safe choice: they have no escapes, only the apostrophe is doubled.

Wrong:

    description: Note: run this first
    comment: @team, see the ticket

Right:

    description: 'Note: run this first'
    comment: '@team, see the ticket'
"##,
    ),
    rule(
        "unquoted-template",
        "a template needs quotes here",
        r##"`${{ … }}` may stand without quotes as the value of a key, but its braces mean a map between
brackets, and `: ` ends a text without quotes wherever it stands. A template that begins with `{{`
alone is the form of other tools.

Wrong:

    args: [-Name, ${{ inputs.name }}]
    comment: {{ inputs.name }}

Right:

    args: [-Name, '${{ inputs.name }}']
    comment: ${{ inputs.name }}
"##,
    ),
    rule(
        "missing-colon",
        "a key has no colon",
        r##"In a map each line is a key with a colon, and its value. A line without a colon is neither.

Wrong:

    steps
      - run: triage.sh

Right:

    steps:
      - run: triage.sh
"##,
    ),
    rule(
        "missing-space",
        "a space is missing after `:` or `-`, or before `#`",
        r##"`name:x` is one word for YAML, and so is `-run`: only the space makes a key or an item of it. A `#`
begins a comment only after a space.

Wrong:

    name:Collect
    os: "linux"# for now

Right:

    name: Collect
    os: "linux" # for now
"##,
    ),
    rule(
        "block-text",
        "a text block begins on the next line",
        r##"`|` and `>` announce a text of several lines, which stands indented below the key. Beside them only
`+`, `-` and a digit from 1 to 9 may stand, which say how the text ends and how far it is indented.

Wrong:

    description: | Collects what the triage needs.

Right:

    description: |
      Collects what the triage needs.
"##,
    ),
    rule(
        "bad-escape",
        "double quotes know no such escape",
        r##"In double quotes a backslash begins an escape: `\n` is a line feed, `\t` a tab, `\x41` an `A`. A
Windows path or a regular expression is full of backslashes that mean themselves. Single quotes have
no escapes at all, and plain text has none either.

Wrong:

    get: "C:\Windows\System32\config"

Right:

    get: 'C:\Windows\System32\config'
    get: C:\Windows\System32\config
"##,
    ),
    rule(
        "unclosed-quote",
        "a quote is never closed",
        r##"The text that begins with this quote goes on to the end of the file. Often the closing quote was
forgotten, or a backslash before it turned it into a part of the text.

Wrong:

    get: "C:\temp\"

Right:

    get: 'C:\temp\'
"##,
    ),
    rule(
        "text-after-quote",
        "text goes on after a closing quote",
        r##"What stands in quotes is the whole value. Where the quotes belong to the text, all of it needs
quotes; inside single quotes an apostrophe is written twice.

Wrong:

    description: 'the host's name'
    args: "C:\Program Files\x.log" /q

Right:

    description: 'the host''s name'
    args: '"C:\Program Files\x.log" /q'
"##,
    ),
    rule(
        "unclosed-bracket",
        "a bracket is not closed, or closes nothing",
        r##"`[…]` is a list and `{…}` a map in one line. Each opening bracket needs the closing one of its kind.
A text that merely begins with a bracket needs quotes.

Wrong:

    waves: [1, 5%, 100%
    comment: [urgent] look here

Right:

    waves: [1, 5%, 100%]
    comment: '[urgent] look here'
"##,
    ),
    rule(
        "duplicate-key",
        "a key is given twice in one map",
        r##"YAML readers differ in which of the two they take, and a reviewer may read the other one: two people
would run two playbooks. Each place is shown; one of them has to go.

Wrong:

    - run: triage.sh
      timeout: 5m
      timeout: 10m

Right:

    - run: triage.sh
      timeout: 10m
"##,
    ),
    rule(
        "collection-key",
        "a list or a map stands as a key",
        r##"A key is a name. YAML would let a list or a map be one, which is hardly ever meant: mostly a text
that begins with `[` or `{` lacks its quotes.

Wrong:

    [urgent]: 1

Right:

    '[urgent]': 1
"##,
    ),
    rule(
        "empty-key",
        "an entry has no key",
        r##"A colon without a name before it is an entry under the key *nothing*, which no playbook has.

Wrong:

    vars:
      : x

Right:

    vars:
      name: x
"##,
    ),
    rule(
        "merge-key",
        "`<<` does not merge maps",
        r##"The merge key was an extension of YAML 1.1. YAML 1.2 has none, and readers differ in what it does
with keys that both maps have. A whole value can be repeated with an alias.

Wrong:

    defaults: &defaults { timeout: 5m }
    steps:
      - <<: *defaults
        run: triage.sh

Right:

    steps:
      - run: triage.sh
        timeout: 5m
"##,
    ),
    rule(
        "unknown-alias",
        "an alias names no anchor",
        r##"A word that begins with `*` repeats the value that carries the anchor `&word` further up. Without
such an anchor it is most often a text, a wildcard for example, that lacks its quotes.

Wrong:

    args: *.log

Right:

    args: '*.log'
"##,
    ),
    rule(
        "alias-loop",
        "an alias stands inside what it repeats",
        r##"The value would contain itself, without end.

Wrong:

    vars: &all
      copy: *all

Right:

    vars:
      copy: what it should be
"##,
    ),
    rule(
        "tag",
        "a tag such as `!!str` stands before a value",
        r##"Tags tell a YAML reader to take a value for another type. Playbooks have none: the language knows the
type of each value, numbers keep their text where text is wanted, and quotes make a text of
anything.

Wrong:

    default: !!str 007

Right:

    default: '007'
"##,
    ),
    rule(
        "yaml-directive",
        "a line begins with `%`",
        r##"`%YAML` and `%TAG` speak to the YAML reader. Every playbook is read as YAML 1.2, and the version of
the language stands in the key `playbook`.

Wrong:

    %YAML 1.1
    ---
    playbook: 1

Right:

    playbook: 1
"##,
    ),
    rule(
        "second-document",
        "a second document begins in the file",
        r##"`---` begins a further document, and `...` ends one. A file holds one playbook, so that its name and
its hash mean one thing. The first document is still checked.
"##,
    ),
    rule(
        "empty-document",
        "the file holds nothing",
        r##"There is nothing but blank lines and comments in the file. The smallest playbook is:

    playbook: 1
    steps:
      - run: triage.sh
"##,
    ),
    rule(
        "hidden-character",
        "a character can't be seen, or hides others",
        r##"Control characters can rewrite what a terminal shows, marks of direction let a text read otherwise
than it runs, and spaces without width make two names look like one. In a file that decides what is
run on devices none of them may stand raw. Where one is meant, its escape in double quotes is
visible to every reader.

Wrong (with an invisible U+202E):

    run: clean<U+202E>sh.txt

Right:

    run: "clean\u202Esh.txt"
"##,
    ),
    rule(
        "not-utf8",
        "the file is not UTF-8",
        r##"Playbooks are UTF-8, with or without a byte order mark. Windows PowerShell 5 writes UTF-16 with `>`
and `Out-File`; older editors write the code page of the device, where `ü` is another byte in
another country.

In PowerShell: `Get-Content old.yaml | Set-Content -Encoding utf8 new.yaml`
"##,
    ),
    rule(
        "yaml-limit",
        "the file is beyond what any playbook needs",
        r##"Limits keep a broken or hostile file from taking memory and time: 8 MiB, 64 lists and maps inside one
another, 1,000,000 keys and values, of these 50,000 repeated by aliases, and 1,024 characters in a
key. Long lists of devices belong into the file that `targets: { file: … }` names; data that a script
needs belongs into a file of the library.
"##,
    ),
];
