//! The rules about `${{ }}` expressions.

use crate::diagnostic::{Rule, Severity};

/// All rules of this module, in the order of `svar explain`.
pub(crate) static RULES: &[&Rule] = &[
    &TEMPLATE_UNCLOSED,
    &TEMPLATE_SYNTAX,
    &TEMPLATE_STATEMENT,
    &TEMPLATE_NOT_ALLOWED,
    &UNKNOWN_NAME,
    &LATER_STEP,
    &TEMPLATE_CYCLE,
    &UNKNOWN_FILTER,
    &TEMPLATE_CALL,
    &TEMPLATE_TYPE,
    &TEMPLATE_TOO_LARGE,
    &TEMPLATE_VALUE,
];

pub(crate) static TEMPLATE_UNCLOSED: Rule = Rule {
    id: "template-unclosed",
    severity: Severity::Error,
    title: "`${{` without `}}`",
    page: r"
Everything from `${{` to `}}` is one expression. Without the end, the rest of the text would be
part of it. A `}}` inside quotes does not close it.

Wrong:

```yaml
get: /tmp/${{ inputs.name.log
```

Right:

```yaml
get: /tmp/${{ inputs.name }}.log
```

A text that needs the three characters themselves says `${{ '${{' }}`.
",
};

pub(crate) static TEMPLATE_SYNTAX: Rule = Rule {
    id: "template-syntax",
    severity: Severity::Error,
    title: "syntax error in an expression",
    page: r"
`${{ }}` contains one expression: names with fields (`inputs.days`,
`steps.probe.json.items[0]`), texts in quotes, numbers, `true`, `false`, `none`, lists and maps;
the operators `+ - * / // % **`, `~` to join texts, `== != < <= > >=`, `in`, `not in`, `and`,
`or`, `not`, `VALUE if CONDITION else OTHER`; filters (`TEXT | upper`) and tests (`NAME is
defined`).

Operators of other languages do not exist: write `and` for `&&`, `or` for `||`, `not` for `!`.

Wrong:

```yaml
when: inputs.deep && target.family == 'linux'
```

Right:

```yaml
when: inputs.deep and target.family == 'linux'
```
",
};

pub(crate) static TEMPLATE_STATEMENT: Rule = Rule {
    id: "template-statement",
    severity: Severity::Error,
    title: "statement instead of an expression",
    page: r#"
There is no `{% if %}`, `{% for %}` or `{% set %}`: a playbook with statements could not be
checked before it runs. Choose between values with `if` and `else` inside an expression, skip a
step with `when`, and name a value under `vars`.

Wrong:

```yaml
args: "{% if inputs.deep %}-Depth 9{% endif %}${{ inputs.path }}"
```

Right:

```yaml
args: "${{ '-Depth 9' if inputs.deep else '' }} ${{ inputs.path }}"
```
"#,
};

pub(crate) static TEMPLATE_NOT_ALLOWED: Rule = Rule {
    id: "template-not-allowed",
    severity: Severity::Error,
    title: "template where a literal value is required",
    page: r#"
Some values are read before anything can be evaluated: keys and names, the declarations under
`inputs`, the files under `library`, step ids. A `${{ }}` there would not be evaluated.

Wrong:

```yaml
inputs:
  days: { type: int, default: "${{ vars.week }}" }
```

Right:

```yaml
inputs:
  days: { type: int, default: 7 }
```
"#,
};

pub(crate) static UNKNOWN_NAME: Rule = Rule {
    id: "unknown-name",
    severity: Severity::Error,
    title: "unknown name in an expression",
    page: r"
An expression can use `inputs`, `vars`, `run` (`id`, `case`, `operator`), `target` (`id`,
`name`, `os`, `family`, `tags`, `group`) and `steps.ID`. The step of a script has `exit`,
`stdout`, `stderr`, `json` (its output parsed) and `saved`; a collected file has `file.path`,
`file.size` and `file.sha256`. Nothing else exists, and a misspelled name is an error, never an
empty text.

Not every name is available everywhere: settings for the whole run (targets, rollout, retry,
timeout …) cannot use `target` or `steps`.

Wrong:

```yaml
args: -Days ${{ inputs.dayz }}
```

Right:

```yaml
args: -Days ${{ inputs.days }}
```
",
};

pub(crate) static LATER_STEP: Rule = Rule {
    id: "later-step",
    severity: Severity::Error,
    title: "result is used before its step runs",
    page: r"
Steps run in the order in which they are written. Only steps below a step can read its result; a
step cannot read its own. Cleanup can read the results of all steps.

Wrong:

```yaml
steps:
  - get: ${{ steps.find.json.path }}
  - id: find
    run: find.sh
```

Right:

```yaml
steps:
  - id: find
    run: find.sh
  - get: ${{ steps.find.json.path }}
```
",
};

/// A var depends on itself.
pub static TEMPLATE_CYCLE: Rule = Rule {
    id: "template-cycle",
    severity: Severity::Error,
    title: "var depends on itself",
    page: r"
Vars may use each other in any order, as long as no var depends on itself.

Wrong:

```yaml
vars:
  folder: ${{ vars.file }}.d
  file: ${{ vars.folder }}/x
```

Right:

```yaml
vars:
  folder: /var/tmp/ir
  file: ${{ vars.folder }}/x
```
",
};

pub(crate) static UNKNOWN_FILTER: Rule = Rule {
    id: "unknown-filter",
    severity: Severity::Error,
    title: "unknown filter or test",
    page: r"
Filters: `abs`, `base64url`, `basename`, `bool`, `capitalize`, `count`, `default` (short `d`),
`dictsort`, `first`, `float`, `int`, `items`, `join`, `last`, `length`, `lines`, `list`,
`lower`, `map`, `max`, `min`, `reject`, `rejectattr`, `replace`, `reverse`, `round`, `select`,
`selectattr`, `sort`, `split`, `string`, `sum`, `title`, `tojson`, `trim`, `unique`, `upper`.

Tests, after `is`: `defined`, `undefined`, `none`, `boolean`, `string`, `number`, `integer`,
`int`, `float`, `mapping`, `sequence`, `true`, `false`, `even`, `odd`, `divisibleby`,
`startingwith`, `endingwith`, `lower`, `upper`, `in`, and the comparisons `eq`, `ne`, `lt`,
`le`, `gt`, `ge` with their long names.

Wrong:

```yaml
args: ${{ inputs.name | uper }}
```

Right:

```yaml
args: ${{ inputs.name | upper }}
```
",
};

pub(crate) static TEMPLATE_CALL: Rule = Rule {
    id: "template-call",
    severity: Severity::Error,
    title: "function or method call",
    page: r"
An expression has operators, filters and tests, but no functions or methods. For common
functions of other languages, use:

| elsewhere | here |
| --- | --- |
| `contains(text, 'x')` | `'x' in text` |
| `startsWith(text, 'x')` | `text is startingwith('x')` |
| `text.upper()` | `text \| upper` |
| `len(list)` | `list \| length` |
| `toJSON(value)` | `value \| tojson` |
| `fromJSON(steps.x.stdout)` | `steps.x.json` |
",
};

pub(crate) static TEMPLATE_TYPE: Rule = Rule {
    id: "template-type",
    severity: Severity::Error,
    title: "value of the wrong type in an expression",
    page: r"
The types of inputs, of a step's fields and of the results of operators and filters are known
before a run. So an expression that cannot work, or is never true, is found then and not on the
thousandth device.

Wrong:

```yaml
inputs:
  days: { type: int, default: 7 }
steps:
  - run: collect.ps1
    when: inputs.days == '7'
```

Right:

```yaml
inputs:
  days: { type: int, default: 7 }
steps:
  - run: collect.ps1
    when: inputs.days == 7
```

`~` joins texts, `| int` and `| string` change a type, and `| join(',')` makes a text of a list.
",
};

pub(crate) static TEMPLATE_TOO_LARGE: Rule = Rule {
    id: "template-too-large",
    severity: Severity::Error,
    title: "expression too long or too deeply nested",
    page: r"
An expression has at most 500 tokens and a limited depth, so that no playbook can use up the
reader's time or memory. Move parts of it to `vars`.
",
};

/// A template cannot be evaluated with the data at hand.
pub static TEMPLATE_VALUE: Rule = Rule {
    id: "template-value",
    severity: Severity::Error,
    title: "template cannot be evaluated",
    page: r"
The playbook is correct, but the data is not what an expression needs: the output of a script
lacks a field, a list stands inside a longer text, a number is divided by zero. Provide a value
for the missing case with `| default('…')`, or test it with `is defined`.

Wrong, where the script does not always report a user:

```yaml
args: -User ${{ steps.probe.json.user }}
```

Right:

```yaml
args: -User ${{ steps.probe.json.user | default('SYSTEM') }}
```
",
};
