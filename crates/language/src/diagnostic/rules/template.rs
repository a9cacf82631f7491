//! Rules about what stands inside `${{ }}`.

use crate::diagnostic::code::{Rule, Severity};

const fn error(id: &'static str, title: &'static str, page: &'static str) -> Rule {
    Rule {
        id,
        severity: Severity::Error,
        title,
        page,
    }
}

pub(super) static RULES: &[Rule] = &[
    error(
        "template-unclosed",
        "a `${{` without `}}`",
        "Everything from `${{` to `}}` is one expression. Without its end the rest of the text would belong \
to it. A `}}` inside quotes does not close it.

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
    ),
    error(
        "template-syntax",
        "what stands inside `${{ }}` is no expression",
        "Inside `${{ }}` stands one expression: names with fields (`inputs.days`, `steps.probe.json.items[0]`), \
texts in quotes, numbers, `true`, `false`, `none`, lists and maps; the operators `+ - * / // % **`, `~` to \
join texts, `== != < <= > >=`, `in`, `not in`, `and`, `or`, `not`, `VALUE if CONDITION else OTHER`; filters \
(`TEXT | upper`) and tests (`NAME is defined`).

Signs of other languages do not exist: write `and` for `&&`, `or` for `||`, `not` for `!`.

Wrong:

```yaml
when: inputs.deep && target.family == 'linux'
```

Right:

```yaml
when: inputs.deep and target.family == 'linux'
```
",
    ),
    error(
        "template-statement",
        "a statement where only expressions are allowed",
        "There is no `{% if %}`, `{% for %}` or `{% set %}`: a playbook that decides in statements can't be \
checked before it runs. Choose between values with `if` and `else` inside an expression, leave a step out \
with `when`, and give a value a name under `vars`.

Wrong:

```yaml
args: \"{% if inputs.deep %}-Depth 9{% endif %}${{ inputs.path }}\"
```

Right:

```yaml
args: \"${{ '-Depth 9' if inputs.deep else '' }} ${{ inputs.path }}\"
```
",
    ),
    error(
        "template-not-allowed",
        "a template where the value must be written out",
        "Some places are read before anything can be evaluated: keys and names, the declarations under \
`inputs`, the files under `library`, ids of steps. There a `${{ }}` would be taken as it stands.

Wrong:

```yaml
inputs:
  days: { type: int, default: \"${{ vars.week }}\" }
```

Right:

```yaml
inputs:
  days: { type: int, default: 7 }
```
",
    ),
    error(
        "unknown-name",
        "a name in a template that does not exist",
        "A template sees `inputs`, `vars`, `run` (`id`, `case`, `operator`), `target` (`id`, `name`, `os`, \
`family`, `tags`, `group`) and `steps.ID`. A script's step has `exit`, `stdout`, `stderr`, `json` (its \
output parsed) and `saved`; a collected file has `file.path`, `file.size` and `file.sha256`. Nothing else \
exists, and a misspelt name is never an empty text.

Not every place sees everything: what holds for the whole run (targets, rollout, retry, timeout …) can't \
ask for `target` or `steps`.

Wrong:

```yaml
args: -Days ${{ inputs.dayz }}
```

Right:

```yaml
args: -Days ${{ inputs.days }}
```
",
    ),
    error(
        "later-step",
        "a step's result is used before the step runs",
        "Steps run in the order in which they are written. A result can be read only by steps below the one \
it comes from; a step can't read its own. Cleanup may read the results of all steps.

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
    ),
    error(
        "template-cycle",
        "a var is defined by itself",
        "Vars may use each other in any order, as long as the chain has an end.

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
    ),
    error(
        "unknown-filter",
        "a filter or test that does not exist",
        "Filters: `abs`, `base64url`, `basename`, `bool`, `capitalize`, `count`, `default` (short `d`), \
`dictsort`, `first`, `float`, `int`, `items`, `join`, `last`, `length`, `lines`, `list`, `lower`, `map`, \
`max`, `min`, `reject`, `rejectattr`, `replace`, `reverse`, `round`, `select`, `selectattr`, `sort`, \
`split`, `string`, `sum`, `title`, `tojson`, `trim`, `unique`, `upper`.

Tests, after `is`: `defined`, `undefined`, `none`, `boolean`, `string`, `number`, `integer`, `int`, `float`, \
`mapping`, `sequence`, `true`, `false`, `even`, `odd`, `divisibleby`, `startingwith`, `endingwith`, `lower`, \
`upper`, `in`, and the comparisons `eq`, `ne`, `lt`, `le`, `gt`, `ge` with their long names.

Wrong:

```yaml
args: ${{ inputs.name | uper }}
```

Right:

```yaml
args: ${{ inputs.name | upper }}
```
",
    ),
    error(
        "template-call",
        "a call: there are no functions and no methods",
        "An expression has operators, filters and tests, and nothing to call. What other languages write as \
a function is one of them here.

| elsewhere | here |
| --- | --- |
| `contains(text, 'x')` | `'x' in text` |
| `startsWith(text, 'x')` | `text is startingwith('x')` |
| `text.upper()` | `text \\| upper` |
| `len(list)` | `list \\| length` |
| `toJSON(value)` | `value \\| tojson` |
| `fromJSON(steps.x.stdout)` | `steps.x.json` |
",
    ),
    error(
        "template-type",
        "a value of a type that does not fit",
        "The types of inputs, of a step's fields and of what operators and filters give are known before a \
run. What can't work, or is never true, is an error then and not on the thousandth device.

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
    ),
    error(
        "template-too-large",
        "an expression that is too long or too deep",
        "An expression has at most 500 words and signs and a bounded depth, so that no playbook can tire the \
reader or the device. Give parts of it names under `vars`.
",
    ),
    error(
        "template-value",
        "a template that has no value with this data",
        "The playbook is fine, but the data it meets is not what an expression needs: a field that the \
output of a script does not have, a list inside a longer text, a division by zero. Give a value for the \
case that there is none, with `| default('…')`, or ask with `is defined`.

Wrong, where the script does not always report a user:

```yaml
args: -User ${{ steps.probe.json.user }}
```

Right:

```yaml
args: -User ${{ steps.probe.json.user | default('SYSTEM') }}
```
",
    ),
];
