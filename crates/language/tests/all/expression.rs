//! What stands inside `${{ }}`, by its front door: parse, check, evaluate.

use proptest::prelude::*;
use serde_json::{Value, json};
use svar_language::expression::{
    ConversionError, ExpectedType, ExpressionError, ExpressionErrorKind, Record, Scope, Template,
    Type, to_text,
};

fn scope() -> Scope {
    let mut scope = Scope::default();
    scope.set("inputs", "days", &json!(7));
    scope.set("inputs", "process", &json!("OfficeClickToRun"));
    scope.set("inputs", "deep", &json!(true));
    scope.set("inputs", "share", &json!(2.5));
    scope.set("inputs", "hosts", &json!(["a", "b"]));
    scope.set(
        "steps",
        "probe",
        &json!({"exit": 3, "stdout": "ok\n", "json": {"items": [{"name": "x"}], "flag": false}}),
    );
    scope.set("inputs", "unset", &json!(null));
    scope.declare("vars");
    scope
}

fn visible() -> Type {
    let probe = Record::new([
        ("exit", Type::Int),
        ("stdout", Type::Text),
        ("stderr", Type::Text),
        ("json", Type::Any),
    ]);
    Record::new([
        (
            "inputs",
            Record::new([
                ("days", Type::Int),
                ("process", Type::Text),
                ("deep", Type::Bool),
                ("share", Type::Number),
                ("hosts", Type::List),
                ("unset", Type::Any),
            ])
            .into(),
        ),
        ("vars", Record::default().into()),
        ("steps", Record::new([("probe", Type::from(probe))]).into()),
    ])
    .into()
}

#[track_caller]
fn value(text: &str) -> Value {
    let template = Template::parse(text).expect("it parses");
    let errors = template.check(&visible(), ExpectedType::Anything);
    assert!(errors.is_empty(), "{text}: {errors:?}");
    template.evaluate(&scope()).expect("it has a value")
}

/// Every fault as `bytes it points at: message (help)`.
#[track_caller]
fn errors(text: &str) -> Vec<String> {
    errors_for(text, ExpectedType::Anything)
}

#[track_caller]
fn errors_for(text: &str, expected: ExpectedType) -> Vec<String> {
    let found: Vec<ExpressionError> = match Template::parse(text) {
        Ok(template) => template.check(&visible(), expected),
        Err(errors) => errors,
    };
    found
        .into_iter()
        .map(|fault| {
            let help = fault
                .help
                .map_or(String::new(), |help| format!(" ({help})"));
            format!("[{}] {}{help}", &text[fault.range], fault.message)
        })
        .collect()
}

#[test]
fn maps_of_different_kinds_can_be_compared() {
    let none: Vec<String> = Vec::new();
    for text in [
        "${{ {'a': 1} == {'a': 1} }}",
        "${{ {'a': 1} == inputs }}",
        "${{ steps.probe != {'exit': 0} }}",
        "${{ inputs == steps }}",
    ] {
        assert_eq!(errors(text), none, "{text}");
    }
    // A map and something else are never equal.
    assert_eq!(errors("${{ {'a': 1} == inputs.days }}").len(), 1);
    assert_eq!(errors("${{ inputs.hosts == inputs }}").len(), 1);
}

#[test]
fn one_expression_keeps_its_type_and_everything_else_is_text() {
    assert_eq!(value("${{ inputs.days }}"), json!(7));
    assert_eq!(value("${{ inputs.days }}\n"), json!(7));
    assert_eq!(value("${{ inputs.days }} d"), json!("7 d"));
    assert_eq!(value("${{ inputs.hosts }}"), json!(["a", "b"]));
    assert_eq!(value("${{ inputs.deep }}"), json!(true));
    assert_eq!(value("${{ 'a' }}${{ 'b' }}"), json!("ab"));
    assert_eq!(value("nothing in here"), json!("nothing in here"));
    assert_eq!(
        value(r"C:\windows\TEMP\${{ inputs.process }}.dmp.zip"),
        json!(r"C:\windows\TEMP\OfficeClickToRun.dmp.zip")
    );
}

#[test]
fn values_are_printed_as_people_write_them() {
    assert_eq!(value("x${{ inputs.deep }}"), json!("xtrue"));
    assert_eq!(value("x${{ 10 / 2 }}"), json!("x5"));
    assert_eq!(value("x${{ inputs.share }}"), json!("x2.5"));
    assert_eq!(value("${{ inputs.deep ~ '-' ~ 10 / 2 }}"), json!("true-5"));
    assert_eq!(value("${{ 'a' ~ (inputs.days + 1) ~ 'b' }}"), json!("a8b"));
    assert_eq!(
        value("${{ [true, 5.0, 'x'] | join(',') }}"),
        json!("true,5,x")
    );
    assert_eq!(value("${{ true | string }}"), json!("true"));
    assert_eq!(
        value("${{ {'b': 1, 'a': [true]} | tojson }}"),
        json!(r#"{"b":1,"a":[true]}"#)
    );
    assert_eq!(value(r"${{ 'C:\\a\\b.txt' | basename }}"), json!("b.txt"));
    assert_eq!(to_text(&json!(null)), Err(ConversionError::NullInText));
}

#[test]
fn what_looks_like_an_end_inside_quotes_or_a_map_is_none() {
    assert_eq!(value("${{ '}}' }}"), json!("}}"));
    assert_eq!(value("${{ {'a': {'b': 1}} }}"), json!({"a": {"b": 1}}));
    assert_eq!(value("${{ '${{' }} x }}"), json!("${{ x }}"));
}

#[test]
fn names_are_found_with_their_bytes() {
    let text = "a ${{ steps.probe.json['items'][0].name }} ${{ inputs[inputs.process] }}";
    let names: Vec<(String, &str)> = Template::parse(text)
        .unwrap()
        .names()
        .into_iter()
        .map(|name| (name.path.join("/"), &text[name.range]))
        .collect();
    assert_eq!(
        names,
        [
            (
                "steps/probe/json/items".to_owned(),
                "steps.probe.json['items']"
            ),
            ("inputs".to_owned(), "inputs"),
            ("inputs/process".to_owned(), "inputs.process"),
        ]
    );
}

#[test]
fn unknown_names_are_pointed_at_and_the_nearest_is_named() {
    insta::assert_debug_snapshot!(
        [
            "${{ inputs.dayz }}",
            "${{ input.days }}",
            "${{ steps.probe.exti }}",
            "${{ inputs['procces'] }}",
            "${{ vars.x }}",
            "${{ inputs.days.unit }}",
            "C:\\${{ hostname }}\\x",
            "${{ secrets.token }}",
        ]
        .map(errors)
    );
}

#[test]
fn types_that_do_not_fit_are_found_before_there_is_data() {
    insta::assert_debug_snapshot!(
        [
            "${{ inputs.days + 'x' }}",
            "${{ inputs.days == '7' }}",
            "${{ inputs.deep == 'true' }}",
            "${{ inputs.process > 3 }}",
            "${{ inputs.process - 1 }}",
            "${{ 'a' in inputs.days }}",
            "a${{ inputs.hosts }}",
            "${{ inputs.days | upper }}",
            "${{ -inputs.process }}",
            "${{ inputs.hosts ~ 'x' }}",
            "${{ 1 if inputs.deep }}",
            "${{ inputs.process | replace('a') }}",
            "${{ 1 < inputs.days < 'x' }}",
        ]
        .map(errors)
    );
}

#[test]
fn a_place_that_wants_a_type_says_so() {
    insta::assert_debug_snapshot!([
        errors_for("${{ inputs.process }}", ExpectedType::Int),
        errors_for("${{ inputs.days }}", ExpectedType::Bool),
        errors_for("${{ inputs.hosts }}", ExpectedType::Text),
        errors_for("${{ inputs.days / 2 }}", ExpectedType::Int),
        errors_for("${{ inputs.days }}", ExpectedType::Word),
        errors_for("${{ inputs.days }}", ExpectedType::Int),
        errors_for("${{ steps.probe.json.n }}", ExpectedType::Int),
    ]);
}

#[test]
fn filters_tests_and_calls_that_do_not_exist_are_explained() {
    insta::assert_debug_snapshot!(
        [
            "${{ inputs.process | uper }}",
            "${{ inputs.process | safe }}",
            "${{ inputs.process | b64encode }}",
            "${{ inputs.process | quote }}",
            "${{ inputs.process is defind }}",
            "${{ contains(inputs.process, 'x') }}",
            "${{ inputs.process.upper() }}",
            "${{ range(3) }}",
            "${{ now() }}",
        ]
        .map(errors)
    );
}

#[test]
fn what_is_no_expression_is_pointed_at() {
    insta::assert_debug_snapshot!(
        [
            "${{ inputs.days",
            "${{ }}",
            "${{ inputs.days + }}",
            "${{ inputs.days && inputs.deep }}",
            "${{ inputs.days || 3 }}",
            "${{ !inputs.deep }}",
            "${{ inputs.deep ? 1 : 2 }}",
            "${{ inputs.days = 3 }}",
            "${{ inputs. }}",
            "${{ foo( }}",
            "${{ [1, 2 }}",
            "${{ 'abc }}",
            "${{ inputs.days inputs.days }}",
            "${{- inputs.days }}",
            "${{ inputs.days -}}",
            "{% if x %}${{ 1 }}{% endif %}",
            "${{ a b }} and ${{ c d }}",
            "${{ größe + ö }}",
        ]
        .map(errors)
    );
}

#[test]
fn a_bare_expression_is_read_to_its_end() {
    let template = Template::parse_expression("inputs.days > 3 and inputs.deep").unwrap();
    assert!(template.is_one_expression());
    assert_eq!(template.evaluate(&scope()).unwrap(), json!(true));
    assert!(template.check(&visible(), ExpectedType::Bool).is_empty());
    let text = "inputs.days >";
    assert_eq!(Template::parse_expression(text).unwrap_err().len(), 1);
    assert_eq!(Template::parse_expression("a }} b").unwrap_err().len(), 1);
}

#[test]
fn data_that_does_not_fit_is_said_at_its_bytes() {
    let ask = |text: &str| {
        let fault = Template::parse(text)
            .unwrap()
            .evaluate(&scope())
            .unwrap_err();
        assert_eq!(fault.kind, ExpressionErrorKind::Evaluation);
        format!("[{}] {}", &text[fault.range], fault.message)
    };
    insta::assert_debug_snapshot!(
        [
            "${{ steps.probe.json.nothing }}",
            "${{ 'a' ~ steps.probe.json.nothing.more }}",
            "${{ steps.probe.json['items'] ~ 'x' }}",
            "a ${{ steps.probe.json }}",
            "${{ 1 // 0 }}",
            "${{ steps.probe.json.flag + 'x' }}",
            "${{ 'x' * 100000000 }}",
            "${{ 9999999999999 ** 9 }}",
            "${{ steps.probe.json.nothing == 1 }}",
            "${{ 1 if steps.probe.json.nothing else 2 }}",
        ]
        .map(ask)
    );
    assert_eq!(
        value("${{ steps.probe.json.nothing | default('x') }}"),
        json!("x")
    );
    assert_eq!(value("a${{ inputs.unset | default('x') }}"), json!("ax"));
    assert_eq!(value("${{ inputs.days | default(1) }}"), json!(7));
    assert_eq!(value("${{ '' | default('x', true) }}"), json!("x"));
}

#[test]
fn no_text_is_too_deep_or_too_long() {
    let long = "a".repeat(3_000);
    for text in [
        format!("${{{{ {}1 }}}}", "not ".repeat(50_000)),
        format!("${{{{ {}1 }}}}", "-".repeat(50_000)),
        format!("${{{{ {}1{} }}}}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("${{{{ {}1 }}}}", "1 if 1 else ".repeat(50_000)),
        format!("${{{{ 1{} }}}}", " + 1".repeat(50_000)),
        format!("${{{{ a{} }}}}", ".b".repeat(50_000)),
        format!("${{{{ a{} }}}}", "|upper".repeat(50_000)),
        format!("${{{{ {} }}}}", "[".repeat(50_000)),
    ] {
        let errors = Template::parse(&text).unwrap_err();
        assert_eq!(errors.len(), 1, "{:.60}", text);
    }
    assert_eq!(
        value(&format!("${{{{ '{long}' | length }}}}")),
        json!(3_000)
    );
}

proptest! {
    /// Arbitrary text inside and around the braces is read or refused, never a panic; ranges are
    /// slices of the text.
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}", inner in "[a-z0-9 .'\"\\[\\](){}|~+*/<>=!,:%_-]{0,40}") {
        for text in [text.clone(), format!("x${{{{{inner}}}}} {text}"), format!("${{{{ {inner} }}}}")] {
            let errors = match Template::parse(&text) {
                Ok(template) => {
                    let errors = template.check(&visible(), ExpectedType::Text);
                    match template.evaluate(&scope()) {
                        Ok(_) => errors,
                        Err(fault) => errors.into_iter().chain([fault]).collect(),
                    }
                }
                Err(errors) => errors,
            };
            for fault in errors {
                prop_assert!(text.get(fault.range.clone()).is_some(), "{:?}", fault);
            }
        }
    }

    /// What the checks let pass, and only needs inputs, has a value of the type they said.
    #[test]
    fn checked_means_evaluated(expression in expression()) {
        let text = format!("${{{{ {expression} }}}}");
        let template = Template::parse(&text).unwrap();
        let fits_as = |wanted| template.check(&visible(), wanted).is_empty();
        // What fits everywhere is of unknown type.
        prop_assume!(!(fits_as(ExpectedType::Int) && fits_as(ExpectedType::Bool)));
        for (wanted, fits) in [
            (ExpectedType::Int, Value::is_i64 as fn(&Value) -> bool),
            (ExpectedType::Bool, Value::is_boolean),
            (ExpectedType::Word, Value::is_string),
        ] {
            if fits_as(wanted) {
                match template.evaluate(&scope()) {
                    Ok(value) => prop_assert!(fits(&value), "{text}: {value}"),
                    // Division by zero and overflow are known only with the data.
                    Err(fault) => prop_assert_eq!(fault.kind, ExpressionErrorKind::Evaluation),
                }
            }
        }
    }
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("inputs.days".to_owned()),
        Just("inputs.process".to_owned()),
        Just("inputs.deep".to_owned()),
        Just("'x'".to_owned()),
        (0..9i32).prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop_oneof![
                    Just("+"),
                    Just("-"),
                    Just("*"),
                    Just("~"),
                    Just("=="),
                    Just("<"),
                    Just("in")
                ],
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (
                inner.clone(),
                prop_oneof![Just("upper"), Just("length"), Just("string")]
            )
                .prop_map(|(a, filter)| format!("({a}) | {filter}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) if ({b}) else ({c})")),
        ]
    })
}
