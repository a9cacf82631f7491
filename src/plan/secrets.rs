//! The values of secret inputs, known in one place so that they can be hidden everywhere.

use std::borrow::Cow;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::quote::{quote_for_posix, quote_for_powershell};

/// What a masked value is shown as.
pub const MASK: &str = "***";

/// Values that must not appear in a plan document, a report or a message.
///
/// Masking is textual: a value that a template transformed (`inputs.token | upper`) is not
/// recognised. The forms that the compiler itself makes (quoting, JSON) are.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Longest first, so that a secret that contains another one is masked whole.
    values: Vec<SecretString>,
}

impl Secrets {
    /// Hides this value from now on. Empty text is passed over: it would mask between all letters.
    pub fn add(&mut self, value: &str) {
        let known = self
            .values
            .iter()
            .any(|secret| secret.expose_secret() == value);
        if value.is_empty() || known {
            return;
        }
        let at = self
            .values
            .partition_point(|secret| secret.expose_secret().len() >= value.len());
        self.values.insert(at, SecretString::from(value));
    }

    /// Hides this value, and the forms in which the compiler writes it into arguments.
    pub(super) fn add_with_forms(&mut self, value: &str) {
        self.add(value);
        let inner = |quoted: String| quoted[1..quoted.len() - 1].to_owned();
        self.add(&inner(serde_json::Value::from(value).to_string()));
        self.add(&inner(quote_for_powershell(value)));
        self.add(&inner(quote_for_posix(value)));
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether the text shows a secret.
    pub fn shows_in(&self, text: &str) -> bool {
        self.values
            .iter()
            .any(|secret| text.contains(secret.expose_secret()))
    }

    /// The text with every secret replaced by [`MASK`].
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.shows_in(text) {
            return Cow::Borrowed(text);
        }
        let mut masked = text.to_owned();
        for secret in &self.values {
            masked = masked.replace(secret.expose_secret(), MASK);
        }
        Cow::Owned(masked)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_secret_is_masked_before_one_it_contains() {
        let mut secrets = Secrets::default();
        secrets.add("");
        secrets.add("key");
        secrets.add("key-of-the-house");
        assert_eq!(secrets.mask("key-of-the-house, key"), "***, ***");
        assert_eq!(secrets.mask("nothing here"), "nothing here");
        assert_eq!(format!("{secrets:?}"), "Secrets(2)");
    }
}
