//! Secrets are in what is sent, and in no report.

use svar::report::{plan_json, plan_text};
use svar_plan::GivenInputs;

use super::{compiled, target};

#[track_caller]
fn shown(playbook: &str, token: &str) -> [String; 2] {
    let given = GivenInputs {
        arguments: vec![("token".into(), token.into())],
        ..GivenInputs::default()
    };
    let compiled = compiled(playbook, &given, vec![target(2, "srv-2", "Linux")]);
    let plan = compiled.plan();
    [plan_text(plan), plan_json(plan).to_string()]
}

#[test]
fn a_secret_is_masked_in_every_form() {
    let playbook = "playbook: 1
inputs:
  token: { secret: true }
  user: { default: alva }
steps:
  - { run: a.sh, args: ['${{ inputs.token }}', '${{ inputs.token | upper }}', '${{ inputs.user }}'] }
  - { run: b.sh, args: ['${{ inputs.token }}'], pass: base64url }
";
    for text in shown(playbook, "it's s3cret") {
        let text_lower = text.to_lowercase();
        assert!(!text_lower.contains("s3cret"), "{text}");
        assert!(
            !text.contains("czNjcmV0") && !text.contains("WyJpdCdz"),
            "{text}"
        );
        // What gives nothing away stays readable.
        assert!(text.contains("'***' '***' alva"), "{text}");
    }
}
