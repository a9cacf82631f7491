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
        id: "indentation",
        severity: Severity::Error,
        title: "indentation",
        page: "",
    },
    Rule {
        id: "tab-indentation",
        severity: Severity::Error,
        title: "tab-indentation",
        page: "",
    },
    Rule {
        id: "unquoted-text",
        severity: Severity::Error,
        title: "unquoted-text",
        page: "",
    },
    Rule {
        id: "unquoted-template",
        severity: Severity::Error,
        title: "unquoted-template",
        page: "",
    },
    Rule {
        id: "missing-colon",
        severity: Severity::Error,
        title: "missing-colon",
        page: "",
    },
    Rule {
        id: "missing-space",
        severity: Severity::Error,
        title: "missing-space",
        page: "",
    },
    Rule {
        id: "block-text",
        severity: Severity::Error,
        title: "block-text",
        page: "",
    },
    Rule {
        id: "bad-escape",
        severity: Severity::Error,
        title: "bad-escape",
        page: "",
    },
    Rule {
        id: "unclosed-quote",
        severity: Severity::Error,
        title: "unclosed-quote",
        page: "",
    },
    Rule {
        id: "text-after-quote",
        severity: Severity::Error,
        title: "text-after-quote",
        page: "",
    },
    Rule {
        id: "unclosed-bracket",
        severity: Severity::Error,
        title: "unclosed-bracket",
        page: "",
    },
    Rule {
        id: "duplicate-key",
        severity: Severity::Error,
        title: "duplicate-key",
        page: "",
    },
    Rule {
        id: "collection-key",
        severity: Severity::Error,
        title: "collection-key",
        page: "",
    },
    Rule {
        id: "empty-key",
        severity: Severity::Error,
        title: "empty-key",
        page: "",
    },
    Rule {
        id: "merge-key",
        severity: Severity::Error,
        title: "merge-key",
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
        id: "tag",
        severity: Severity::Error,
        title: "tag",
        page: "",
    },
    Rule {
        id: "yaml-directive",
        severity: Severity::Error,
        title: "yaml-directive",
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
        id: "hidden-character",
        severity: Severity::Error,
        title: "hidden-character",
        page: "",
    },
    Rule {
        id: "not-utf8",
        severity: Severity::Error,
        title: "not-utf8",
        page: "",
    },
    Rule {
        id: "yaml-limit",
        severity: Severity::Error,
        title: "yaml-limit",
        page: "",
    },
];
