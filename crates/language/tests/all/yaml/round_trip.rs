//! The same values as another reader of YAML 1.2 finds, and the same again from each node's bytes.

use proptest::prelude::*;
use serde_json::Value;
use svar_language::source::SourceText;
use svar_language::yaml::{Document, ScalarStyle};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1.0e9..1.0e9).prop_map(Value::from),
        "[ -~éß→😀]{0,12}".prop_map(Value::from),
        "[a-z#:'\"\\\\{}\\[\\]$ \n]{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "null", "~", "true", "yes", "1e3", "0x1F", ".inf", "007", "", "- a", "a: b", "<<", "=",
            "1_000", "0o7", "+5"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z_~/ é]{1,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_another_writer_wrote_is_read_as_it_was(value in json()) {
        let written = serde_yaml::to_string(&value).unwrap();
        let document = Document::parse(&SourceText::new("written", written.clone()));
        let document = document.unwrap_or_else(|problems| panic!("{written}\n{problems:?}"));
        prop_assert_eq!(document.to_json(document.root()), value, "{}", written);
    }

    #[test]
    fn each_node_can_be_read_from_its_own_bytes(value in json()) {
        // Whatever is written in brackets and quotes means the same wherever it stands.
        let written = format!("a:\n  - {value}\n");
        let document = Document::parse(&SourceText::new("flow", written.clone())).unwrap();
        for (id, node) in document.nodes() {
            if node.style != ScalarStyle::Double && !node.is_collection() {
                continue;
            }
            let bytes = document.source().slice(node.span);
            let again = Document::parse(&SourceText::new("part", bytes)).unwrap();
            prop_assert_eq!(again.to_json(again.root()), document.to_json(id), "{:?}", bytes);
        }
    }
}
