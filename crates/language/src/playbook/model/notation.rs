//! Schemas of the types that may be written as templates.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::playbook::notation::{
    Notation, TEMPLATE, allow_type, choices_of, code_list, text_pattern,
};

use super::{
    CleanupWhen, CountOrPercent, OfflineMode, OnFail, OnStop, Os, Pass, Period, ResultsWanted,
    Risk, SizeCheck, StopBase, Window,
};

impl Notation for Period {
    const NAME: &'static str = "Period";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        text_pattern(
            r"([0-9]+(w|d|h|m|s|ms))+",
            "a duration with its unit, such as `90s`, `15m`, `8h`, `1h30m` or `2d`",
        )
    }
}

impl Notation for CountOrPercent {
    const NAME: &'static str = "CountOrPercent";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        let mut schema = text_pattern(
            r"[0-9]+|(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) ?%",
            "a number of devices such as `20`, or a percentage such as `5%`",
        );
        allow_type(&mut schema, "integer");
        schema.insert("minimum".to_owned(), 0.into());
        schema.insert("maximum".to_owned(), u32::MAX.into());
        schema
    }
}

impl Notation for SizeCheck {
    const NAME: &'static str = "SizeCheck";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        let mut schema = text_pattern(
            r" *(<|<=|>|>=|=|==|!=)? *[0-9]+ *([KMGkmg]?[Bb]|[KMGkmg]i[Bb]|[KMGkmg])? *",
            "a size to compare with, such as `\"> 0\"` or `\"<= 100MB\"`",
        );
        allow_type(&mut schema, "integer");
        schema.insert("minimum".to_owned(), 0.into());
        schema
    }
}

impl Notation for Window {
    const NAME: &'static str = "Window";

    fn or_template(_: &mut SchemaGenerator) -> Schema {
        let day = "(?:[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)";
        let days = format!("{day}(?:-{day})?(?:,{day}(?:-{day})?)*");
        text_pattern(
            &format!(
                r"(?:{days} +)?([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]|24:00)( +[A-Za-z0-9_+/-]+)?"
            ),
            "hours such as `22:00-06:00` or `Mon-Fri 20:00-23:30 Europe/Stockholm`",
        )
    }
}

macro_rules! choice {
    ($($type:ty),+ $(,)?) => {$(
        impl Notation for $type {
            const NAME: &'static str = stringify!($type);

            fn or_template(generator: &mut SchemaGenerator) -> Schema {
                let plain = <$type as schemars::JsonSchema>::json_schema(generator);
                let Some((values, words)) = choices_of(&plain) else {
                    return plain;
                };
                json_schema!({
                    "type": "string",
                    "anyOf": [
                        { "enum": values, "markdownEnumDescriptions": words },
                        { "pattern": TEMPLATE },
                    ],
                    "errorMessage": format!("Expected {}", code_list(&values, "or")),
                })
            }
        }
    )+};
}

choice!(
    CleanupWhen,
    OfflineMode,
    OnFail,
    OnStop,
    Os,
    Pass,
    ResultsWanted,
    Risk,
    StopBase
);
