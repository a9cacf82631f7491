//! Waves that would leave devices out, which nothing but the fleet's size can tell.

use serde_json::json;
use svar_plan::GivenInputs;

use super::{compile_error, compiled, target};

fn fleet(count: u32, os: &str) -> Vec<svar_plan::Target> {
    (1..=count)
        .map(|number| target(number, &format!("srv-{number}"), os))
        .collect()
}

fn playbook(waves: &str) -> String {
    format!(
        "playbook: 1\nos: linux\ninputs:\n  last: {{ default: 100% }}\nrollout: {{ waves: {waves} \
         }}\nsteps:\n  - get: /etc/hosts\n"
    )
}

#[test]
fn waves_that_end_below_the_number_of_devices_are_refused_with_place_and_fix() {
    let shown = compile_error(
        &playbook("[1, 10]"),
        &GivenInputs::default(),
        fleet(40, "Linux"),
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn waves_that_shrink_end_at_their_largest() {
    let refused = |waves: &str| {
        compile_error(
            &playbook(waves),
            &GivenInputs::default(),
            fleet(40, "Linux"),
        )
    };
    assert!(refused("[5, 3]").contains("the waves include only 5 of 40 devices"));
    compiled(&playbook("[40, 3]"), fleet(40, "Linux"));
}

#[test]
fn a_share_that_an_input_gives_is_looked_at_too() {
    let given = GivenInputs {
        arguments: vec![("last".to_owned(), "5%".to_owned())],
        ..GivenInputs::default()
    };
    let waves = "[1, '${{ inputs.last }}']";
    let shown = compile_error(&playbook(waves), &given, fleet(40, "Linux"));
    assert!(
        shown.contains("the waves include only 2 of 40 devices"),
        "{shown}"
    );
    let compiled = compiled(&playbook(waves), fleet(40, "Linux"));
    assert_eq!(json!(compiled.plan().policy.waves), json!([1, "100%"]));
}

#[test]
fn as_many_as_have_something_to_do_are_enough() {
    compiled(&playbook("[1, 40]"), fleet(40, "Linux"));
    compiled(&playbook("[1, 500]"), fleet(40, "Linux"));
    // The playbook is for other systems: devices with nothing to do are not left out by a wave.
    compiled(&playbook("[1]"), fleet(40, "Windows11"));
}
