//! Page tokens: what was not sealed here, for this address, in this form, is refused.

use bytes::Bytes;
use proptest::prelude::*;

use super::{config, nasty, send, world};
use crate::door::World;

fn token(world: &World, path: &str) -> String {
    let next = world.get(&format!("{path}?_count=1")).link("next").unwrap();
    next.split("page=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_changed_token_opens(at in any::<usize>(), change in prop::char::range('!', '~'), history in any::<bool>()) {
        let world = world();
        world.put("Patient/1", &serde_json::json!({"resourceType": "Patient", "id": "1"}));
        let path = if history { "Patient/1/_history" } else { "Patient" };
        let token = token(&world, path);
        let mut changed: Vec<char> = token.chars().collect();
        let at = at % changed.len();
        if changed[at] != change && !matches!(change, '&' | '#' | '%' | '+' | ' ' | '"' | '<' | '>' | '`' | '{' | '}' | '^' | '|' | '\\') {
            changed[at] = change;
            let changed: String = changed.into_iter().collect();
            if let Some(answer) = send(&world, "GET", &format!("{path}?_count=1&page={changed}"), &[], Bytes::new()) {
                prop_assert_eq!(answer.status, 400, "{}", changed);
            }
        }
    }

    #[test]
    fn no_invented_token_opens(text in nasty(), path in prop::sample::select(vec!["Patient", "Patient/1/_history", "Observation", "_history"])) {
        let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
        if let Some(answer) = send(&world(), "GET", &format!("{path}?page={encoded}"), &[], Bytes::new()) {
            prop_assert!((400..500).contains(&answer.status), "{}", text);
        }
    }
}

#[test]
fn a_token_is_good_at_its_own_address_only() {
    let world = world();
    let token = token(&world, "Patient");
    assert_eq!(world.get(&format!("Patient?_count=1&page={token}")).status, 200);
    for path in ["Observation?_count=1", "Patient/1/_history?_count=1", "Patient?_count=2"] {
        assert_eq!(world.get(&format!("{path}&page={token}")).status, 400, "{path}");
    }
    for cut in 0..token.len() {
        assert_eq!(world.get(&format!("Patient?_count=1&page={}", &token[..cut])).status, 400, "{cut}");
    }
}
