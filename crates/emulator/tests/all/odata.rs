//! Filters against a judge of its own: the same condition as a tree, told over JSON.
//!
//! The judge shares no line with the emulator. It reads the unfiltered list, decides for each entry
//! by what the entry shows, and the filtered list must be just that.

use proptest::prelude::*;
use serde_json::{Value, json};
use svar_emulator::{Device, Scenario, SettingOverrides};
use svar_wire::Moment;

use super::properties::cases;
use super::virtual_time::{Play, body, fleet};

/// A condition.
#[derive(Debug, Clone)]
enum Tree {
    Compare(&'static str, &'static str, Operand),
    In(&'static str, Vec<Operand>),
    Call(&'static str, &'static str, String),
    Not(Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
}

#[derive(Debug, Clone)]
enum Operand {
    Text(String),
    Time(i64),
    Number(i64),
    Null,
}

impl Operand {
    fn written(&self) -> String {
        match self {
            Operand::Text(text) => format!("'{}'", text.replace('\'', "''")),
            Operand::Time(millis) => Moment::from_millis(*millis).to_string(),
            Operand::Number(number) => number.to_string(),
            Operand::Null => "null".to_owned(),
        }
    }
}

impl Tree {
    fn written(&self) -> String {
        let inner = |tree: &Tree| match tree {
            // Only what binds less tightly needs parentheses.
            Tree::And(_) | Tree::Or(_) => format!("({})", tree.written()),
            _ => tree.written(),
        };
        match self {
            Tree::Compare(property, operator, operand) => {
                format!("{property} {operator} {}", operand.written())
            }
            Tree::In(property, operands) => {
                let list: Vec<String> = operands.iter().map(Operand::written).collect();
                format!("{property} in ({})", list.join(","))
            }
            Tree::Call(function, property, text) => {
                let text = Operand::Text(text.clone()).written();
                format!("{function}({property},{text})")
            }
            Tree::Not(tree) => format!("not {}", inner(tree)),
            Tree::And(trees) => trees.iter().map(inner).collect::<Vec<_>>().join(" and "),
            // `and` binds more tightly than `or`: no parentheses around it.
            Tree::Or(trees) => trees
                .iter()
                .map(|tree| match tree {
                    Tree::And(_) => tree.written(),
                    other => inner(other),
                })
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }

    fn holds(&self, entry: &Value) -> bool {
        match self {
            Tree::Compare(property, operator, operand) => {
                compares(&entry[*property], operator, operand)
            }
            Tree::In(property, operands) => operands
                .iter()
                .any(|operand| compares(&entry[*property], "eq", operand)),
            Tree::Call(function, property, text) => {
                let text = text.to_ascii_lowercase();
                let holds = |value: &Value| {
                    let value = value.as_str().unwrap_or_default().to_ascii_lowercase();
                    match *function {
                        "startswith" => value.starts_with(&text),
                        "endswith" => value.ends_with(&text),
                        _ => value.contains(&text),
                    }
                };
                match &entry[*property] {
                    Value::Null => false,
                    Value::Array(values) => values.iter().any(holds),
                    value => holds(value),
                }
            }
            Tree::Not(tree) => !tree.holds(entry),
            Tree::And(trees) => trees.iter().all(|tree| tree.holds(entry)),
            Tree::Or(trees) => trees.iter().any(|tree| tree.holds(entry)),
        }
    }
}

fn compares(value: &Value, operator: &str, operand: &Operand) -> bool {
    use std::cmp::Ordering;
    if let Value::Array(values) = value {
        let Operand::Text(wanted) = operand else {
            return operator == "ne";
        };
        let has = values
            .iter()
            .any(|value| value.as_str().unwrap().eq_ignore_ascii_case(wanted));
        return has == (operator == "eq");
    }
    let order = match (value, operand) {
        (Value::Null, Operand::Null) => return operator == "eq",
        (Value::Null, _) | (_, Operand::Null) => return operator == "ne",
        (value, Operand::Text(text)) => value
            .as_str()
            .unwrap()
            .to_ascii_lowercase()
            .cmp(&text.to_ascii_lowercase()),
        (value, Operand::Time(millis)) => Moment::parse(value.as_str().unwrap())
            .unwrap()
            .millis()
            .cmp(millis),
        (value, Operand::Number(number)) => value.as_i64().unwrap().cmp(number),
    };
    match operator {
        "eq" => order == Ordering::Equal,
        "ne" => order != Ordering::Equal,
        "gt" => order == Ordering::Greater,
        "ge" => order != Ordering::Less,
        "lt" => order == Ordering::Less,
        _ => order != Ordering::Greater,
    }
}

type Properties = &'static [&'static str];

/// What a list's entries can be asked about: texts, times, numbers, lists of texts.
#[derive(Debug, Clone, Copy)]
struct Askable {
    texts: Properties,
    times: Properties,
    numbers: Properties,
    lists: Properties,
}

const ACTIONS: Askable = Askable {
    texts: &[
        "id",
        "status",
        "machineId",
        "type",
        "requestor",
        "requestorComment",
        "computerDnsName",
    ],
    times: &["creationDateTimeUtc", "lastUpdateDateTimeUtc"],
    numbers: &[],
    lists: &[],
};

const MACHINES: Askable = Askable {
    texts: &[
        "id",
        "computerDnsName",
        "osPlatform",
        "healthStatus",
        "riskScore",
        "exposureLevel",
        "rbacGroupName",
        "aadDeviceId",
    ],
    times: &["lastSeen", "firstSeen"],
    numbers: &["rbacGroupId"],
    lists: &["machineTags"],
};

/// Conditions on entries that have, or nearly have, these values.
fn trees(askable: Askable, texts: Vec<String>, times: Vec<i64>) -> impl Strategy<Value = Tree> {
    let operators = || prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    let text = prop_oneof![
        6 => prop::sample::select(texts.clone()),
        1 => prop::sample::select(texts).prop_map(|text| text.to_ascii_uppercase()),
        1 => "[a-z'. ]{0,4}",
    ]
    .prop_map(Operand::Text)
    .boxed();
    let time = (prop::sample::select(times), -1500_i64..1500)
        .prop_map(|(millis, off)| Operand::Time(millis + off));
    let nullable = prop_oneof![9 => text.clone(), 1 => Just(Operand::Null)].boxed();
    let names = |names: Properties| prop::sample::select(names.to_vec());
    let mut leaves = vec![
        (names(askable.texts), operators(), nullable.clone())
            .prop_map(|(property, operator, operand)| Tree::Compare(property, operator, operand))
            .boxed(),
        (names(askable.times), operators(), time)
            .prop_map(|(property, operator, operand)| Tree::Compare(property, operator, operand))
            .boxed(),
        (names(askable.texts), prop::collection::vec(nullable, 1..4))
            .prop_map(|(property, operands)| Tree::In(property, operands))
            .boxed(),
        (
            prop::sample::select(vec!["startswith", "contains", "endswith"]),
            names(askable.texts),
            text.clone(),
            0..6_usize,
        )
            .prop_map(|(function, property, operand, cut)| {
                let Operand::Text(text) = operand else {
                    unreachable!()
                };
                let text = text.chars().skip(cut).take(6).collect();
                Tree::Call(function, property, text)
            })
            .boxed(),
    ];
    if !askable.numbers.is_empty() {
        leaves.push(
            (names(askable.numbers), operators(), -1..9_i64)
                .prop_map(|(property, operator, number)| {
                    Tree::Compare(property, operator, Operand::Number(number))
                })
                .boxed(),
        );
        let is_there = prop::sample::select(vec!["eq", "ne"]);
        leaves.push(
            (names(askable.lists), is_there, text)
                .prop_map(|(property, operator, operand)| {
                    Tree::Compare(property, operator, operand)
                })
                .boxed(),
        );
    }
    prop::strategy::Union::new(leaves).prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Tree::And),
            prop::collection::vec(inner, 2..4).prop_map(Tree::Or),
        ]
    })
}

/// Actions in every state, on machines of all sorts.
fn busy() -> Play {
    let device = |number: u32, os: &str, turn: &dyn Fn(&mut Device)| {
        let mut device = Device::named(&format!("o'hara-{number}.example.org"), os);
        device.group_id = i64::from(number);
        turn(&mut device);
        device
    };
    let mut scenario = fleet(3);
    scenario.devices = vec![
        device(1, "Windows11", &|device| {
            device.tags = vec!["Web".into(), "x".into()]
        }),
        device(2, "Linux", &|device| device.group = Some("Servers".into())),
        device(3, "WindowsServer2022", &|device| {
            device.health = "Inactive".into();
            device.risk = "High".into();
            device.tags = vec!["web".into()];
        }),
        device(4, "macOS", &|device| device.remediation = false),
    ];
    scenario.outcomes.insert(
        0,
        svar_emulator::ScriptOutcome {
            os: "WindowsServer*".to_owned(),
            error: Some("no".to_owned()),
            ..Default::default()
        },
    );
    let mut play = Play::new(Scenario {
        settings: SettingOverrides {
            starts_per_minute: Some(1000),
            ..scenario.settings
        },
        ..scenario
    });
    let machines = play.machines();
    for (number, machine) in machines.iter().cycle().take(20).enumerate() {
        let answer = play.start(machine, &format!("it's number {number}"));
        if number % 5 == 0
            && let Some(id) = body(&answer)["id"].as_str()
        {
            let path = format!("/api/machineactions/{id}/cancel");
            play.call("POST", &path, &json!({"Comment": "no"}));
        }
        play.pass(37 * (number as u64 % 7));
    }
    play
}

fn list(play: &mut Play, set: &str, query: &str) -> Vec<Value> {
    let answer = play.call("GET", &format!("/api/{set}?{query}"), &Value::Null);
    assert_eq!(answer.status, 200, "{query}: {}", body(&answer));
    body(&answer)["value"].as_array().unwrap().clone()
}

/// Everything as it stands in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn check(play: &mut Play, set: &str, all: &[Value], tree: &Tree) -> Result<(), TestCaseError> {
    let filter = tree.written();
    let found = list(play, set, &format!("$filter={}", encoded(&filter)));
    let expected: Vec<&Value> = all.iter().filter(|entry| tree.holds(entry)).collect();
    prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{}", filter);
    Ok(())
}

/// All texts and times that entries show under these keys.
fn values(all: &[Value], askable: Askable) -> (Vec<String>, Vec<i64>) {
    let texts = all.iter().flat_map(|entry| {
        let plain = askable.texts.iter().filter_map(|key| entry[*key].as_str());
        let lists = askable
            .lists
            .iter()
            .flat_map(|key| entry[*key].as_array().into_iter().flatten());
        plain
            .map(str::to_owned)
            .chain(lists.map(|text| text.as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    });
    let times = all.iter().flat_map(|entry| {
        let shown = askable.times.iter().filter_map(|key| entry[*key].as_str());
        shown
            .map(|text| Moment::parse(text).unwrap().millis())
            .collect::<Vec<_>>()
    });
    (texts.collect(), times.collect())
}

fn every_filter_selects_what_it_says(set: &str, askable: Askable) {
    let mut play = busy();
    let all = list(&mut play, set, "");
    assert!(all.len() >= 7, "{}", all.len());
    let (texts, times) = values(&all, askable);
    let play = std::cell::RefCell::new(play);
    proptest!(ProptestConfig::with_cases(cases(400)), |(tree in trees(askable, texts, times))| {
        check(&mut play.borrow_mut(), set, &all, &tree)?;
    });
}

#[test]
fn filters_on_actions_select_what_they_say() {
    every_filter_selects_what_it_says("machineactions", ACTIONS);
}

#[test]
fn filters_on_machines_select_what_they_say() {
    every_filter_selects_what_it_says("machines", MACHINES);
}

/// Pages of any size, in any order, put together are the list; the count is that of all.
#[test]
fn pages_put_together_are_the_list() {
    let mut play = busy();
    let all = list(
        &mut play,
        "machineactions",
        "$orderby=creationDateTimeUtc,id",
    );
    let keys = ["creationDateTimeUtc", "status", "computerDnsName", "id"];
    let play = std::cell::RefCell::new(play);
    let strategy = (
        prop::collection::vec((prop::sample::select(keys.to_vec()), any::<bool>()), 0..3),
        prop::option::of(0..30_usize),
        0..30_usize,
    );
    proptest!(ProptestConfig::with_cases(cases(200)), |((order, top, skip) in strategy)| {
        let mut play = play.borrow_mut();
        let words: Vec<String> = order
            .iter()
            .map(|(key, down)| format!("{key}+{}", if *down { "desc" } else { "asc" }))
            .collect();
        let mut query = format!("$count=true&$skip={skip}");
        if !words.is_empty() {
            query += &format!("&$orderby={}", words.join(","));
        }
        if let Some(top) = top {
            query += &format!("&$top={top}");
        }
        let answer = play.call("GET", &format!("/api/machineactions?{query}"), &Value::Null);
        let answer = body(&answer);
        prop_assert_eq!(&answer["@odata.count"], all.len());
        let shown = answer["value"].as_array().unwrap();
        let left = all.len().saturating_sub(skip);
        prop_assert_eq!(shown.len(), top.unwrap_or(usize::MAX).min(left));
        // In order by what was asked for, as an instant or a text.
        for pair in shown.windows(2) {
            let compared = order.iter().map(|(key, down)| {
                let (one, two) = (pair[0][*key].as_str().unwrap(), pair[1][*key].as_str().unwrap());
                let way = match key.ends_with("Utc") {
                    true => Moment::parse(one).unwrap().cmp(&Moment::parse(two).unwrap()),
                    false => one.to_lowercase().cmp(&two.to_lowercase()),
                };
                if *down { way.reverse() } else { way }
            });
            let way = compared.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
            prop_assert!(way.is_le(), "{:?}: {} {}", order, pair[0], pair[1]);
        }
    });
}

#[test]
fn functions_know_no_case_but_that_of_ascii() {
    let mut play = Play::new(fleet(1));
    let machine = play.machines().remove(0);
    let started = play.start(&machine, "Große Überprüfung, CASE 118");
    assert_eq!(started.status, 201);
    play.pass(600);
    for (condition, holds) in [
        ("startswith(requestorComment,'gROßE üBER')", false),
        ("startswith(requestorComment,'gROßE ÜBER')", true),
        ("startswith(requestorComment,'')", true),
        (
            "startswith(requestorComment,'Große Überprüfung, CASE 118!')",
            false,
        ),
        ("contains(requestorComment,'ÜBERPRÜFUNG')", false),
        ("contains(requestorComment,'ÜBERPRüFUNG')", true),
        ("contains(requestorComment,'große Ü')", true),
        ("contains(requestorComment,'')", true),
        ("contains(requestorComment,'case  118')", false),
        ("endswith(requestorComment,'PRÜFUNG, case 118')", false),
        ("endswith(requestorComment,'PRüFUNG, case 118')", true),
        ("endswith(requestorComment,'')", true),
        (
            "endswith(requestorComment,'!Große Überprüfung, CASE 118')",
            false,
        ),
    ] {
        let query = format!("$filter={}", encoded(condition));
        let found = list(&mut play, "machineactions", &query);
        assert_eq!(found.len(), usize::from(holds), "{condition}");
    }
}
