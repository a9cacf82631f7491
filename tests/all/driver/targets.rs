//! Who is meant: selectors against a list of devices.

use serde_json::{Value, json as value};

use svar::driver::{TargetError, resolve_targets};
use svar_plan::Target;
use svar_plan::{DeviceSelection, DeviceSelector, TargetsFile};
use svar_wire::DeviceId;

use super::service::{Reply, Seen, Service, answer, json};

fn id(digit: u32) -> DeviceId {
    DeviceId::parse(&format!("{digit:040x}")).expect("an id")
}

fn device(digit: u32, name: &str, tags: &[&str]) -> Value {
    value!({
        "id": id(digit).as_str(), "computerDnsName": name, "osPlatform": "Linux",
        "healthStatus": "Active", "onboardingStatus": "Onboarded", "machineTags": tags,
        "rbacGroupName": "Servers", "lastSeen": format!("2026-02-0{}T08:00:00Z", digit % 9 + 1),
    })
}

/// A tenant with these devices, which knows the few questions that the client asks.
async fn tenant(devices: Vec<Value>) -> Service {
    Service::signed_in(move |seen: &Seen, _| reply(seen, &devices)).await
}

fn reply(seen: &Seen, devices: &[Value]) -> Reply {
    let decoded = seen
        .target
        .replace("%28", "(")
        .replace("%29", ")")
        .replace("%2C", ",")
        .replace("%27", "'")
        .replace("%20", " ");
    let text = |device: &Value, key: &str| device[key].as_str().unwrap_or_default().to_owned();
    let list = |fits: &dyn Fn(&Value) -> bool| {
        let fitting: Vec<&Value> = devices.iter().filter(|device| fits(device)).collect();
        json(200, value!({ "value": fitting }))
    };
    if let Some((_, rest)) = decoded.split_once("startswith(computerDnsName,'") {
        let beginning = rest.split('\'').next().unwrap_or_default();
        list(&|device| text(device, "computerDnsName").starts_with(beginning))
    } else if let Some((_, rest)) = decoded.split_once("findbytag?tag=") {
        let tag = rest.split('&').next().unwrap_or_default();
        list(&|device| device["machineTags"].to_string().contains(tag))
    } else if decoded.contains("rbacGroupName eq") {
        json(
            400,
            value!({"error": {"code": "", "message": "no such property"}}),
        )
    } else if decoded.contains("id in (") {
        list(&|device| decoded.contains(&text(device, "id")))
    } else if let Some(id) = decoded.strip_prefix("/api/machines/") {
        match devices.iter().find(|device| text(device, "id") == id) {
            Some(device) => json(200, device.clone()),
            None => answer(404, ""),
        }
    } else {
        list(&|_| true)
    }
}

async fn resolve(
    service: &Service,
    selection: DeviceSelection,
) -> Result<Vec<Target>, TargetError> {
    resolve_targets(&service.client(), &selection).await
}

fn include(selectors: Vec<DeviceSelector>) -> DeviceSelection {
    DeviceSelection {
        include: selectors,
        ..DeviceSelection::default()
    }
}

fn name(text: &str) -> DeviceSelector {
    DeviceSelector::Name(text.to_owned())
}

fn labels(targets: &[Target]) -> Vec<String> {
    let label = |target: &Target| format!("{} ({})", target.label(), target.reason);
    targets.iter().map(label).collect()
}

#[tokio::test]
async fn each_device_is_in_once_with_the_first_selector_that_named_it() {
    let service = tenant(vec![
        device(1, "web-01.example.org", &["X"]),
        device(2, "web-02.example.org", &["X", "Y"]),
        device(3, "web-03.example.org", &["XY"]),
    ])
    .await;
    let selection = include(vec![
        DeviceSelector::Tag("X".to_owned()),
        name("WEB-02"),
        DeviceSelector::Id(id(3)),
        DeviceSelector::Group("servers".to_owned()),
    ]);
    let targets = resolve(&service, selection).await.expect("targets");
    assert_eq!(
        labels(&targets),
        [
            "web-01.example.org (tag X)",
            "web-02.example.org (tag X)",
            &format!("web-03.example.org (id {})", id(3)),
        ],
        "a longer tag is another tag"
    );
    assert_eq!(targets[1].tags, ["X", "Y"]);
    assert_eq!(targets[0].os.as_deref(), Some("Linux"));
}

#[tokio::test]
async fn of_several_bearers_of_a_name_the_living_one_is_meant_and_two_are_for_a_person() {
    let mut stale = device(1, "web-01.example.org", &[]);
    stale["healthStatus"] = value!("Inactive");
    let mut merged = device(2, "web-01.example.org", &[]);
    merged["mergedIntoMachineId"] = value!(id(3).as_str());
    let mut devices = vec![
        stale,
        merged,
        device(3, "web-01.example.org", &[]),
        device(4, "web-011.example.org", &[]),
    ];
    let service = tenant(devices.clone()).await;
    let targets = resolve(&service, include(vec![name("web-01")])).await;
    assert_eq!(targets.expect("one")[0].id, id(3));

    devices.push(device(5, "web-01.example.org", &[]));
    let service = tenant(devices).await;
    let error = resolve(&service, include(vec![name("web-01")])).await;
    let words = error.expect_err("two live").to_string();
    assert!(
        words.starts_with("`web-01` is the name of 3 devices: "),
        "{words}"
    );
    assert!(words.contains("last seen 2026-02-06T08:00:00Z"), "{words}");
}

#[tokio::test]
async fn whoever_is_excluded_is_out_whoever_selected_him() {
    let service = tenant(vec![
        device(1, "web-01.example.org", &["X"]),
        device(2, "web-02.example.org", &["X"]),
        device(3, "web-02.example.org", &["X"]),
        device(4, "web-04.example.org", &["X"]),
    ])
    .await;
    let selection = DeviceSelection {
        include: vec![
            DeviceSelector::Tag("X".to_owned()),
            DeviceSelector::Id(id(4)),
        ],
        exclude: vec![
            name("web-02"),
            name("gone-since-long"),
            DeviceSelector::File(TargetsFile {
                path: "not.txt".to_owned(),
                text: format!("nobody\n{}  # the last one\n", id(4)),
            }),
        ],
        ..DeviceSelection::default()
    };
    let targets = resolve(&service, selection).await.expect("targets");
    assert_eq!(
        labels(&targets),
        ["web-01.example.org (tag X)"],
        "both bearers of a name are out, and an unknown name hides no other line"
    );
}

#[tokio::test]
async fn a_file_names_its_lines() {
    let service = tenant(vec![
        device(1, "web-01.example.org", &[]),
        device(2, "web-02.example.org", &[]),
    ])
    .await;
    let file = |text: String| {
        include(vec![DeviceSelector::File(TargetsFile {
            path: "targets.txt".to_owned(),
            text,
        })])
    };
    let text = format!("\u{feff}# ours\n\nweb-02 # the second\r\n{}\n", id(1));
    let targets = resolve(&service, file(text)).await.expect("targets");
    assert_eq!(
        labels(&targets),
        [
            "web-02.example.org (targets.txt:3)",
            "web-01.example.org (targets.txt:4)"
        ]
    );
    let error = resolve(&service, file("web-01\nno device!\n".into())).await;
    assert_eq!(
        error.expect_err("line 2").to_string(),
        "targets.txt:2: `no device!` is neither a device id nor a device name"
    );
}

#[tokio::test]
async fn many_names_and_ids_cost_few_calls() {
    let devices: Vec<Value> = (1..=60)
        .map(|digit| device(digit, &format!("web-{digit:02}.example.org"), &[]))
        .collect();
    let service = tenant(devices).await;
    let names = (1..=40).map(|digit| name(&format!("web-{digit:02}")));
    let ids = (30..=60).map(|digit| DeviceSelector::Id(id(digit)));
    let selection = include(names.chain(ids).collect());
    assert_eq!(
        resolve(&service, selection).await.expect("targets").len(),
        60
    );
    assert_eq!(service.seen().len(), 2, "one list, one filter");
}

#[tokio::test]
async fn where_ids_are_no_filter_one_list_serves_two_hundred_devices() {
    let devices: Vec<Value> = (1..=300)
        .map(|digit| device(digit, &format!("m{digit}"), &[]))
        .collect();
    let service = Service::signed_in(move |seen: &Seen, _| {
        if seen.target.contains("filter") {
            let refusal = value!({"error": {"code": "", "message": "no such property"}});
            return json(400, refusal);
        }
        reply(seen, &devices)
    })
    .await;
    let ids: Vec<DeviceId> = (1..=200).map(id).collect();
    let ids: Vec<&DeviceId> = ids.iter().collect();
    let found = service.client().machines_by_id(&ids).await.expect("them");
    assert_eq!(found.len(), 200, "and not those that nobody asked for");
    let calls = service
        .seen()
        .iter()
        .filter(|seen| !seen.is_for_token())
        .count();
    assert!(calls <= 3, "{calls} calls: a filter, a chain, and the list");
}

#[tokio::test]
async fn what_can_t_be_is_said() {
    let service = tenant(vec![device(1, "web-01.example.org", &[])]).await;
    let rows = [
        (include(vec![name("web-09")]), "no device is named `web-09`"),
        (
            include(vec![DeviceSelector::Id(id(9))]),
            "the tenant has no device with the id 0000000000000000000000000000000000000009",
        ),
        (
            include(vec![DeviceSelector::Hunt("DeviceInfo".to_owned())]),
            "`hunt` needs a tenant with advanced hunting",
        ),
        (
            include(vec![DeviceSelector::Tag("none".to_owned())]),
            "the targets match no devices",
        ),
        (
            DeviceSelection {
                min: Some(2),
                max: Some(5),
                ..include(vec![name("web-01")])
            },
            "the targets match 1 device, but the playbook expects 2 to 5",
        ),
    ];
    for (selection, words) in rows {
        let error = resolve(&service, selection).await.expect_err(words);
        assert_eq!(error.to_string(), words);
        assert!(!error.next_step().is_empty());
    }
}
