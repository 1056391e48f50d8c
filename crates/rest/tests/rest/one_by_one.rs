//! A transaction does what its entries would do one by one, in the standard's order; and every reference between
//! its entries resolves.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::batch::{bundle, entry, statuses};
use crate::door::World;

/// One random entry of a transaction, over few names, so that they meet.
#[derive(Clone, Debug)]
enum Deed {
    Create { name: u8, refers: u8 },
    CreateUnless { name: u8 },
    Put { id: u8, name: u8, refers: u8 },
    PutWhere { name: u8, now: u8 },
    Patch { id: u8, name: u8 },
    Delete { id: u8 },
    DeleteWhere { name: u8 },
}

fn deed() -> impl Strategy<Value = Deed> {
    let (few, many) = (0..4_u8, 0..8_u8);
    prop_oneof![
        3 => (few.clone(), many.clone()).prop_map(|(name, refers)| Deed::Create { name, refers }),
        1 => few.clone().prop_map(|name| Deed::CreateUnless { name }),
        3 => (few.clone(), few.clone(), many).prop_map(|(id, name, refers)| Deed::Put { id, name, refers }),
        1 => (few.clone(), few.clone()).prop_map(|(name, now)| Deed::PutWhere { name, now }),
        1 => (few.clone(), few.clone()).prop_map(|(id, name)| Deed::Patch { id, name }),
        1 => few.clone().prop_map(|id| Deed::Delete { id }),
        1 => few.prop_map(|name| Deed::DeleteWhere { name }),
    ]
}

fn basic(name: u8, refers: Option<String>) -> Value {
    let mut json = json!({"resourceType": "Basic", "code": {"text": "x"},
        "identifier": [{"system": "urn:name", "value": name.to_string()}]});
    if let Some(refers) = refers {
        json["subject"] = json!({"reference": refers});
    }
    json
}

impl Deed {
    /// As an entry; `refers` says what stands for the entry of a number.
    fn entry(&self, refers: impl Fn(u8) -> Option<String>) -> Value {
        match self {
            Deed::Create { name, refers: to } => entry("POST Basic", basic(*name, refers(*to))),
            Deed::CreateUnless { name } => {
                let mut made = entry("POST Basic", basic(*name, None));
                made["request"]["ifNoneExist"] = format!("identifier=urn:name|{name}").into();
                made
            }
            Deed::Put { id, name, refers: to } => {
                let mut resource = basic(*name, refers(*to));
                resource["id"] = format!("r{id}").into();
                entry(&format!("PUT Basic/r{id}"), resource)
            }
            Deed::PutWhere { name, now } => {
                entry(&format!("PUT Basic?identifier=urn:name|{name}"), basic(*now, None))
            }
            Deed::Patch { id, name } => {
                let patch =
                    json!([{"op": "replace", "path": "/identifier/0/value", "value": name.to_string()}]);
                let data =
                    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, patch.to_string());
                let binary = json!({"resourceType": "Binary", "contentType": "application/json-patch+json",
                    "data": data});
                entry(&format!("PATCH Basic/r{id}"), binary)
            }
            Deed::Delete { id } => entry(&format!("DELETE Basic/r{id}"), Value::Null),
            Deed::DeleteWhere { name } => {
                entry(&format!("DELETE Basic?identifier=urn:name|{name}"), Value::Null)
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Deed::Delete { .. } | Deed::DeleteWhere { .. } => 0,
            Deed::Create { .. } | Deed::CreateUnless { .. } => 1,
            _ => 2,
        }
    }
}

/// What stands, whatever ids the server chose: how often each name stands under each id of a client's choice.
fn standing(world: &World) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for entry in world.get("Basic?_count=100").json()["entry"].as_array().cloned().unwrap_or_default() {
        let resource = &entry["resource"];
        let id = resource["id"].as_str().unwrap();
        let id = if id.len() == 2 { id } else { "any" };
        let name = &resource["identifier"][0]["value"];
        let version = &resource["meta"]["versionId"];
        *all.entry(format!("{id} {name} {version}")).or_default() += 1;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_transaction_is_its_entries_one_by_one(
        before in prop::collection::vec((0..4_u8, 0..4_u8), 0..4),
        deeds in prop::collection::vec(deed(), 1..6),
    ) {
        let (together, apart) = (World::open(), World::open());
        for world in [&together, &apart] {
            for (id, name) in &before {
                let mut resource = basic(*name, None);
                resource["id"] = format!("r{id}").into();
                let made = world.put(&format!("Basic/r{id}"), &resource);
                prop_assert!(made.status < 300);
            }
        }
        let urn = |number: u8| (usize::from(number) < deeds.len()
            && !matches!(deeds[usize::from(number)].rank(), 0)
            && !matches!(deeds[usize::from(number)], Deed::Patch { .. }))
            .then(|| format!("urn:uuid:{number}"));
        let entries: Vec<Value> = deeds.iter().enumerate().map(|(number, deed)| {
            let mut entry = deed.entry(urn);
            entry["fullUrl"] = format!("urn:uuid:{number}").into();
            entry
        }).collect();
        let start = standing(&together);
        let answer = together.post("", &bundle("transaction", &entries));
        if answer.status != 200 {
            prop_assert!((400..500).contains(&answer.status), "{}", answer.json());
            prop_assert_eq!(standing(&together), start, "a refused transaction leaves everything as it was");
            return Ok(());
        }
        let mut in_order: Vec<&Deed> = deeds.iter().collect();
        in_order.sort_by_key(|deed| deed.rank());
        for deed in in_order {
            let one = apart.post("", &bundle("batch", &[deed.entry(|_| None)]));
            let status: u16 = statuses(&one).parse().unwrap();
            prop_assert!(status < 300, "{deed:?} {}", one.json());
        }
        prop_assert_eq!(standing(&together), standing(&apart));
        for found in together.get("Basic?_count=100").json()["entry"].as_array().cloned().unwrap_or_default() {
            if let Some(reference) = found["resource"]["subject"]["reference"].as_str() {
                let status = together.get(reference).status;
                prop_assert!(status == 200, "{reference} {status}");
            }
        }
    }

    /// Whatever a Bundle holds, it is answered.
    #[test]
    fn no_bundle_breaks_anything(
        kind in prop::sample::select(vec!["batch", "transaction"]),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, "[\\[\\]{}\",:a0_\\\\ ?/#|$&=%]{0,3}"), 1..5),
    ) {
        let world = World::open();
        let entries = [
            json!({"fullUrl": "urn:uuid:1", "resource": basic(1, Some("urn:uuid:2#a".into())),
                "request": {"method": "POST", "url": "Basic", "ifNoneExist": "identifier=urn:name|1"}}),
            json!({"fullUrl": "urn:uuid:2", "resource": basic(2, Some("Basic?identifier=urn:name|9".into())),
                "request": {"method": "PUT", "url": "Basic?identifier=2", "ifMatch": "W/\"1\""}}),
            entry("GET Basic?identifier=1&_include=*&_sort=-_id", Value::Null),
        ];
        let mut text = bundle(kind, &entries).to_string();
        for (at, length, new) in cuts {
            let at = at.index(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &new);
        }
        let answer = world.ask("POST ", &[], &text);
        prop_assert!(answer.status == 200 || (400..500).contains(&answer.status), "{text}");
        let json = answer.json();
        prop_assert!(json["resourceType"] == "Bundle" || json["resourceType"] == "OperationOutcome");
    }
}
