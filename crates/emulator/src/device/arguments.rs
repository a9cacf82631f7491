//! Splits the argument text of a RunScript into words, by the rules of each type of script.

/// Splits the arguments of a `.sh` or `.py` script by the shell's quoting rules and no other rule
/// of the shell. Spaces, tabs and line ends separate words. `'…'` keeps everything. In `"…"` a
/// backslash keeps `"`, `\`, `$` and a backtick, and removes a line end. Outside of quotes a
/// backslash keeps the next character. Nothing is expanded: `$x`, `*` and `~` stay as they are. An
/// open quote ends with the text.
pub(super) fn posix_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(rest.by_ref().take_while(|next| *next != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(next) = rest.next() {
                    match next {
                        '"' => break,
                        '\\' => match rest.next() {
                            Some('\n') | None => {}
                            Some(kept @ ('"' | '\\' | '$' | '`')) => word.push(kept),
                            Some(other) => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => match rest.next() {
                Some('\n') => {}
                Some(kept) => word.get_or_insert_default().push(kept),
                None => word.get_or_insert_default().push('\\'),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// Splits the arguments of a `.ps1` script as PowerShell reads a command's arguments. Spaces
/// separate words, and so does a comma, with or without spaces around it (API notes 3.3; clients
/// rely on it). `'…'` keeps everything, with `''` for a quote. In `"…"` a doubled quote is a quote,
/// and a backtick keeps the next character. Outside of quotes a backtick keeps the next character.
/// Typographic quotes count as quotes. A backslash has no special meaning anywhere. Variables are
/// not expanded.
pub(super) fn powershell_words(text: &str) -> Vec<String> {
    let is_single = |c: char| matches!(c, '\'' | '\u{2018}'..='\u{201B}');
    let is_double = |c: char| matches!(c, '"' | '\u{201C}'..='\u{201E}');
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' | ',' => words.extend(word.take()),
            quote if is_single(quote) || is_double(quote) => {
                let is_same = |c: char| {
                    if is_single(quote) {
                        is_single(c)
                    } else {
                        is_double(c)
                    }
                };
                let word = word.get_or_insert_default();
                while let Some(next) = rest.next() {
                    if is_same(next) {
                        match rest.next_if(|after| is_same(*after)) {
                            Some(doubled) => word.push(doubled),
                            None => break,
                        }
                    } else if next == '`' && is_double(quote) {
                        word.extend(rest.next().map(escaped));
                    } else {
                        word.push(next);
                    }
                }
            }
            '`' => match rest.next() {
                Some('\n') => {}
                Some(kept) => word.get_or_insert_default().push(escaped(kept)),
                None => word.get_or_insert_default().push('`'),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// Returns the character that a backtick and `character` stand for.
fn escaped(character: char) -> char {
    match character {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::{posix_words, powershell_words};

    #[test]
    fn posix_rows() {
        let rows: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  a\t b\nc ", &["a", "b", "c"]),
            ("'a b' c", &["a b", "c"]),
            (r#""a \"b\" \n" c"#, &[r#"a "b" \n"#, "c"]),
            (r#""\\" "\$x" "\`" "\'""#, &["\\", "$x", "`", "\\'"]),
            (r"a\ b", &["a b"]),
            ("'' \"\" a", &["", "", "a"]),
            (r#"a''b"c""#, &["abc"]),
            ("'it'\\''s'", &["it's"]),
            ("--key=a,b --list 'a, b'", &["--key=a,b", "--list", "a, b"]),
            ("100% ok & more", &["100%", "ok", "&", "more"]),
            ("trailing\\", &["trailing\\"]),
            ("'C:\\temp\\'", &["C:\\temp\\"]),
            (r"\\server\share", &[r"\servershare"]),
            (r"'\\server\share'", &[r"\\server\share"]),
            ("'line\none' \"line\ntwo\"", &["line\none", "line\ntwo"]),
            ("a\\\nb \"c\\\nd\"", &["ab", "cd"]),
            ("carriage\rreturn", &["carriage\rreturn"]),
            ("å 'ö ß' 日本", &["å", "ö ß", "日本"]),
            (
                "\u{201C}no quotes\u{201D}",
                &["\u{201C}no", "quotes\u{201D}"],
            ),
            ("no\u{a0}blank", &["no\u{a0}blank"]),
            ("'open", &["open"]),
            ("\"open\\", &["open"]),
        ];
        for (text, words) in rows {
            assert_eq!(posix_words(text), *words, "{text:?}");
        }
    }

    #[test]
    fn powershell_rows() {
        let rows: &[(&str, &[&str])] = &[
            ("", &[]),
            ("-Depth 2", &["-Depth", "2"]),
            ("a,b, c", &["a", "b", "c"]),
            ("'a, b' c", &["a, b", "c"]),
            ("'it''s'", &["it's"]),
            ("'' \"\" a", &["", "", "a"]),
            (r#""say ""hi""""#, &[r#"say "hi""#]),
            (r#""say `"hi`"""#, &[r#"say "hi""#]),
            (r#""C:\new folder\""#, &[r"C:\new folder\"]),
            (r"C:\temp\ next", &[r"C:\temp\", "next"]),
            (r"\\server\share\x", &[r"\\server\share\x"]),
            (r"'\\server\a b\'", &[r"\\server\a b\"]),
            ("a`nb `$x", &["a\nb", "$x"]),
            ("a` b a`,b", &["a b", "a,b"]),
            ("a`\nb", &["ab"]),
            ("'a`nb'", &["a`nb"]),
            ("100% & more", &["100%", "&", "more"]),
            ("--% %PATH% 'a b'", &["--%", "%PATH%", "a b"]),
            (
                "-Name:value -Switch:$true",
                &["-Name:value", "-Switch:$true"],
            ),
            ("\u{2018}one word\u{2019}", &["one word"]),
            ("\u{201C}one \u{2018}word\u{201D}", &["one \u{2018}word"]),
            ("'line\none'", &["line\none"]),
            ("a\r\nb", &["a", "b"]),
            ("å 日本", &["å", "日本"]),
            ("'open", &["open"]),
            ("end`", &["end`"]),
        ];
        for (text, words) in rows {
            assert_eq!(powershell_words(text), *words, "{text:?}");
        }
    }

    /// Compares the words with those of Bash, for texts in which Bash expands nothing and which it
    /// accepts.
    #[cfg(unix)]
    mod as_bash_does {
        use std::process::Command;

        use proptest::prelude::*;

        use super::super::posix_words;

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(150))]

            #[test]
            fn words_are_the_same(parts in prop::collection::vec(prop::sample::select(&[
                "a", "bc", " ", "  ", "\t", "'", "\"", "\\", "\\\\", "\\\"", "\\'", "''", "\"\"", "' '", "\\\n",
                ",", "%", "=", "-", "ö", "日", "\u{201C}", ":", "/", "C:\\x",
            ][..]), 0..14)) {
                let text = parts.concat();
                // A line end that is not escaped ends the command.
                prop_assume!(!text.contains("\\\\\n"));
                // Behind a line end in quotes, Bash drops a backslash at the end of the text.
                prop_assume!(!(text.contains('\n') && text.ends_with('\\')));
                let script = "eval \"set -- $1\" 2>/dev/null || exit 9; [ $# -eq 0 ] || printf '%s\\0' \"$@\"";
                let output = Command::new("bash")
                    .args(["-c", script, "bash", &text])
                    .stdin(std::process::Stdio::null())
                    .output();
                let Ok(output) = output else { return Ok(()) };
                if output.status.code() == Some(0) {
                    let text_out = String::from_utf8_lossy(&output.stdout).into_owned();
                    let words: Vec<&str> = text_out.split_terminator('\0').collect();
                    prop_assert_eq!(posix_words(&text), words, "{:?}", text);
                }
            }
        }
    }
}
