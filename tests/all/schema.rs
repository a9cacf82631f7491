//! The schema: committed as generated.

#[test]
fn committed_schema_is_the_generated_one() {
    let generated = svar::playbook::generate_schema();
    if std::env::var_os("SVAR_WRITE_SCHEMA").is_some() {
        std::fs::write("schema/playbook.json", &generated).unwrap();
        return;
    }
    assert_eq!(svar::playbook::schema(), generated);
}
