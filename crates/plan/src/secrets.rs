//! Values of secret inputs, which must be masked in all output.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use secrecy::{ExposeSecret, SecretString};
use svar_wire::LiveResponseRequest;

use crate::quote::{quote_for_posix, quote_for_powershell};

/// Text that replaces a masked value.
pub const MASK: &str = "***";

/// Minimum length in characters of a value derived from a secret to be masked (our choice). Shorter ones would
/// mask parts of any text, and reveal little.
const DERIVED_MIN: usize = 4;

/// Minimum length in characters of a part of a base64 encoding to be masked (our choice): six bytes of the
/// secret.
const BASE64_MIN: usize = 8;

/// Values that must not appear in a plan document, a report or a message.
///
/// Clones share one set, so that values added during a run (a template of a later session may derive a new one)
/// are masked everywhere.
///
/// Masking is textual. The value itself, values that templates derive from it, its forms with quotes, with
/// escapes and in JSON, and its base64 encoding (also inside a longer text) are masked. If a script changes the
/// value in another way and prints it, it is not recognized.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest first, so that a secret that contains another one is masked whole.
    values: Arc<RwLock<Vec<SecretString>>>,
}

impl Secrets {
    /// Adds a value. An empty text is ignored.
    pub fn add(&self, value: &str) {
        if value.is_empty() {
            return;
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        let place = values.binary_search_by(|known| {
            let known = known.expose_secret();
            (value.len().cmp(&known.len())).then_with(|| known.cmp(value))
        });
        if let Err(place) = place {
            values.insert(place, SecretString::from(value));
        }
    }

    /// Adds a value in all encodings in which it can occur in arguments, messages and tokens.
    pub(crate) fn add_with_encodings(&self, value: &str) {
        self.add(value);
        let inner = |quoted: String| quoted[1..quoted.len() - 1].to_owned();
        self.add(&inner(serde_json::Value::from(value).to_string()));
        self.add(&inner(quote_for_powershell(value)));
        self.add(&inner(quote_for_posix(value)));
        self.add(&value.escape_debug().to_string());
        self.add(&value.escape_default().to_string());
        for part in base64_parts(value) {
            self.add(&part);
        }
    }

    /// Adds a value that a template derived from a secret, unless it is too short.
    pub(crate) fn add_derived(&self, value: &str) {
        if value.chars().nth(DERIVED_MIN - 1).is_some() {
            self.add_with_encodings(value);
        }
    }

    /// Returns whether there are no secrets.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Returns whether a secret occurs in the text.
    pub fn occur_in(&self, text: &str) -> bool {
        (self.read().iter()).any(|secret| text.contains(secret.expose_secret()))
    }

    /// Returns the text with every secret replaced by [`MASK`].
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in self.read().iter() {
            if masked.contains(secret.expose_secret()) {
                masked = Cow::Owned(masked.replace(secret.expose_secret(), MASK));
            }
        }
        masked
    }

    /// Returns a request with all secrets masked, also in arguments that are sent as one token.
    pub fn mask_request(&self, request: &LiveResponseRequest) -> LiveResponseRequest {
        let mut shown = request.clone();
        if self.is_empty() {
            return shown;
        }
        shown.comment = self.mask(&shown.comment).into_owned();
        for command in &mut shown.commands {
            for param in &mut command.params {
                param.value = if self.occur_in_token(&param.value) {
                    MASK.to_owned()
                } else {
                    self.mask(&param.value).into_owned()
                };
            }
        }
        shown
    }

    /// Returns whether the text is base64url and a secret occurs in its decoded content.
    fn occur_in_token(&self, text: &str) -> bool {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .is_some_and(|json| self.occur_in(&json))
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<SecretString>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the base64 encodings of a value inside a longer text: one for each of the three offsets in a group,
/// without the characters at its ends that also depend on neighbouring bytes.
fn base64_parts(value: &str) -> Vec<String> {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let mut parts = Vec::new();
    for before in 0..3_usize {
        let bytes = [&[0, 0][..before.min(2)], value.as_bytes()].concat();
        let first = (before * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        if end < first + BASE64_MIN {
            continue;
        }
        for text in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            parts.push(text[first..end].to_owned());
        }
    }
    parts
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.read().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_secret_is_masked_before_one_it_contains() {
        let secrets = Secrets::default();
        secrets.add("");
        secrets.add("key");
        secrets.add("key-of-the-house");
        assert_eq!(secrets.mask("key-of-the-house, key"), "***, ***");
        assert_eq!(secrets.mask("nothing here"), "nothing here");
        secrets.add("key");
        assert_eq!(format!("{secrets:?}"), "Secrets(2)");
    }

    #[test]
    fn a_secret_is_known_in_base64_wherever_it_begins() {
        use base64::Engine;
        use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
        let secrets = Secrets::default();
        secrets.add_with_encodings("Sup3r-Secret?Val");
        for around in ["", "a", "ab", "abc", "user:", "{\"Tok\":\""] {
            let text = format!("{around}Sup3r-Secret?Val{around}\n");
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                let masked = secrets.mask(&encoded).into_owned();
                assert!(masked.contains(MASK), "{around}: {masked}");
                assert!(
                    masked.len() < encoded.len() / 2 + 2 * around.len() + 4,
                    "{masked}"
                );
            }
        }
        assert_eq!(secrets.mask("c29tZXRoaW5nIGVsc2U="), "c29tZXRoaW5nIGVsc2U=");
    }
}
