//! That `$expand` and `$validate-code` mean what `:in` means, and the limits of all three.

use super::tests::{COMPOSED, SYSTEM, resource, vocabulary};
use super::*;
use crate::limits::{EXPANSION_DEPTH_MAX, VALUE_SET_NESTING_MAX, VALUE_SET_WORK_MAX};

/// Everything that a value set needs, of these stored resources, when its codes are shown.
fn shown(compose: &str, stored: &[(&str, &str)]) -> Vocabulary {
    let set = format!(r#"{{"resourceType":"ValueSet","status":"active",{compose}}}"#);
    let mut vocabulary = Vocabulary::shown();
    let mut open = vocabulary.add(VocabularyNeed::ValueSet("it".to_owned()), Some(&resource(&set)));
    open.push(VocabularyNeed::CodeSystem("http://s".to_owned()));
    while let Some(need) = open.pop() {
        let found = stored.iter().find(|(name, _)| *name == need.name());
        open.extend(vocabulary.add(need, found.map(|(_, text)| resource(text)).as_ref()));
    }
    vocabulary
}

const OTHER: &str = r#"{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"http://s","concept":[{"code":"cat"},{"code":"dog"}]}]}}"#;

#[test]
fn an_expansion_lists_what_a_search_finds_and_validation_allows() {
    for (compose, _) in COMPOSED {
        let compose = format!(r#""compose":{{"include":{compose}}}"#);
        let stored = [("http://s", SYSTEM), ("http://vs", OTHER)];
        let set = vocabulary(&compose, &stored).codes("it").unwrap();
        let known = shown(&compose, &stored);
        let all = CodeSystem::read(resource(SYSTEM).root()).unwrap();
        let expansion = match known.expand("it", &ExpansionAsked::default()) {
            Ok(expansion) => expansion,
            // A code system of which nothing is known cannot be listed.
            Err(error) => {
                assert_eq!(error.name, "http://t", "{compose}");
                continue;
            }
        };
        let listed: Vec<&str> = expansion.contains.iter().map(|code| code.code).collect();
        assert_eq!((expansion.total, expansion.is_nested), (listed.len(), false), "{compose}");
        for number in 0..all.len() as u32 {
            let code = all.concept(number).code();
            let is_in = set.contains(Some("http://s"), Some(code));
            assert_eq!(listed.contains(&code), is_in, "{compose}: {code}");
            let coded =
                Coded { system: "http://s", version: None, code, display: None, is_abstract_allowed: true };
            let checked = known.check_in_value_set("it", &coded).unwrap();
            assert_eq!(checked.is_valid, is_in, "{compose}: {code}");
        }
    }
}

/// Filters, and the codes that pass.
const FILTERS: &[(&str, &str, &str, &str)] = &[
    ("concept", "is-a", "animal", "animal dog pug cat goldfish"),
    ("code", "is-a", "none", ""),
    ("concept", "descendent-of", "dog", "pug"),
    ("concept", "is-not-a", "animal", "pet"),
    ("concept", "generalizes", "pug", "animal dog pug"),
    ("code", "=", "cat", "cat"),
    ("display", "=", "Dog", "dog"),
    ("class", "=", "mammal", "dog cat"),
    ("parent", "=", "animal", "dog cat goldfish"),
    ("broader", "=", "pet", "goldfish"),
    ("child", "=", "pug", "dog"),
    ("code", "in", "pug, none,cat", "pug cat"),
    ("class", "not-in", "mammal,fish", "animal pug pet goldfish"),
    ("code", "regex", "[dp].g", "dog pug"),
    ("code", "regex", "p", ""),
    ("rank", "exists", "true", "cat"),
    ("class", "exists", "false", "animal pug pet goldfish"),
    ("parent", "exists", "false", "animal pet"),
    ("nothing", "=", "x", ""),
];

#[test]
fn every_filter_chooses_concepts() {
    let system = CodeSystem::read(resource(SYSTEM).root()).unwrap();
    for (property, operator, value, expected) in FILTERS {
        let filter = value_set::ConceptFilter {
            property: (*property).to_owned(),
            operator: (*operator).to_owned(),
            value: (*value).to_owned(),
        };
        let found = system.select(&filter).unwrap();
        let codes: Vec<&str> = found.iter().map(|number| system.concept(number).code()).collect();
        assert_eq!(codes.join(" "), *expected, "{property} {operator} {value}");
    }
}

#[test]
fn a_circle_of_concepts_has_an_end() {
    let circle = r#"{"resourceType":"CodeSystem","url":"http://s","status":"active","content":"complete","concept":[
        {"code":"a","property":[{"code":"parent","valueCode":"b"}]},
        {"code":"b","property":[{"code":"parent","valueCode":"a"}],"concept":[{"code":"c"}]}]}"#;
    let known = shown(r#""compose":{"include":[{"system":"http://s"}]}"#, &[("http://s", circle)]);
    let asked = ExpansionAsked { is_nested: true, ..ExpansionAsked::default() };
    let expansion = known.expand("it", &asked).unwrap();
    assert_eq!((expansion.total, expansion.contains.len()), (3, 1));
    let system = known.code_system("http://s").unwrap();
    let find = |code: &str| system.find(code).unwrap();
    assert_eq!(system.subsumption(find("a"), find("c")), Subsumption::Subsumes);
}

/// How deep codes stand below codes.
fn depth(codes: &[ExpandedCode<'_>]) -> usize {
    codes.iter().map(|code| 1 + depth(&code.contains)).max().unwrap_or_default()
}

#[test]
fn codes_stand_no_deeper_than_the_limit() {
    let concept = |number: usize| {
        let parent = number.saturating_sub(1);
        format!(r#"{{"code":"{number}","property":[{{"code":"parent","valueCode":"{parent}"}}]}}"#)
    };
    for (count, expected) in
        [(EXPANSION_DEPTH_MAX + 1, EXPANSION_DEPTH_MAX + 1), (20_000, EXPANSION_DEPTH_MAX + 1)]
    {
        let concepts: Vec<String> = (0..count).map(concept).collect();
        let chain = format!(
            r#"{{"resourceType":"CodeSystem","url":"http://s","status":"active","content":"complete","concept":[{}]}}"#,
            concepts.join(",")
        );
        let known = shown(r#""compose":{"include":[{"system":"http://s"}]}"#, &[("http://s", &chain)]);
        let asked = ExpansionAsked { is_nested: true, ..ExpansionAsked::default() };
        let expansion = known.expand("it", &asked).unwrap();
        assert_eq!((expansion.total, depth(&expansion.contains)), (count, expected));
    }
}

/// Value sets that import each other twice, again and again, took for ever.
#[test]
fn value_sets_that_fan_out_end() {
    let sets: Vec<(String, String)> = (1..=14)
        .map(|number| {
            let part = format!(r#"{{"valueSet":["http://v/{}"]}}"#, number + 1);
            let parts = vec![part; 8].join(",");
            let text = format!(
                r#"{{"resourceType":"ValueSet","status":"active","compose":{{"include":[{parts}]}}}}"#
            );
            (format!("http://v/{number}"), text)
        })
        .collect();
    let mut stored: Vec<(&str, &str)> =
        sets.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    stored.push(("http://v/15", OTHER));
    let known = shown(r#""compose":{"include":[{"valueSet":["http://v/1"]}]}"#, &stored);
    let error = known.expand("it", &ExpansionAsked::default()).unwrap_err();
    assert_eq!(error.fault, VocabularyFault::Limit("VALUE_SET_WORK_MAX", VALUE_SET_WORK_MAX));
    assert_eq!(known.codes("it").unwrap().len(), 2);
}

#[test]
fn concept_maps_that_name_one_another_end() {
    let map = r#"{"resourceType":"ConceptMap","url":"http://m","status":"active","group":[{"source":"http://s","target":"http://t",
        "element":[],"unmapped":{"mode":"other-map","url":"http://m"}}]}"#;
    let mut known = Vocabulary::new();
    known.add(VocabularyNeed::ConceptMap("http://m".to_owned()), Some(&resource(map)));
    let asked = TranslationAsked {
        system: "http://s",
        version: None,
        code: "a",
        source: None,
        target: None,
        target_system: None,
        is_reverse: false,
        dependencies: &[],
    };
    let fault = VocabularyFault::Limit("VALUE_SET_NESTING_MAX", VALUE_SET_NESTING_MAX);
    assert_eq!(known.translate("http://m", &asked).unwrap_err().fault, fault);
}

#[test]
fn every_code_system_of_the_standard_can_be_shown() {
    let url = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let compose = format!(r#""compose":{{"include":[{{"system":"{url}"}}]}}"#);
    let known = shown(&compose, &[]);
    let expansion =
        known.expand("it", &ExpansionAsked { is_nested: true, ..ExpansionAsked::default() }).unwrap();
    assert!(expansion.total > 1000 && expansion.contains.len() < 100);
    let system = known.code_system(url).unwrap();
    let ambulatory = system.find("AMB").unwrap();
    assert_eq!((ambulatory.display(), ambulatory.is_abstract()), (Some("ambulatory"), false));
    assert!(ambulatory.parents().all(Concept::is_abstract));
}
