//! Every rule with its page, a file for each subject.

use super::code::Rule;

mod input;
mod meaning;
mod outside;
mod plan;
mod scenario;
mod schema;
mod template;
mod yaml;

/// All rules, subject by subject.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        yaml::RULES,
        schema::RULES,
        template::RULES,
        meaning::RULES,
        input::RULES,
        outside::RULES,
        plan::RULES,
        scenario::RULES,
    ]
    .into_iter()
    .flatten()
}

/// The rule of that id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// Whether a rule is about what a playbook means: a playbook with such a finding can still be
/// read, so the finding can be silenced in place.
pub fn is_about_meaning(rule: &Rule) -> bool {
    meaning::RULES.iter().any(|known| known.id == rule.id)
}
