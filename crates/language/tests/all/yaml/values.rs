//! Values and their places.

use svar_language::source::SourceText;
use svar_language::yaml::{Document, NodeKind};

fn parsed(text: &str) -> Document {
    Document::parse(&SourceText::new("playbook.yaml", text)).expect("valid YAML")
}

#[track_caller]
fn slice<'a>(document: &'a Document, pointer: &str) -> &'a str {
    let (_, node) = document.find(pointer).expect(pointer);
    document.source().slice(document.span(node))
}

#[test]
fn a_collection_ends_with_its_last_child() {
    let document =
        parsed("steps:\n  - run: a.sh\n    args: [1, {x: y}]\n\n  # more\n\nname: x\n\n");
    assert_eq!(
        slice(&document, "/steps"),
        "- run: a.sh\n    args: [1, {x: y}]"
    );
    assert_eq!(slice(&document, "/steps/0/args"), "[1, {x: y}]");
    assert_eq!(slice(&document, "/steps/0/args/1"), "{x: y}");
    assert!(slice(&document, "").ends_with("name: x"));
}

#[test]
fn a_block_scalar_goes_from_its_first_to_its_last_visible_character() {
    let document = parsed("a: |\n\n    one\n      two\n\n\nb: >-\n  x\n  y\n");
    assert_eq!(slice(&document, "/a"), "one\n      two");
    assert_eq!(slice(&document, "/b"), "x\n  y");
}

#[test]
fn a_pointer_leads_to_a_node_and_back() {
    let document = parsed("a/b:\n  - {m~n: 1}\n  - 2\n");
    for (id, _) in document.nodes() {
        let pointer = document.pointer(id);
        let (key, value) = document.find(&pointer).expect(&pointer);
        assert!(value == id || key == Some(id), "{pointer}");
    }
    assert_eq!(
        document
            .find("/a~1b/0/m~0n")
            .map(|(_, id)| document.span(id).len()),
        Some(1)
    );
    assert!(document.find("/a~1b/00").is_none());
    assert!(document.find("/a~1b/2").is_none());
    assert!(document.find("a").is_none());
}

#[test]
fn numbers_keep_their_text() {
    let document = parsed("[007, 1e3, 0123456789012345678901234567890123456789]");
    for (item, text) in document.node(document.root()).items().iter().zip([
        "007",
        "1e3",
        "0123456789012345678901234567890123456789",
    ]) {
        assert!(matches!(document.node(*item).kind, NodeKind::Number(_)));
        assert_eq!(document.deserialize::<String>(*item).expect("text"), text);
    }
}

#[test]
fn an_alias_repeats_its_anchor_under_its_own_bytes() {
    let document = parsed("a: &x {k: [1, 2]}\nb: *x\n");
    let (_, b) = document.find("/b/k/1").expect("copied");
    assert_eq!(document.source().slice(document.span(b)), "*x");
    let definition = document.definition(b).expect("defined elsewhere");
    assert_eq!(document.source().slice(definition), "2");
    assert_eq!(document.pointer(b), "/b/k/1");
}
