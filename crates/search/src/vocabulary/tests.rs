//! What stored value sets and code systems mean.

use fhir::Resource;

use crate::limits::VALUE_SET_NESTING_MAX;

use super::*;

pub(super) const SYSTEM: &str = r#"{"resourceType":"CodeSystem","url":"http://s","status":"active","content":"complete",
"property":[{"code":"broader","uri":"http://hl7.org/fhir/concept-properties#parent","type":"code"},
            {"code":"class","type":"string"},{"code":"rank","type":"integer"}],
"concept":[{"code":"animal","concept":[
    {"code":"dog","display":"Dog","property":[{"code":"class","valueString":"mammal"}],"concept":[{"code":"pug"}]},
    {"code":"cat","property":[{"code":"class","valueString":"mammal"},{"code":"rank","valueInteger":2}]}]},
  {"code":"pet"},
  {"code":"goldfish","property":[{"code":"subsumedBy","valueCode":"pet"},{"code":"broader","valueCode":"animal"}]}]}"#;

pub(super) fn resource(text: &str) -> Resource {
    Resource::parse_slice(text.as_bytes()).unwrap()
}

/// All that a value set with this compose needs, of these stored resources.
pub(super) fn vocabulary(compose: &str, stored: &[(&str, &str)]) -> Vocabulary {
    let set = format!(r#"{{"resourceType":"ValueSet","status":"active",{compose}}}"#);
    let mut vocabulary = Vocabulary::new();
    let mut open = vocabulary.add(VocabularyNeed::ValueSet("it".to_owned()), Some(&resource(&set)));
    while let Some(need) = open.pop() {
        let found = stored.iter().find(|(name, _)| *name == need.name());
        open.extend(vocabulary.add(need, found.map(|(_, text)| resource(text)).as_ref()));
    }
    vocabulary
}

fn codes(set: &TokenSet) -> String {
    let of_system = |(system, codes): (&str, &Codes)| match codes {
        Codes::Only(codes) => format!("{system}: {}", codes.iter().cloned().collect::<Vec<_>>().join(" ")),
        Codes::AllBut(codes) => {
            format!("{system}: not {}", codes.iter().cloned().collect::<Vec<_>>().join(" "))
                .trim_end()
                .to_owned()
        }
    };
    set.systems().map(of_system).collect::<Vec<_>>().join("; ")
}

/// What a value set includes and excludes, and the codes that it holds.
pub(super) const COMPOSED: &[(&str, &str)] = &[
    (r#"[{"system":"http://s","concept":[{"code":"a"},{"code":"b"}]}]"#, "http://s: a b"),
    (
        r#"[{"system":"http://s"},{"system":"http://t","concept":[{"code":"x"}]}]"#,
        "http://s: not; http://t: x",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"concept","op":"is-a","value":"dog"}]}]"#,
        "http://s: dog pug",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"concept","op":"descendent-of","value":"animal"}]}]"#,
        "http://s: cat dog goldfish pug",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"concept","op":"is-not-a","value":"animal"}]}]"#,
        "http://s: pet",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"concept","op":"generalizes","value":"goldfish"}]}]"#,
        "http://s: animal goldfish pet",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"class","op":"=","value":"mammal"}]}]"#,
        "http://s: cat dog",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"class","op":"=","value":"mammal"},
                                        {"property":"rank","op":"=","value":"2"}]}]"#,
        "http://s: cat",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"code","op":"in","value":"pet, cat"}]}]"#,
        "http://s: cat pet",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"code","op":"not-in","value":"pet,cat,dog,pug"}]}]"#,
        "http://s: animal goldfish",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"code","op":"regex","value":"p.*"}]}]"#,
        "http://s: pet pug",
    ),
    (r#"[{"system":"http://s","filter":[{"property":"code","op":"regex","value":"p|c"}]}]"#, "http://s: "),
    (r#"[{"system":"http://s","filter":[{"property":"display","op":"=","value":"Dog"}]}]"#, "http://s: dog"),
    (
        r#"[{"system":"http://s","filter":[{"property":"parent","op":"=","value":"animal"}]}]"#,
        "http://s: cat dog goldfish",
    ),
    (
        r#"[{"system":"http://s","filter":[{"property":"rank","op":"exists","value":"true"}]}]"#,
        "http://s: cat",
    ),
    (r#"[{"valueSet":["http://vs"]}]"#, "http://s: cat dog"),
    (
        r#"[{"system":"http://s","concept":[{"code":"dog"},{"code":"pet"}],"valueSet":["http://vs"]}]"#,
        "http://s: dog",
    ),
    (
        r#"[{"system":"http://s"}],"exclude":[{"system":"http://s","concept":[{"code":"x"}]}]"#,
        "http://s: not x",
    ),
    (
        r#"[{"valueSet":["http://vs"]}],"exclude":[{"system":"http://s","filter":[{"property":"concept","op":"is-a","value":"dog"}]}]"#,
        "http://s: cat",
    ),
    ("[]", ""),
];

#[test]
fn a_value_set_holds_what_it_composes() {
    for (compose, expected) in COMPOSED {
        let other = r#"{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"http://s","concept":[{"code":"cat"},{"code":"dog"}]}]}}"#;
        let known = vocabulary(
            &format!(r#""compose":{{"include":{compose}}}"#),
            &[("http://s", SYSTEM), ("http://vs", other)],
        );
        assert_eq!(codes(&known.codes("it").unwrap()), *expected, "{compose}");
    }
}

#[test]
fn a_ready_expansion_is_taken_if_it_is_whole() {
    let contains = r#""contains":[{"system":"http://s","code":"a","abstract":true,"contains":[{"system":"http://s","code":"b"}]}]"#;
    let unknown = r#""compose":{"include":[{"system":"http://none","filter":[{"property":"concept","op":"is-a","value":"x"}]}]}"#;
    let whole = vocabulary(&format!(r#"{unknown},"expansion":{{"total":2,{contains}}}"#), &[]);
    assert_eq!(codes(&whole.codes("it").unwrap()), "http://s: b");
    let page = vocabulary(&format!(r#"{unknown},"expansion":{{"total":3,{contains}}}"#), &[]);
    assert_eq!(page.codes("it"), Err(VocabularyFault::NoCodeSystem));
}

#[test]
fn what_cannot_be_expanded_says_why() {
    let filtered = |operator: &str, value: &str| {
        format!(
            r#""compose":{{"include":[{{"system":"http://s","filter":[{{"property":"concept","op":"{operator}","value":"{value}"}}]}}]}}"#
        )
    };
    let empty = r#"{"resourceType":"CodeSystem","url":"http://s","status":"active","content":"not-present"}"#;
    for (compose, stored, fault) in [
        (filtered("is-a", "dog"), vec![], VocabularyFault::NoCodeSystem),
        (filtered("is-a", "dog"), vec![("http://s", empty)], VocabularyFault::NoCodes),
        (filtered("sounds-like", "dog"), vec![("http://s", SYSTEM)], VocabularyFault::Filter),
        (filtered("regex", "(("), vec![("http://s", SYSTEM)], VocabularyFault::Filter),
        (
            r#""compose":{"include":[{"valueSet":["http://none"]}]}"#.to_owned(),
            vec![],
            VocabularyFault::NoValueSet,
        ),
        (
            r#""compose":{"include":[{"valueSet":["it"]}]}"#.to_owned(),
            vec![],
            VocabularyFault::Limit("VALUE_SET_NESTING_MAX", VALUE_SET_NESTING_MAX),
        ),
    ] {
        assert_eq!(vocabulary(&compose, &stored).codes("it"), Err(fault), "{compose}");
    }
}

#[test]
fn a_value_set_may_be_as_large_as_the_limit_and_no_larger() {
    use crate::limits::VALUE_SET_CODES_MAX;
    let listed = |count: usize| {
        let concepts: Vec<String> = (0..count).map(|code| format!(r#"{{"code":"{code}"}}"#)).collect();
        let compose = format!(
            r#""compose":{{"include":[{{"system":"http://s","concept":[{}]}}]}}"#,
            concepts.join(",")
        );
        vocabulary(&compose, &[]).codes("it").map(|set| set.len())
    };
    assert_eq!(listed(VALUE_SET_CODES_MAX), Ok(VALUE_SET_CODES_MAX));
    let fault = VocabularyFault::Limit("VALUE_SET_CODES_MAX", VALUE_SET_CODES_MAX);
    assert_eq!(listed(VALUE_SET_CODES_MAX + 1), Err(fault));
}

#[test]
fn too_many_resources_are_too_costly() {
    let mut vocabulary = Vocabulary::new();
    for number in 0..=VOCABULARY_RESOURCES_MAX {
        let set = resource(r#"{"resourceType":"ValueSet","status":"active"}"#);
        vocabulary.add(VocabularyNeed::ValueSet(number.to_string()), Some(&set));
    }
    let last = VOCABULARY_RESOURCES_MAX - 1;
    assert!(vocabulary.codes(&last.to_string()).is_ok());
    let fault = VocabularyFault::Limit("VOCABULARY_RESOURCES_MAX", VOCABULARY_RESOURCES_MAX);
    assert_eq!(vocabulary.codes(&VOCABULARY_RESOURCES_MAX.to_string()), Err(fault));
}

#[test]
fn a_search_names_its_vocabulary() {
    let value_set = |name: &str| VocabularyNeed::ValueSet(name.to_owned());
    let code_system = |name: &str| VocabularyNeed::CodeSystem(name.to_owned());
    for (name, value, expected) in [
        ("code:in", "http://a|1,ValueSet/2", vec![value_set("ValueSet/2"), value_set("http://a|1")]),
        ("code:not-in", r"http://a\,b", vec![value_set("http://a,b")]),
        ("subject:Patient.code:below", "http://s|x,y", vec![code_system("http://s")]),
        ("_has:Observation:patient:code:above", "http://s|x", vec![code_system("http://s")]),
        ("code", "http://s|x", vec![]),
        (
            "_filter",
            "code in http://a and (code ss http://s|x or patient[gender ni http://b].name eq c)",
            vec![value_set("http://a"), value_set("http://b"), code_system("http://s")],
        ),
        ("_filter", "code in", vec![]),
    ] {
        let mut found = vocabulary_needed(&[(name, value)]);
        found.sort();
        assert_eq!(found, expected, "{name}={value}");
    }
}

#[test]
fn a_need_is_looked_for_by_address_or_by_id() {
    let parameters = ParameterSet::r4();
    let filter =
        |name: &str| VocabularyNeed::ValueSet(name.to_owned()).filter(&parameters, "http://here/r4/");
    for literal in ["ValueSet/1", "http://here/r4/ValueSet/1"] {
        assert!(matches!(filter(literal), Filter::Ids(ids) if ids[0].as_str() == "1"), "{literal}");
    }
    for address in ["http://a", "CodeSystem/1", "urn:oid:1.2"] {
        assert!(matches!(filter(address), Filter::Has(_, Test::Uri(UriTest::Is(_)))), "{address}");
    }
    assert!(matches!(filter("http://a|1"), Filter::And(both) if both.len() == 2));
}
