//! Machines and hunting (API notes 8.1 to 8.5).

use serde_json::{Value, json};
use svar_emulator::{Device, Fleet, Scenario};

use super::{quiet, text, with};

fn tagged() -> Scenario {
    let device = |name: &str, tags: &[&str]| Device {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..Device::named(name, "Linux")
    };
    Scenario {
        devices: vec![
            device("web-01.example.org", &["Web", "X"]),
            device("web-011.example.org", &["web-old"]),
            device("o'brien.example.org", &[]),
        ],
        ..quiet()
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|machine| text(machine, "computerDnsName"))
        .collect()
}

facts! {
    "8.1" machines_by_id_and_name: "GET accepts the id, the full name or the first label of the name; an unknown machine is 404.", quiet(), |world| {
        let id = world.machine("lin-01").await;
        assert_eq!(world.machine("LIN-01.example.org").await, id);
        assert_eq!(world.machine(&id.to_uppercase()).await, id);
        assert_eq!(world.get("/api/machines/lin").await.expect(404).code(), "ResourceNotFound");
    }
    "8.2" machine_filters: "Machine filters double quotes; `startswith` also matches longer names; no match is an empty list.", tagged(), |world| {
        for (filter, expected) in [
            ("startswith(computerDnsName,'web-01')", vec!["web-01.example.org", "web-011.example.org"]),
            ("computerDnsName eq 'web-01.example.org'", vec!["web-01.example.org"]),
            ("computerDnsName eq 'o''brien.example.org'", vec!["o'brien.example.org"]),
            ("machineTags eq 'x'", vec!["web-01.example.org"]),
            ("osPlatform eq 'Linux' and healthStatus eq 'Active' and not startswith(computerDnsName,'web')", vec!["o'brien.example.org"]),
            ("rbacGroupId eq 0 and lastSeen gt 2020-01-01T00:00:00Z and riskScore ne 'High'", vec!["web-01.example.org", "web-011.example.org", "o'brien.example.org"]),
            ("osPlatform eq 'Windows11'", vec![]),
        ] {
            let list = world.get(&format!("/api/machines?$filter={filter}")).await.expect(200).json();
            assert_eq!(names(&list), expected, "{filter}");
        }
    }
    "8.2" machine_pages: "Machine lists are paged by absolute links with `$skip`.", Scenario {
        fleets: vec![Fleet { count: 5, name: "pc-{n}.example.org".to_owned(), ..Fleet::default() }],
        devices: Vec::new(),
        ..with(|settings| settings.default_page_size = Some(2))
    }, |world| {
        let mut path = "/api/machines".to_owned();
        let mut seen = Vec::new();
        loop {
            let page = world.get(&path).await.expect(200).json();
            seen.extend(names(&page).iter().map(|name| (*name).to_owned()));
            match page.get("@odata.nextLink") {
                Some(next) => path = next.as_str().unwrap().strip_prefix(&world.base).unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, (1..=5).map(|n| format!("pc-{n}.example.org")).collect::<Vec<_>>());
    }
    "8.2" no_machines_at_all: "A tenant without machines is 404 `ResourceNotFound`.", Scenario { devices: Vec::new(), ..quiet() }, |world| {
        assert_eq!(world.get("/api/machines").await.expect(404).code(), "ResourceNotFound");
    }
    "8.3" machine_fields: "A machine has the documented fields and types.", quiet(), |world| {
        let machine = world.get("/api/machines/lin-01").await.json();
        assert_eq!(text(&machine, "id").len(), 40);
        assert_eq!(machine["osPlatform"], "Linux");
        assert_eq!(machine["onboardingStatus"], "Onboarded");
        assert_eq!(machine["healthStatus"], "Active");
        assert!(machine["rbacGroupId"].is_i64());
        assert!(machine["machineTags"].is_array());
        assert!(text(&machine, "lastSeen").ends_with('Z'));
        assert!(machine["ipAddresses"][0]["ipAddress"].is_string());
    }
    "8.4" machines_by_tag: "`findbytag` accepts a tag or its beginning; a flag other than true or false is 400.", tagged(), |world| {
        let list = world.get("/api/machines/findbytag?tag=web&useStartsWithFilter=false").await.expect(200).json();
        assert_eq!(names(&list), ["web-01.example.org"]);
        let list = world.get("/api/machines/findbytag?tag=web&useStartsWithFilter=true").await.json();
        assert_eq!(names(&list), ["web-01.example.org", "web-011.example.org"]);
        assert_eq!(world.get("/api/machines/findbytag").await.expect(400).code(), "MissingRequiredParameter");
        for flag in ["True", "FALSE"] {
            world.get(&format!("/api/machines/findbytag?tag=web&useStartsWithFilter={flag}")).await.expect(200);
        }
        for flag in ["maybe", "1", ""] {
            let answer = world.get(&format!("/api/machines/findbytag?tag=web&useStartsWithFilter={flag}")).await.expect(400);
            assert_eq!(answer.code(), "InvalidInput", "{flag}");
        }
    }
    "8.5" canned_hunts: "A hunting query in the scenario is answered with schema and rows.", Scenario {
        hunting_results: [("DeviceInfo | take 1".to_owned(), vec![json!({"DeviceId": "0f3c"}).as_object().unwrap().clone()])].into(),
        ..quiet()
    }, |world| {
        let answer = world.post("/api/advancedqueries/run", json!({"Query": "DeviceInfo\n| take  1"})).await.expect(200).json();
        assert_eq!(answer, json!({"Schema": [{"Name": "DeviceId", "Type": "String"}], "Results": [{"DeviceId": "0f3c"}]}));
        world.post("/api/advancedqueries/run", json!({"Query": "other"})).await.expect(400);
    }
    "8.2" machine_queries_are_refused_alike: "An invalid query on machines gets the query parser's form of error too.", tagged(), |world| {
        for query in ["$filter=nonsense eq 'x'", "$filter=lastSeen gt 'x'", "$top=10001", "$stop=1", "$filter=machineTags gt 'x'", "$filter=rbacGroupId eq 'x'"] {
            let answer = world.get(&format!("/api/machines?{query}")).await.expect(400).json();
            assert_eq!(answer["error"]["code"], "", "{query}");
        }
    }
    "8.4" tags_nobody_has: "A tag without devices is an empty list.", tagged(), |world| {
        assert_eq!(world.get("/api/machines/findbytag?tag=none").await.expect(200).json()["value"], json!([]));
    }
    "8.5" bad_hunts: "A hunting request without a query, or that is not JSON, is 400.", quiet(), |world| {
        assert_eq!(world.post("/api/advancedqueries/run", json!({})).await.expect(400).code(), "MissingRequiredParameter");
        let url = format!("{}/api/advancedqueries/run", world.base);
        let answer = world.send(world.http.post(url).bearer_auth(&world.token).body("{")).await.expect(400);
        assert_eq!(answer.code(), "InvalidRequestBody");
    }
}
