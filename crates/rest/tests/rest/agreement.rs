//! The same requests by chance, answered from memory and from disk: what clients see does not depend on where data
//! stores lie.

mod searches;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::door::{Answer, World};

/// Chance that repeats itself (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((word ^ (word >> 31)) % sides as u64).unwrap()
    }

    fn pick<'t>(&mut self, among: &[&'t str]) -> &'t str {
        among[self.below(among.len())]
    }
}

/// A request: the line, headers, the body.
type Request = (String, Vec<(&'static str, String)>, String);

fn request(dice: &mut Dice) -> Request {
    let id = dice.pick(&["1", "2", "3"]).to_owned();
    let number = dice.pick(&["a", "b", "c", "d"]);
    let criteria = match dice.below(4) {
        0 => format!("_id={id}"),
        1 => format!("_id={id}&_tag=t"),
        _ => format!("identifier=http://mrn%7C{number}"),
    };
    let mut body =
        json!({"resourceType": "Patient", "identifier": [{"system": "http://mrn", "value": number}]});
    if dice.below(2) == 0 {
        body["meta"] = json!({"tag": [{"code": "t"}]});
    }
    let mut headers = match dice.below(6) {
        0 => vec![("if-match", format!("W/\"{}\"", 1 + dice.below(4)))],
        1 => vec![("if-none-match", "*".to_owned())],
        _ => Vec::new(),
    };
    let line = match dice.below(16) {
        0 => {
            headers = vec![("if-none-exist", criteria)];
            "POST Patient".to_owned()
        }
        1 => {
            let key = format!("0b2c3d4e-0000-4000-8000-00000000000{}", dice.below(3));
            headers = vec![("x-amz-fhir-idempotency-key", key)];
            "POST Patient".to_owned()
        }
        2 | 3 => {
            body = with_id(body, &id);
            format!("PUT Patient/{id}")
        }
        4 | 5 => {
            body = if dice.below(2) == 0 { with_id(body, &id) } else { body };
            format!("PUT Patient?{criteria}")
        }
        6 | 7 => {
            let path =
                if dice.below(2) == 0 { format!("Patient/{id}") } else { format!("Patient?{criteria}") };
            headers.push(("content-type", "application/json-patch+json".to_owned()));
            body = json!([{"op": dice.pick(&["add", "replace"]), "path": "/gender", "value": "other"}]);
            format!("PATCH {path}")
        }
        8 => format!("DELETE Patient/{id}"),
        9 => format!("DELETE Patient?{criteria}"),
        10 => {
            headers.clear();
            format!("DELETE Patient?{criteria}&_count={}", 1 + dice.below(3))
        }
        11 => format!("GET Patient/{id}/_history?_count={}", 1 + dice.below(4)),
        12 => format!(
            "GET {}_history?_at=2026-11-23T00:00:{:02}Z",
            dice.pick(&["", "Patient/"]),
            dice.below(60)
        ),
        13 => format!("GET Patient/{id}"),
        14 => format!("GET Patient?{criteria}&_total=accurate"),
        _ => {
            headers.clear();
            body = bundle(dice, &criteria, &body, &with_id(body.clone(), &id));
            "POST ".to_owned()
        }
    };
    if !line.starts_with("PATCH") {
        headers.push(("content-type", "application/fhir+json".to_owned()));
    }
    let is_write = line.starts_with('P');
    (line, headers, if is_write { body.to_string() } else { String::new() })
}

fn with_id(mut body: Value, id: &str) -> Value {
    body["id"] = json!(id);
    body
}

/// A Bundle that creates `created` unless the criteria find something, and updates `updated`.
fn bundle(dice: &mut Dice, criteria: &str, created: &Value, updated: &Value) -> Value {
    let entry = |end: char, resource: &Value, request: Value| {
        let full_url = format!("urn:uuid:0b2c3d4e-0000-4000-8000-00000000000{end}");
        json!({"fullUrl": full_url, "resource": resource, "request": request})
    };
    let url = format!("Patient/{}", updated["id"].as_str().unwrap_or_default());
    json!({"resourceType": "Bundle", "type": dice.pick(&["batch", "transaction"]), "entry": [
        entry('9', created, json!({"method": "POST", "url": "Patient", "ifNoneExist": criteria})),
        entry('a', updated, json!({"method": "PUT", "url": url})),
    ]})
}

/// What a client sees, but for what is sealed or random.
fn seen(answer: &Answer) -> (u16, Vec<String>, Value) {
    let header = |headers: &HeaderMap, name| headers.get(name).map(|value| format!("{name}: {value:?}"));
    let names = ["etag", "location", "last-modified", "content-type"];
    let headers = names.iter().filter_map(|name| header(&answer.headers, *name)).collect();
    let mut body = answer.json();
    for link in body["link"].as_array_mut().into_iter().flatten() {
        link["url"] = Value::Null;
    }
    (answer.status, headers, body)
}

#[test]
fn answers_do_not_depend_on_where_the_data_lies() {
    for seed in 1..=4 {
        let folder = tempfile::tempdir().unwrap();
        let worlds = [World::open(), World::on_disk(folder.path())];
        let mut dice = Dice(seed);
        let mut statuses = std::collections::BTreeSet::new();
        for step in 0..400 {
            let (line, headers, body) = request(&mut dice);
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let [memory, disk] = worlds.each_ref().map(|world| seen(&world.ask(&line, &headers, &body)));
            assert_eq!(memory, disk, "seed {seed}, step {step}: {line} {headers:?} {body}");
            statuses.insert(memory.0);
            let forward = [0, 10, 500][dice.below(3)];
            worlds.iter().for_each(|world| world.clock.advance_ms(forward));
        }
        for status in [200, 201, 204, 404, 409, 410, 412] {
            assert!(statuses.contains(&status), "{status} among {statuses:?}");
        }
    }
}
