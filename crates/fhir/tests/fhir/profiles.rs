//! Snapshots made of differentials are those that the guides publish, but for listed differences.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use fhir::Resource;
use fhir::profile::{
    Binding, DefinitionSource, Element, Pool, SnapshotError, StandardDefinitions, StructureDefinition,
    TypeRule, generate, standard_definition,
};

use proptest::prelude::*;

const STANDARD: &str = include_str!("../../data/profiles.ndjson");

/// What is put into strings of definitions to damage them.
const PUTS: &[&str] =
    &["x", ":", ":a", ".", ".extension", "/", "[x]", "value[x]", "#", "|1", "0", "Patient.", "-"];

const DIFFERENCES: &str = include_str!("../data/snapshot-differences.txt");

/// A package: its name with its version, what it depends on, and its definitions by URL.
struct Guide {
    name: String,
    needs: Vec<String>,
    definitions: BTreeMap<String, Arc<StructureDefinition>>,
}

/// The guides, each with what it depends on; snapshots are made of differentials only.
struct Guides<'a> {
    scope: Vec<&'a Guide>,
    made: HashMap<String, Arc<StructureDefinition>>,
    pool: Pool,
}

impl DefinitionSource for Guides<'_> {
    fn definition(&mut self, canonical: &str) -> Result<Option<Arc<StructureDefinition>>, SnapshotError> {
        let url = canonical.split('|').next().unwrap();
        if let Some(made) = self.made.get(url) {
            return Ok(Some(Arc::clone(made)));
        }
        let Some(found) = self.scope.iter().find_map(|guide| guide.definitions.get(url)) else {
            return Ok(standard_definition(url));
        };
        let snapshot = generate_of(&Arc::clone(found), self)?;
        let made = Arc::new(StructureDefinition { snapshot, ..(**found).clone() });
        self.made.insert(url.to_owned(), Arc::clone(&made));
        Ok(Some(made))
    }
}

fn generate_of(
    definition: &StructureDefinition,
    guides: &mut Guides<'_>,
) -> Result<Vec<Arc<Element>>, SnapshotError> {
    let mut pool = std::mem::take(&mut guides.pool);
    let made = generate(definition, guides, &mut pool);
    guides.pool = pool;
    made
}

/// Where published guides are, if they are here.
pub(crate) fn folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "only a test asks where its data lies")]
    let told = std::env::var("TARN_TESTDATA");
    told.map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/testdata"),
        PathBuf::from,
    )
    .join("igs")
}

fn guides() -> Vec<Guide> {
    let Ok(files) = std::fs::read_dir(folder()) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().filter(|path| path.extension().is_some_and(|of| of == "tgz")).map(guide).collect()
}

fn guide(path: &PathBuf) -> Guide {
    let file = std::fs::File::open(path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let mut guide = Guide { name: String::new(), needs: Vec::new(), definitions: BTreeMap::new() };
    let mut pool = Pool::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let Some(name) = path.to_str().and_then(|path| path.strip_prefix("package/")) else { continue };
        let mut bytes = Vec::new();
        if name == "package.json" {
            entry.read_to_end(&mut bytes).unwrap();
            let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            guide.name = format!("{}#{}", text(&json["name"]), text(&json["version"]));
            let needs = json["dependencies"].as_object().into_iter().flatten();
            guide.needs = needs.map(|(name, version)| format!("{name}#{}", text(version))).collect();
        } else if name.starts_with("StructureDefinition-") && name.ends_with(".json") {
            entry.read_to_end(&mut bytes).unwrap();
            let resource = Resource::parse(bytes).unwrap();
            let definition = StructureDefinition::read(&resource, &mut pool).unwrap();
            guide.definitions.insert(definition.url.to_string(), Arc::new(definition));
        }
    }
    guide
}

fn scope<'a>(of: &'a Guide, all: &'a [Guide]) -> Vec<&'a Guide> {
    let mut scope = vec![of];
    let mut at = 0;
    while at < scope.len() {
        let found = all.iter().filter(|guide| scope[at].needs.contains(&guide.name));
        let new: Vec<&Guide> = found.filter(|new| scope.iter().all(|known| known.name != new.name)).collect();
        scope.extend(new);
        at += 1;
    }
    scope
}

fn types(types: &[TypeRule]) -> Vec<String> {
    let text = |of: &TypeRule| {
        let list = |list: &[Arc<str>]| {
            let mut list: Vec<&str> = list
                .iter()
                .map(|url| url.trim_end_matches("|4.0.1"))
                .filter(|url| !url.ends_with("StructureDefinition/Resource"))
                .collect();
            list.sort_unstable();
            list.join(",")
        };
        format!(
            "{}<{}>({}){:?}{:?}",
            of.code,
            list(&of.profiles),
            list(&of.targets),
            of.aggregation,
            of.versioning
        )
    };
    let mut all: Vec<String> = types.iter().map(text).collect();
    all.sort();
    all
}

fn binding(of: &Option<Binding>) -> Option<String> {
    let of = of.as_ref()?;
    let set = of.value_set.as_deref().unwrap_or_default().trim_end_matches("|4.0.1");
    Some(format!("{:?} {set}", of.strength))
}

/// What differs between two elements: the member, what was published, what was made.
fn differences(published: &Element, made: &Element) -> Vec<(&'static str, String, String)> {
    let keys = |of: &Element| of.constraints.iter().map(|one| one.key.to_string()).collect::<BTreeSet<_>>();
    let mut found = Vec::new();
    let mut compare = |name, published: String, made: String| {
        if published != made {
            found.push((name, published, made));
        }
    };
    compare("min", format!("{:?}", published.min), format!("{:?}", made.min));
    compare("max", format!("{:?}", published.max), format!("{:?}", made.max));
    compare("type", format!("{:?}", types(&published.types)), format!("{:?}", types(&made.types)));
    compare("content", format!("{:?}", published.content_reference), format!("{:?}", made.content_reference));
    compare("fixed", format!("{:?}", published.fixed), format!("{:?}", made.fixed));
    compare("pattern", format!("{:?}", published.pattern), format!("{:?}", made.pattern));
    compare("binding", format!("{:?}", binding(&published.binding)), format!("{:?}", binding(&made.binding)));
    compare("slicing", format!("{:?}", published.slicing), format!("{:?}", made.slicing));
    compare("constraint", format!("{:?}", keys(published)), format!("{:?}", keys(made)));
    compare(
        "modifier",
        format!("{:?}", published.is_modifier.unwrap_or_default()),
        format!("{:?}", made.is_modifier.unwrap_or_default()),
    );
    compare("maxLength", format!("{:?}", published.max_length), format!("{:?}", made.max_length));
    found
}

/// `PACKAGE DEFINITION WHAT COUNT` of what differs in one definition.
fn findings(guide: &Guide, published: &StructureDefinition, source: &mut Guides<'_>) -> (usize, Vec<String>) {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut same = 0;
    match generate_of(published, source) {
        Err(_) => *kinds.entry("error").or_default() += 1,
        Ok(made) => {
            let mut by_id: HashMap<&str, &Arc<Element>> = made.iter().map(|one| (&*one.id, one)).collect();
            for element in &published.snapshot {
                let Some(found) = by_id.remove(&*element.id) else {
                    *kinds.entry("missing").or_default() += 1;
                    continue;
                };
                let different = differences(element, found);
                same += usize::from(different.is_empty());
                different.into_iter().for_each(|(name, _, _)| *kinds.entry(name).or_default() += 1);
            }
            if !by_id.is_empty() {
                kinds.insert("extra", by_id.len());
            }
        }
    }
    let name = published.url.rsplit('/').next().unwrap();
    (same, kinds.into_iter().map(|(kind, count)| format!("{} {name} {kind} {count}", guide.name)).collect())
}

#[test]
fn snapshots_made_of_differentials_are_the_published_ones_but_for_listed_differences() {
    let guides = guides();
    if guides.is_empty() {
        println!("skipped: no guides under {}", folder().display());
        return;
    }
    let (mut definitions, mut same, mut elements, mut found) = (0, 0, 0, Vec::new());
    for guide in &guides {
        let mut source = Guides { scope: scope(guide, &guides), made: HashMap::new(), pool: Pool::new() };
        for published in guide.definitions.values() {
            let (alike, differences) = findings(guide, published, &mut source);
            definitions += 1;
            same += alike;
            elements += published.snapshot.len();
            found.extend(differences);
        }
    }
    println!("{same} of {elements} elements of {definitions} definitions are as published");
    let lines = DIFFERENCES.lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeSet<&str> = lines.map(|line| line.split_once(": ").unwrap().0).collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "not listed: {new:#?}\nlisted, not found: {gone:#?}");
}

proptest! {
    #[test]
    fn damaged_definitions_are_refused_or_have_snapshots_but_never_break_anything(
        line in any::<prop::sample::Index>(),
        puts in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(PUTS)), 1..6),
    ) {
        let lines: Vec<&str> = STANDARD.lines().collect();
        let mut text = (*line.get(&lines)).to_owned();
        for (at, put) in puts {
            let start = text.floor_char_boundary(at.index(text.len()));
            // Inside a string, so that most texts stay JSON.
            let Some(quote) = text[start..].find('"') else { continue };
            text.insert_str(start + quote + 1, put);
        }
        let mut pool = Pool::new();
        if let Ok(resource) = Resource::parse(text.into_bytes())
            && let Ok(definition) = StructureDefinition::read(&resource, &mut pool)
            && let Ok(snapshot) = generate(&definition, &mut StandardDefinitions, &mut pool)
        {
            prop_assert!(snapshot.iter().all(|element| element.min.is_some() && element.max.is_some()));
        }
    }
}
