//! Rules about the YAML itself.

use crate::diagnostic::code::{Rule, Severity};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "yaml-syntax",
        severity: Severity::Error,
        title: "yaml-syntax",
        page: "",
    },
    Rule {
        id: "merge-key",
        severity: Severity::Error,
        title: "merge-key",
        page: "",
    },
    Rule {
        id: "empty-key",
        severity: Severity::Error,
        title: "empty-key",
        page: "",
    },
    Rule {
        id: "collection-key",
        severity: Severity::Error,
        title: "collection-key",
        page: "",
    },
    Rule {
        id: "duplicate-key",
        severity: Severity::Error,
        title: "duplicate-key",
        page: "",
    },
    Rule {
        id: "tag",
        severity: Severity::Error,
        title: "tag",
        page: "",
    },
    Rule {
        id: "second-document",
        severity: Severity::Error,
        title: "second-document",
        page: "",
    },
    Rule {
        id: "empty-document",
        severity: Severity::Error,
        title: "empty-document",
        page: "",
    },
    Rule {
        id: "unknown-alias",
        severity: Severity::Error,
        title: "unknown-alias",
        page: "",
    },
    Rule {
        id: "alias-loop",
        severity: Severity::Error,
        title: "alias-loop",
        page: "",
    },
    Rule {
        id: "yaml-limit",
        severity: Severity::Error,
        title: "yaml-limit",
        page: "",
    },
];
