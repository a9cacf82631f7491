//! The page of every rule, as `svar explain` prints it.

use std::collections::HashSet;

use svar_language::diagnostic::render::page;
use svar_language::source::SourceText;
use svar_language::yaml::Document;

/// Columns of an ordinary terminal.
const WIDTH: usize = 80;

#[test]
fn rule_ids_are_unique() {
    let mut seen = HashSet::new();
    for rule in svar::cli::rules() {
        assert!(seen.insert(rule.id), "two rules have the id `{}`", rule.id);
    }
}

#[test]
fn titles_are_short_phrases() {
    for rule in svar::cli::rules() {
        let title = rule.title;
        assert!(!title.is_empty() && !title.ends_with('.'), "{}", rule.id);
        assert!(title.chars().count() <= 60, "{}: {title}", rule.id);
        assert!(!title.starts_with("a "), "{}: {title}", rule.id);
    }
}

/// Everything outside of code blocks and tables is a paragraph whose lines are filled.
#[test]
fn paragraphs_are_filled_and_fit_the_width() {
    for rule in svar::cli::rules() {
        let drawn = page(rule.page, WIDTH);
        let mut in_code = false;
        let mut before: Option<&str> = None;
        for line in drawn.lines() {
            let is_fence = line.starts_with("```");
            if in_code || is_fence || line.is_empty() || line.starts_with('|') {
                in_code ^= is_fence;
                before = None;
                continue;
            }
            let about = format!("{}: {line}", rule.id);
            assert!(!line.starts_with(' ') || before.is_some(), "{about}");
            // A piece of code is never broken.
            let width = line.chars().count();
            assert!(width <= WIDTH || line.contains('`'), "{about}");
            if let Some(before) = before {
                let filled = before.chars().count() + 1 + first_word(line).chars().count();
                assert!(filled > WIDTH, "{}: torn before {line:?}", rule.id);
            }
            before = Some(line);
        }
        assert!(!in_code, "{}: a code block is not closed", rule.id);
    }
}

/// Returns the first word of a line; a piece of code in it moves to the next line as a whole.
fn first_word(line: &str) -> &str {
    let mut in_code = false;
    let end = line.find(|character| {
        if character == '`' {
            in_code = !in_code;
        }
        character == ' ' && !in_code
    });
    &line[..end.unwrap_or(line.len())]
}

/// The source of a page has no stray indentation.
#[test]
fn code_and_paragraphs_begin_in_the_first_column() {
    for rule in svar::cli::rules() {
        let mut in_code = false;
        let mut is_first = false;
        for line in rule.page.lines() {
            assert_eq!(line, line.trim_end(), "{}", rule.id);
            let is_indented = line.starts_with([' ', '\t']);
            let is_fence = line.starts_with("```");
            if is_fence {
                in_code = !in_code;
            } else if !in_code || is_first {
                assert!(!is_indented, "{}: {line}", rule.id);
            }
            is_first = is_fence && in_code;
        }
    }
}

/// What a page calls right can be read.
#[test]
fn right_examples_are_yaml() {
    for rule in svar::cli::rules() {
        let Some((_, right)) = rule.page.split_once("Right:") else {
            continue;
        };
        for block in right.split("```yaml\n").skip(1) {
            let text = block.split("```").next().unwrap();
            let source = SourceText::new(rule.id, text);
            assert!(Document::parse(&source).is_ok(), "{}:\n{text}", rule.id);
            // Items of a list stand two columns inside of their key, and not four.
            let torn = text.lines().zip(text.lines().skip(1)).any(|(key, item)| {
                key.ends_with(':') && !key.starts_with(' ') && item.starts_with("   ")
            });
            assert!(!torn, "{}:\n{text}", rule.id);
        }
    }
}
