//! What is done to a resource as a whole, once for each type.

use serde_json::{Value, json};

use super::chance::Chance;
use super::site::Site;

/// Whether this is the site that stands for the resource.
pub(super) fn once(site: &Site) -> bool {
    site.is_top() && site.name == "id" && site.parent.element("contained").is_some()
}

/// Whether this is the narrative of the resource.
pub(super) fn has_narrative(site: &Site) -> bool {
    site.is_top() && site.name == "text" && site.of() == "Narrative"
}

const NAMESPACE: &str = "xmlns=\"http://www.w3.org/1999/xhtml\"";

/// Narratives that are not allowed, each for one reason; `@` is the namespace.
const NARRATIVES: &[&str] = &[
    "<div @><script>a()</script></div>",
    "<div @><p onclick=\"a()\">a</p></div>",
    "<div @><form>a</form></div>",
    "<div @><iframe src=\"a\"/></div>",
    "<div @><p>a</div>",
    "<div @>a & b</div>",
    "<div @>a < b</div>",
    "<div @></div>",
    "<div @><p> </p></div>",
    "<p @>a</p>",
    "a",
    "<div>a</div>",
    "<div xmlns=\"http://example.org\">a</div>",
    "<div @>a</div><div @>b</div>",
    "<div @>a</div>b",
    "<div @><object data=\"a\"/>a</div>",
    "<div @><input type=\"text\"/>a</div>",
    "<div @><link href=\"a\"/>a</div>",
    "<div @><style>p {}</style>a</div>",
    "<div @><p class=a>a</p></div>",
    "<div @><video src=\"a\"/>a</div>",
    "<div @>&nope;</div>",
    "<!DOCTYPE html><div @>a</div>",
    "<div @><a href=\"javascript:a()\">a</a></div>",
    "<div @><p nope=\"a\">a</p></div>",
    "<div @><font color=\"red\">a</font></div>",
    "<div @><center>a</center></div>",
    "<DIV @>a</DIV>",
    "<html @><body>a</body></html>",
];

/// Puts a narrative in that is not allowed.
pub(super) fn break_narrative(root: &mut Value, site: &Site, chance: &mut Chance) -> bool {
    let Some(text) = site.value(root) else { return false };
    let narrative = chance.one_of(NARRATIVES).replace('@', NAMESPACE);
    match chance.below(10) {
        0 => *text = json!({ "status": "generated" }),
        1 => *text = json!({ "div": format!("<div {NAMESPACE}>a</div>") }),
        _ => *text = json!({ "status": "generated", "div": narrative }),
    }
    true
}

/// Names a type that R4 does not have, or none.
pub(super) fn break_resource_type(root: &mut Value, _: &Site, chance: &mut Chance) -> bool {
    let Some(members) = root.as_object_mut() else { return false };
    let before = members["resourceType"].as_str().unwrap_or_default().to_lowercase();
    match chance.below(5) {
        0 => drop(members.remove("resourceType")),
        1 => drop(members.insert("resourceType".to_owned(), json!("Nope"))),
        2 => drop(members.insert("resourceType".to_owned(), json!(before))),
        3 => drop(members.insert("resourceType".to_owned(), json!("DomainResource"))),
        _ => drop(members.insert("resourceType".to_owned(), json!(["Patient"]))),
    }
    true
}

/// Contains a resource in a way that is not allowed.
pub(super) fn break_contained(root: &mut Value, _: &Site, chance: &mut Chance) -> bool {
    let basic = |rest: Value| {
        let mut basic = json!({ "resourceType": "Basic", "id": "b", "code": { "text": "a" },
            "subject": { "reference": "#" } });
        let (Some(members), Value::Object(rest)) = (basic.as_object_mut(), rest) else { return basic };
        for (name, value) in rest {
            if value.is_null() {
                members.remove(&name)
            } else {
                members.insert(name, value)
            };
        }
        basic
    };
    let inner = json!({ "resourceType": "Basic", "id": "c", "code": { "text": "a" },
        "subject": { "reference": "#" } });
    let broken = [
        basic(json!({ "subject": null })),
        basic(json!({ "id": null })),
        basic(json!({ "contained": [inner] })),
        basic(json!({ "meta": { "versionId": "1" } })),
        basic(json!({ "meta": { "lastUpdated": "2020-01-01T00:00:00Z" } })),
        basic(json!({ "meta": { "security": [{ "system": "http://example.org", "code": "a" }] } })),
        basic(json!({ "resourceType": "Nope" })),
        basic(json!({ "resourceType": null })),
        basic(json!({ "code": null })),
        basic(json!({ "nope": 1 })),
        basic(json!({ "id": "a b" })),
        basic(json!({ "author": { "reference": "#nope" } })),
    ];
    let contained = chance.one_of(&broken).clone();
    root.as_object_mut()
        .is_some_and(|members| members.insert("contained".to_owned(), json!([contained])).is_none())
}

/// Gives two elements the same id.
pub(super) fn repeat_element_id(root: &mut Value, _: &Site, _: &mut Chance) -> bool {
    let extension =
        |value: &str| json!({ "id": "same", "url": "http://example.org/a", "valueString": value });
    root.as_object_mut().is_some_and(|members| {
        members.insert("extension".to_owned(), json!([extension("a"), extension("b")])).is_none()
    })
}
