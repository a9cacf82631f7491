//! Secret values that templates derive from secret inputs: `${{ inputs.token | upper }}`, a var that
//! contains one, a var that uses such a var.

use svar_language::expression::{NameUse, Scope, Template};
use svar_language::yaml::NodeId;

use super::evaluator::Evaluator;
use crate::inputs::for_each_text;

impl Evaluator {
    /// Returns whether a template at a node or below it uses a secret.
    pub(crate) fn may_contain_secret(&self, node: NodeId) -> bool {
        let mut found = false;
        self.for_each_template(node, &mut |template| {
            found = found || self.uses_secret(&template.names());
        });
        found
    }

    fn uses_secret(&self, names: &[NameUse]) -> bool {
        names.iter().any(|used| match used.path.as_slice() {
            [root] => self.secret_names.iter().any(|(known, _)| known == root),
            [root, name, ..] => {
                (self.secret_names.iter()).any(|(known, secret)| known == root && secret == name)
            }
            [] => false,
        })
    }

    /// Adds to the secrets the value of each expression of a template that uses a secret.
    pub(crate) fn hide_derived(&self, template: &Template, scope: &Scope) {
        if self.secret_names.is_empty() || !self.uses_secret(&template.names()) {
            return;
        }
        for expression in template.values(scope) {
            if self.uses_secret(&expression.names) {
                for_each_text(&expression.value, &mut |text| {
                    self.secrets.add_derived(text)
                });
            }
        }
    }
}
