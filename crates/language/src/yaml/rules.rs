//! Rules about YAML itself. All are errors, because the values would be ambiguous.

use crate::diagnostic::{Rule, Severity};

/// All rules of this module, in the order of `svar explain`.
pub(crate) static RULES: &[&Rule] = &[
    &YAML_SYNTAX,
    &INDENTATION,
    &TAB_INDENTATION,
    &UNQUOTED_TEXT,
    &UNQUOTED_TEMPLATE,
    &MISSING_COLON,
    &MISSING_SPACE,
    &INVALID_BLOCK_HEADER,
    &INVALID_ESCAPE,
    &UNCLOSED_QUOTE,
    &TEXT_AFTER_QUOTE,
    &UNCLOSED_BRACKET,
    &DUPLICATE_KEY,
    &COLLECTION_KEY,
    &EMPTY_KEY,
    &MERGE_KEY,
    &UNKNOWN_ALIAS,
    &RECURSIVE_ALIAS,
    &YAML_TAG,
    &YAML_DIRECTIVE,
    &SECOND_DOCUMENT,
    &EMPTY_DOCUMENT,
    &INVISIBLE_CHARACTER,
    &NOT_UTF8,
    &YAML_LIMIT,
];

pub(crate) static YAML_SYNTAX: Rule = Rule {
    id: "yaml-syntax",
    severity: Severity::Error,
    title: "invalid YAML",
    page: r"
The text breaks a rule of YAML 1.2 that no other rule describes better. Nothing after this place
can be read reliably, so more findings may appear once it is fixed.

Wrong:

```yaml
{playbook: 1, name: Collect}
: steps
```

Right:

```yaml
playbook: 1
name: Collect
```
",
};

pub(crate) static INDENTATION: Rule = Rule {
    id: "indentation",
    severity: Severity::Error,
    title: "wrong indentation",
    page: r"
In YAML the column of a line's first character says what the line belongs to. All keys of a map
start in the same column, and so do all items of a list. A line between two columns belongs to
neither. A line that is indented below a finished text continues that text.

Wrong:

```yaml
steps:
  - run: triage.sh
   timeout: 5m
```

Right:

```yaml
steps:
  - run: triage.sh
    timeout: 5m
```
",
};

pub(crate) static TAB_INDENTATION: Rule = Rule {
    id: "tab-indentation",
    severity: Severity::Error,
    title: "line indented with a tab",
    page: r"
YAML counts columns, and a tab has no fixed width: two people would see two different structures
in the same file. Tabs are allowed inside a text, but not before the first word of a line. Most
editors can be configured to insert spaces; `.editorconfig` with `indent_style = space` does it
for everyone.

The fix replaces all such tabs of the file by the smallest number of spaces that makes it
readable.
",
};

pub(crate) static UNQUOTED_TEXT: Rule = Rule {
    id: "unquoted-text",
    severity: Severity::Error,
    title: "text needs quotes",
    page: r"
A text needs no quotes as long as YAML cannot take it for something else. It needs them when it
begins with a backtick or one of `@ % & * ! | > { } [ ] , # ? -`, and when it contains `: ` or
` #`. Single quotes are the safe choice: they have no escapes, only an apostrophe is doubled.

Wrong:

```yaml
description: Note: run this first
comment: @team, see the ticket
```

Right:

```yaml
description: 'Note: run this first'
comment: '@team, see the ticket'
```
",
};

pub(crate) static UNQUOTED_TEMPLATE: Rule = Rule {
    id: "unquoted-template",
    severity: Severity::Error,
    title: "template needs quotes",
    page: r"
`${{ … }}` needs no quotes as the value of a key. Between brackets its braces mean a map, and `:
` ends an unquoted text anywhere, so there it does. A template that begins with `{{` alone is
the syntax of other tools.

Wrong:

```yaml
args: [-Name, ${{ inputs.name }}]
comment: {{ inputs.name }}
```

Right:

```yaml
args: [-Name, '${{ inputs.name }}']
comment: ${{ inputs.name }}
```
",
};

pub(crate) static MISSING_COLON: Rule = Rule {
    id: "missing-colon",
    severity: Severity::Error,
    title: "key without a colon",
    page: r"
In a map each line is a key, a colon, and a value. A line without a colon is neither a key nor a
value.

Wrong:

```yaml
steps
  - run: triage.sh
```

Right:

```yaml
steps:
  - run: triage.sh
```
",
};

pub(crate) static MISSING_SPACE: Rule = Rule {
    id: "missing-space",
    severity: Severity::Error,
    title: "missing space after `:` or `-`, or before `#`",
    page: r##"
To YAML `name:x` is one word, and so is `-run`: the space is what makes a key or a list item of
it. A `#` starts a comment only after a space.

Wrong:

```yaml
name:Collect
os: "linux"# for now
```

Right:

```yaml
name: Collect
os: "linux" # for now
```
"##,
};

pub(crate) static INVALID_BLOCK_HEADER: Rule = Rule {
    id: "invalid-block-header",
    severity: Severity::Error,
    title: "text on the same line as `|` or `>`",
    page: r"
`|` and `>` start a text of several lines, which is indented below the key. On the line itself
only `+`, `-` and a digit from 1 to 9 may follow: they say how the text ends and how far it is
indented.

Wrong:

```yaml
description: | Collects what the triage needs.
```

Right:

```yaml
description: |
  Collects what the triage needs.
```
",
};

pub(crate) static INVALID_ESCAPE: Rule = Rule {
    id: "invalid-escape",
    severity: Severity::Error,
    title: "unknown escape in double quotes",
    page: r#"
In double quotes a backslash starts an escape: `\n` is a line feed, `\t` a tab, `\x41` an `A`.
Windows paths and regular expressions are full of backslashes that are not escapes. Single
quotes have no escapes at all, and neither has unquoted text.

Wrong:

```yaml
get: "C:\Windows\System32\config"
```

Right:

```yaml
steps:
  - get: 'C:\Windows\System32\config'
  - get: C:\Windows\System32\config
```
"#,
};

pub(crate) static UNCLOSED_QUOTE: Rule = Rule {
    id: "unclosed-quote",
    severity: Severity::Error,
    title: "quote is never closed",
    page: r#"
The text that starts with this quote continues to the end of the file. Often the closing quote
is missing, or a backslash before it made it part of the text.

Wrong:

```yaml
get: "C:\temp\"
```

Right:

```yaml
get: 'C:\temp\'
```
"#,
};

pub(crate) static TEXT_AFTER_QUOTE: Rule = Rule {
    id: "text-after-quote",
    severity: Severity::Error,
    title: "text after a closing quote",
    page: r#"
The text in quotes is the whole value. If the quotes are part of the text, all of it needs
quotes; inside single quotes an apostrophe is written twice.

Wrong:

```yaml
description: 'the host's name'
args: "C:\Program Files\x.log" /q
```

Right:

```yaml
description: 'the host''s name'
args: '"C:\Program Files\x.log" /q'
```
"#,
};

pub(crate) static UNCLOSED_BRACKET: Rule = Rule {
    id: "unclosed-bracket",
    severity: Severity::Error,
    title: "unbalanced bracket",
    page: r"
`[…]` is a list and `{…}` is a map in one line. Each opening bracket needs a closing one of the
same kind. A text that only begins with a bracket needs quotes.

Wrong:

```yaml
waves: [1, 5%, 100%
comment: [urgent] look here
```

Right:

```yaml
waves: [1, 5%, 100%]
comment: '[urgent] look here'
```
",
};

pub(crate) static DUPLICATE_KEY: Rule = Rule {
    id: "duplicate-key",
    severity: Severity::Error,
    title: "key is given twice",
    page: r"
YAML readers differ in which of the two values they take, and a reviewer may read the other one.
Both places are shown; remove one of them.

Wrong:

```yaml
- run: triage.sh
  timeout: 5m
  timeout: 10m
```

Right:

```yaml
- run: triage.sh
  timeout: 10m
```
",
};

pub(crate) static COLLECTION_KEY: Rule = Rule {
    id: "collection-key",
    severity: Severity::Error,
    title: "list or map used as a key",
    page: r"
A key is a name. YAML would allow a list or a map as a key, which is hardly ever meant: usually
a text that begins with `[` or `{` is missing its quotes.

Wrong:

```yaml
[urgent]: 1
```

Right:

```yaml
'[urgent]': 1
```
",
};

pub(crate) static EMPTY_KEY: Rule = Rule {
    id: "empty-key",
    severity: Severity::Error,
    title: "entry without a key",
    page: r"
A colon without a name before it is an entry with an empty key, which no playbook has.

Wrong:

```yaml
vars:
  : x
```

Right:

```yaml
vars:
  name: x
```
",
};

pub(crate) static MERGE_KEY: Rule = Rule {
    id: "merge-key",
    severity: Severity::Error,
    title: "merge key `<<` is not supported",
    page: r"
The merge key was an extension of YAML 1.1. YAML 1.2 does not have it, and readers differ in
what it does with keys that both maps have. An alias can repeat a whole value.

Wrong:

```yaml
defaults: &defaults { timeout: 5m }
steps:
  - <<: *defaults
    run: triage.sh
```

Right:

```yaml
steps:
  - run: triage.sh
    timeout: 5m
```
",
};

pub(crate) static UNKNOWN_ALIAS: Rule = Rule {
    id: "unknown-alias",
    severity: Severity::Error,
    title: "alias without an anchor",
    page: r"
A word that begins with `*` repeats the value with the anchor `&word` further up. Without such
an anchor it is usually a text, for example a wildcard, that is missing its quotes.

Wrong:

```yaml
args: *.log
```

Right:

```yaml
args: '*.log'
```
",
};

pub(crate) static RECURSIVE_ALIAS: Rule = Rule {
    id: "recursive-alias",
    severity: Severity::Error,
    title: "alias inside the value it repeats",
    page: r"
The value would contain itself, without end.

Wrong:

```yaml
vars: &all
  copy: *all
```

Right:

```yaml
vars:
  copy: what it should be
```
",
};

pub(crate) static YAML_TAG: Rule = Rule {
    id: "yaml-tag",
    severity: Severity::Error,
    title: "YAML tags are not supported",
    page: r"
A tag such as `!!str` tells a YAML reader to change the type of a value. Playbooks do not need
tags: the type of each value is known from its key, numbers keep their text where a text is
expected, and quotes make a text of anything.

Wrong:

```yaml
default: !!str 007
```

Right:

```yaml
default: '007'
```
",
};

pub(crate) static YAML_DIRECTIVE: Rule = Rule {
    id: "yaml-directive",
    severity: Severity::Error,
    title: "YAML directives are not supported",
    page: r"
`%YAML` and `%TAG` are instructions to the YAML reader. Every playbook is read as YAML 1.2, and
the version of the playbook language is in the key `playbook`.

Wrong:

```yaml
%YAML 1.1
---
playbook: 1
```

Right:

```yaml
playbook: 1
```
",
};

pub(crate) static SECOND_DOCUMENT: Rule = Rule {
    id: "second-document",
    severity: Severity::Error,
    title: "more than one document in the file",
    page: r"
`---` starts another document, and `...` ends one. A file contains one playbook, so that its
name and its hash identify it. The first document is still checked.
",
};

/// The file contains no document.
pub static EMPTY_DOCUMENT: Rule = Rule {
    id: "empty-document",
    severity: Severity::Error,
    title: "empty file",
    page: r"
The file contains only blank lines and comments. The smallest playbook is:

```yaml
playbook: 1
steps:
  - run: triage.sh
```
",
};

pub(crate) static INVISIBLE_CHARACTER: Rule = Rule {
    id: "invisible-character",
    severity: Severity::Error,
    title: "invisible or misleading character",
    page: r#"
Control characters can change what a terminal shows, direction marks can make a text look
different from what it is, and zero-width spaces can make two names look alike. A playbook
decides what runs on devices, so none of them may appear directly. Where one is needed, write
its escape in double quotes, which every reader can see.

Wrong (with an invisible U+202E):

```yaml
run: clean<U+202E>sh.txt
```

Right:

```yaml
run: "clean\u202Esh.txt"
```
"#,
};

pub(crate) static NOT_UTF8: Rule = Rule {
    id: "not-utf8",
    severity: Severity::Error,
    title: "file is not UTF-8",
    page: r"
Playbooks are UTF-8, with or without a byte order mark. Windows PowerShell 5 writes UTF-16 with
`>` and `Out-File`; older editors write the code page of the computer, where `ü` is a different
byte in another country.
",
};

pub(crate) static YAML_LIMIT: Rule = Rule {
    id: "yaml-limit",
    severity: Severity::Error,
    title: "file exceeds a size limit",
    page: r"
Limits keep a broken or hostile file from using too much memory and time: 8 MiB, 64 nested lists
and maps, 1,000,000 keys and values, 50,000 of them repeated by aliases, and 1,024 characters in
a key. Put long lists of devices into the file named by `targets: { file: … }`, and data that a
script needs into a library file.
",
};
