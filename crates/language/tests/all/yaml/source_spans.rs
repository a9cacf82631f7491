//! Every character of every scalar leads back to the bytes it was written with.

use proptest::prelude::*;
use svar_language::source::{SourceText, Span};
use svar_language::yaml::{Document, Node, NodeId, ScalarStyle, YamlLimits};

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// What the bytes of one character stand for, in that style; found by a way of its own.
fn meaning(written: &str, style: ScalarStyle) -> Option<char> {
    match style {
        ScalarStyle::Single if written == "''" => Some('\''),
        ScalarStyle::Double if written.starts_with('\\') => {
            let quoted = SourceText::new("escape", format!("\"{written}\""));
            let document = Document::parse(&quoted).ok()?;
            let mut characters = document.node(document.root()).text.chars();
            characters.next().filter(|_| characters.next().is_none())
        }
        _ => {
            let mut characters = written.chars();
            characters.next().filter(|_| characters.next().is_none())
        }
    }
}

/// Holds one scalar against its source.
fn check_scalar(document: &Document, id: NodeId, node: &Node) {
    if document.definition(id).is_some() {
        return;
    }
    let source = document.source();
    let mut after = node.span.start;
    for (offset, character) in node.text.char_indices() {
        let range = offset..offset + character.len_utf8();
        let span = document.source_span(id, range);
        let at = || {
            format!(
                "{character:?} at {offset} of {:?}, written {:?}, gave {span:?} {:?}",
                node.text,
                source.slice(node.span),
                source.slice(span)
            )
        };
        assert!(
            span.start <= span.end && span.end <= node.span.end,
            "{}",
            at()
        );
        if is_space(character) {
            continue;
        }
        assert!(span.start >= after, "goes back: {}", at());
        after = span.end;
        assert_eq!(
            meaning(source.slice(span), node.style),
            Some(character),
            "{}",
            at()
        );
    }
    // All of the text is all that was written, white space and line continuations at its ends aside.
    let whole = document.source_span(id, 0..node.text.len());
    let (visible, written) = (source.slice(whole), source.slice(node.span));
    match node.style {
        ScalarStyle::Double => {}
        ScalarStyle::Literal | ScalarStyle::Folded if node.text.trim().is_empty() => {
            assert!(written.starts_with(['|', '>']), "the whole of {written:?}");
        }
        ScalarStyle::Single => {
            let inside = &written[1..written.len() - 1];
            assert_eq!(visible.trim(), inside.trim(), "the whole of {written:?}");
        }
        _ => assert_eq!(visible.trim(), written.trim(), "the whole of {written:?}"),
    }
}

fn check_all(document: &Document) {
    for (id, node) in document.nodes() {
        let text = document.source().text();
        assert!(text.get(node.span.range()).is_some(), "{:?}", node.span);
        if !node.is_collection() {
            check_scalar(document, id, node);
        }
    }
}

#[track_caller]
fn spans_of(text: &str, needle: &str, expected: &[&str]) {
    let source = SourceText::new("playbook.yaml", text);
    let document = Document::parse(&source).expect("valid YAML");
    check_all(&document);
    let found: Vec<&str> = document
        .nodes()
        .flat_map(|(id, node)| {
            let places: Vec<usize> = node.text.match_indices(needle).map(|(at, _)| at).collect();
            places
                .into_iter()
                .map(move |at| (id, at..at + needle.len()))
        })
        .map(|(id, range)| source.slice(document.source_span(id, range)))
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_template_is_found_in_every_style() {
    spans_of("a: x ${{ y }} z\n", "${{ y }}", &["${{ y }}"]);
    spans_of("a: 'it''s ${{ y }}'\n", "${{ y }}", &["${{ y }}"]);
    spans_of("a: \"\\u00e9\\t${{ y }}\"\n", "${{ y }}", &["${{ y }}"]);
    spans_of("a: |2\n    ü ${{ y }}\n", "${{ y }}", &["${{ y }}"]);
    spans_of(
        "a: >+\n\n  b\n   c\n\n  ${{ y }}\n\n\n",
        "${{ y }}",
        &["${{ y }}"],
    );
}

#[test]
fn a_range_over_a_fold_has_both_its_lines() {
    spans_of("a: >\n  one\n  two\n", "e t", &["e\n  t"]);
    spans_of("a: one\n   two\n", "e t", &["e\n   t"]);
    spans_of("a: 'one\r\n\r\n   two'\r\n", "e\nt", &["e\r\n\r\n   t"]);
    spans_of("a: \"one \\\n   two\"\n", "e t", &["e \\\n   t"]);
}

#[test]
fn an_escape_is_one_character() {
    spans_of("\"a\\x41b\"", "A", &["\\x41"]);
    spans_of("\"a\\u00e9b\"", "é", &["\\u00e9"]);
    spans_of("\"a\\ud83d\\ude00b\"", "😀", &["\\ud83d\\ude00"]);
    spans_of("\"a\\U0001F600b\"", "😀", &["\\U0001F600"]);
    spans_of("\"a\\\\b\"", "\\", &["\\\\"]);
    spans_of("\"a\\\nb\"", "ab", &["a\\\nb"]);
    spans_of("'a''b'", "'", &["''"]);
}

#[test]
fn a_byte_order_mark_shifts_nothing() {
    spans_of("\u{feff}a: ü b\n", "b", &["b"]);
}

/// A piece of a scalar: text, or a break with blank lines and an indentation beyond the scalar's.
#[derive(Debug, Clone)]
enum Piece {
    Word(String),
    Space(String),
    Break { blank: usize, deeper: usize },
    Escape(&'static str),
    Continue,
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        6 => "[a-zé→😀$.{}'/]{1,6}".prop_map(Piece::Word),
        3 => " {1,3}".prop_map(Piece::Space),
        1 => Just(Piece::Space("\t".to_owned())),
        3 => (0..3usize, 0..3usize).prop_map(|(blank, deeper)| Piece::Break { blank, deeper }),
        2 => prop::sample::select(vec![
            "\\n", "\\t", "\\\\", "\\\"", "\\x41", "\\u00e9", "\\ud83d\\ude00", "\\U0001F600",
            "\\ ", "\\_", "\\e", "\\/", "\\0", "\\N",
        ])
        .prop_map(Piece::Escape),
        1 => Just(Piece::Continue),
    ]
}

fn style() -> impl Strategy<Value = ScalarStyle> {
    prop::sample::select(vec![
        ScalarStyle::Plain,
        ScalarStyle::Single,
        ScalarStyle::Double,
        ScalarStyle::Literal,
        ScalarStyle::Folded,
    ])
}

/// Writes a scalar as an author would, at an indentation.
fn written(pieces: &[Piece], style: ScalarStyle, indent: usize, header: &str) -> String {
    let mut text = match style {
        ScalarStyle::Plain => "x".to_owned(),
        ScalarStyle::Single => "'".to_owned(),
        ScalarStyle::Double => "\"".to_owned(),
        ScalarStyle::Literal => format!("|{header}\n{}", " ".repeat(indent)),
        ScalarStyle::Folded => format!(">{header}\n{}", " ".repeat(indent)),
    };
    for piece in pieces {
        match piece {
            Piece::Word(word) if style == ScalarStyle::Single => text += &word.replace('\'', "''"),
            Piece::Word(word) => text += word,
            Piece::Space(space) => text += space,
            Piece::Break { blank, deeper } => {
                text += &"\n".repeat(blank + 1);
                text += &" ".repeat(indent + deeper);
                // A line of a plain scalar must not look like something else.
                text += if style == ScalarStyle::Plain { "y" } else { "" };
            }
            Piece::Escape(escape) if style == ScalarStyle::Double => text += escape,
            Piece::Continue if style == ScalarStyle::Double => {
                text += "\\\n";
                text += &" ".repeat(indent);
            }
            Piece::Escape(_) | Piece::Continue => text.push('e'),
        }
    }
    text + match style {
        ScalarStyle::Single => "'",
        ScalarStyle::Double => "\"",
        _ => "",
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_visible_character_leads_to_itself(
        pieces in prop::collection::vec(piece(), 0..14),
        style in style(),
        indent in 2..5usize,
        header in prop::sample::select(vec!["", "-", "+", "2", "2-"]),
        crlf in any::<bool>(),
        list in any::<bool>(),
    ) {
        let scalar = written(&pieces, style, indent, header);
        let mut text = if list {
            format!("# é\n- {scalar}\n- z\n")
        } else {
            format!("ké: {scalar}\nl: z\n")
        };
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        let parsed = Document::read(&SourceText::new("generated", text.clone()), &YamlLimits::default());
        // An indentation indicator may not fit what follows: then there is nothing to map.
        prop_assume!(parsed.document.is_some());
        check_all(&parsed.document.unwrap());
    }

    #[test]
    fn whatever_parses_has_its_places(text in "[ab:é😀 \\n\\r\\t'\"|>#&*\\-\\[\\]{},!%@?~0-9\\\\x+$u.]{0,60}") {
        let parsed = Document::read(&SourceText::new("soup", text), &YamlLimits::default());
        if let Some(document) = parsed.document {
            check_all(&document);
        }
        for problem in &parsed.problems {
            for label in &problem.labels {
                let Span { start, end } = label.span;
                prop_assert!(start <= end && problem.source.text().get(label.span.range()).is_some());
            }
        }
    }
}
