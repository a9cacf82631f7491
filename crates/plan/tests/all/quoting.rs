//! Arguments as the other side reads them: bash itself, and a small tokenizer of PowerShell's rules.

use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;
use svar_plan::{Argument, GivenInputs, Shell, base64url, write_arguments};

use super::{args, compile_error, compiled, linux, try_compile, windows};

/// The words that a command line has for bash.
fn bash_words(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\0' {line}");
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    assert!(output.status.success(), "{line:?}");
    let mut words: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .split('\0')
        .map(str::to_owned)
        .collect();
    words.pop();
    words
}

/// The words that a command line has for PowerShell, by the rules of its argument mode: blanks
/// part words, and a single-quoted string ends at any of five characters that is not doubled.
fn powershell_words(line: &str) -> Vec<String> {
    let quotes = ['\'', '\u{2018}', '\u{2019}', '\u{201A}', '\u{201B}'];
    let mut words = Vec::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == ' ' {
            continue;
        }
        let mut word = String::new();
        if quotes.contains(&letter) {
            loop {
                let next = letters.next().expect("the string is closed");
                // Doubled, a quote stands for itself; alone it ends the string.
                let ends = quotes.contains(&next)
                    && letters.next_if(|after| quotes.contains(after)).is_none();
                if ends {
                    break;
                }
                word.push(next);
            }
            assert!(letters.peek().is_none_or(|after| *after == ' '), "{line:?}");
        } else {
            word.push(letter);
            while let Some(next) = letters.next_if(|next| *next != ' ') {
                word.push(next);
            }
            let special =
                |c: char| "'\"`$@#(){};,|&<>!*?[]".contains(c) || !c.is_ascii() || c.is_control();
            assert!(!word.contains(special), "{word:?} does not stand bare");
            let number = word.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+');
            assert!(!number, "{word:?} would be a number");
        }
        words.push(word);
    }
    words
}

fn special_text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}".prop_filter("no NUL", |text| !text.contains('\0')),
        "[ a'\"\\\\$`!;&|(){}<>*?~#%@,=:/.\u{2018}\u{2019}\u{201A}\u{201B}\u{2013}\n\t0-9-]{0,16}",
        Just(r"C:\Program Files\x\".to_owned()),
        Just(r"\\server\share\".to_owned()),
        Just("007".to_owned()),
        Just("-Force".to_owned()),
        Just(String::new()),
    ]
}

#[test]
fn a_tilde_is_quoted_wherever_a_shell_would_expand_it() {
    for text in ["~", "~root", "~/x", "a=~/x", "/bin:~root/bin"] {
        let list = Argument::List(vec![Argument::Text(text.to_owned())]);
        let written = write_arguments(Shell::Posix, &list).unwrap();
        assert_eq!(written, format!("'{text}'"));
        assert_eq!(bash_words(&written), [text]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bash_reads_back_what_was_written(texts in proptest::collection::vec(special_text(), 1..6)) {
        let list = Argument::List(texts.iter().cloned().map(Argument::Text).collect());
        let line = write_arguments(Shell::Posix, &list).unwrap();
        prop_assert_eq!(bash_words(&line), texts);
    }
}

proptest! {
    #[test]
    fn powershell_reads_back_what_was_written(texts in proptest::collection::vec(special_text(), 1..6)) {
        let list = Argument::List(texts.iter().cloned().map(Argument::Text).collect());
        let line = write_arguments(Shell::PowerShell, &list).unwrap();
        prop_assert_eq!(powershell_words(&line), texts);
    }

    #[test]
    fn a_token_is_read_back_and_no_shell_touches_it(text in special_text(), key in "[a-z]{1,5}") {
        let map = Argument::Map(vec![(key.clone(), Argument::List(vec![Argument::Text(text.clone())]))]);
        let token = base64url(&map);
        prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let read: Value = serde_json::from_str(&decode_base64url(&token)).unwrap();
        prop_assert_eq!(read, serde_json::json!({ key: [text] }));
    }

    /// Whatever stands in a path, the JSON writer alone escapes it, and reading gives it back.
    #[test]
    fn paths_are_escaped_once(name in "[ -~\u{a1}-\u{ff}\u{4e00}-\u{4eff}\u{1f600}-\u{1f64f}]{1,20}") {
        let path = format!(r"C:\{name}\\server\x");
        let clean = !path.contains(|c: char| c.is_control()) && !path.contains("${{") && !path.contains('\u{feff}');
        prop_assume!(clean && path.trim() == path);
        let quoted = path.replace('\'', "''");
        let playbook = format!(
            "playbook: 1\nsteps:\n  # svar: allow doubled-backslash -- as it comes\n  - get: '{quoted}'\n"
        );
        let source = svar_language::source::SourceText::new("p.yaml", playbook);
        let loaded = svar_language::playbook::load(&source, &svar_language::playbook::NoFiles);
        prop_assume!(loaded.playbook.is_some());
        let inputs = svar_plan::Inputs::merge(&loaded, &GivenInputs::default()).unwrap();
        let limits = svar_plan::Limits::of(svar_plan::LimitsProfile::Safe);
        let compiled = svar_plan::compile(
            &loaded,
            &svar_language::playbook::NoFiles,
            &inputs,
            vec![windows()],
            &svar_plan::RunNames::default(),
            &limits,
        )
        .unwrap();
        let request = compiled.plan().devices[0].sessions[0].request.clone().unwrap();
        let wire = serde_json::to_string(&*request).unwrap();
        let read: Value = serde_json::from_str(&wire).unwrap();
        prop_assert_eq!(&read["Commands"][0]["params"][0]["value"], &Value::from(path.clone()));
        prop_assert_eq!(wire.matches('\\').count() >= 2 * path.matches('\\').count(), true);
    }
}

pub(super) fn decode_base64url(token: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn playbook(script: &str, args: &str) -> String {
    format!(
        "playbook: 1\ninputs:\n  list: {{ type: list, default: [a b, c] }}\n  on: {{ type: bool, default: true }}\n  n: {{ type: int, default: -3 }}\nsteps:\n  - run: {script}\n    args: {args}\n"
    )
}

#[test]
fn a_map_is_written_as_each_shell_wants_it() {
    let map = "{ Days: 7, Out: 'C:\\My Files\\x', Id: 007, Deep: true, Quiet: false, Names: \"${{ inputs.list }}\", On: \"${{ inputs.on }}\", N: \"${{ inputs.n }}\", Dot: '${{ target.name }}.zip', Text: 'true' }";
    let at = |script: &str, target| args(&compiled(&playbook(script, map), vec![target])).unwrap();
    assert_eq!(
        at("x.ps1", windows()),
        r"-Days 7 -Out 'C:\My Files\x' -Id '007' -Deep -Names 'a b',c -On -N -3 -Dot ws-1.zip -Text true"
    );
    assert_eq!(
        at("x.sh", linux()),
        r"--Days 7 --Out 'C:\My Files\x' --Id 007 --Deep --Names 'a b' --Names c --On -N -3 --Dot srv-2.zip --Text true"
    );
}

#[test]
fn a_text_is_sent_as_it_is_and_a_list_is_quoted() {
    let at = |args_text: &str| {
        let playbook = format!("playbook: 1\nsteps:\n  - run: x.sh\n    args: {args_text}\n");
        args(&compiled(&playbook, vec![linux()]))
    };
    assert_eq!(at("-a 'b c'  --d"), Some("-a 'b c'  --d".to_owned()));
    assert_eq!(
        at("[a b, '', -x, 1.50, true]"),
        Some("'a b' '' -x 1.50 true".to_owned())
    );
    assert_eq!(at("''"), None);
    assert_eq!(at("{ v: 1, no: false }"), Some("-v 1".to_owned()));
}

#[test]
fn a_character_that_the_service_does_not_take_is_refused_with_its_origin() {
    let playbook = "playbook: 1
inputs:
  filter: { default: plain }
  list: { type: list, default: [a] }
vars:
  both: '${{ inputs.filter }}/${{ inputs.list | join }}'
steps:
  - { run: x.sh, args: { filter: '${{ inputs.filter }}', host: '${{ target.name }}', both: '${{ vars.both }}' } }
";
    let argument = GivenInputs {
        arguments: vec![("filter".into(), "a|b".into())],
        ..GivenInputs::default()
    };
    insta::assert_snapshot!(compile_error(playbook, &argument, vec![linux()]));
    let file = GivenInputs {
        files: vec![svar_language::source::SourceText::new(
            "case.yaml",
            "filter: x\nlist: ['$HOME']\n",
        )],
        ..GivenInputs::default()
    };
    insta::assert_snapshot!(compile_error(playbook, &file, vec![linux()]));
    let mut named = linux();
    named.name = Some("a&b".to_owned());
    insta::assert_snapshot!(compile_error(
        playbook,
        &GivenInputs::default(),
        vec![named]
    ));

    let token = playbook.replace("run: x.sh,", "run: x.sh, pass: base64url,");
    let compiled = try_compile(&token, &argument, vec![linux()]).unwrap();
    assert_eq!(
        decode_base64url(&args(&compiled).unwrap()),
        r#"{"filter":"a|b","host":"srv-2","both":"a|b/a"}"#
    );
}
