//! Types of plain scalars by the core schema of YAML 1.2.
//!
//! `yes`, `no`, `on` and `off` are text in the core schema; a rule warns if a bool was probably meant.

use serde_json::Number;

use super::document::NodeKind;

/// Returns the kind of a plain scalar.
pub(super) fn plain(text: &str) -> NodeKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeKind::Null,
        "true" | "True" | "TRUE" => NodeKind::Bool(true),
        "false" | "False" | "FALSE" => NodeKind::Bool(false),
        _ => number(text).map_or(NodeKind::Text, NodeKind::Number),
    }
}

/// Returns the number of a plain scalar, if it is one. Infinite numbers and numbers out of the range of
/// `f64` (`.inf`, `1e999`) cannot be written in JSON and are text.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let canonical = text.strip_prefix('+').unwrap_or(text);
        if let Ok(value) = canonical.parse::<i64>() {
            return Some(value.into());
        }
        if let Ok(value) = canonical.parse::<u64>() {
            return Some(value.into());
        }
    } else if !is_float(unsigned) {
        return None;
    }
    Number::from_f64(text.parse::<f64>().ok()?)
}

fn radix(digits: &str, radix: u32) -> Option<Number> {
    // The standard library would accept a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(Number::from)
}

/// Returns whether a text is a number: `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_core_schema() {
        for (text, json) in [
            ("007", "7"),
            ("+5", "5"),
            ("-0", "0"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("1e3", "1000.0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("-.5E-1", "-0.05"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let NodeKind::Number(number) = plain(text) else {
                panic!("{text} should be a number");
            };
            assert_eq!(number.to_string(), json, "{text}");
        }
        for text in [
            "yes", "on", ".inf", "-.INF", ".nan", "1e999", "0x", "0x+1", "0b1", "1_000", "1:30",
            "+", "-", ".", "e3", "1e", "1e+", "--1", "0o8", "infinity", "+inf", "nan", "1.2.3",
        ] {
            assert_eq!(plain(text), NodeKind::Text, "{text}");
        }
    }
}
