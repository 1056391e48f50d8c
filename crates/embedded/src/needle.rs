//! Finding recent versions by an exact value without looking at all of them: a criterion of a conditional write is
//! looked at by the one thread that writes, so that it must not cost what is recent.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use search::{Entries, Filter, ParamId, ReferenceTest, StringTest, Target, Test, UriTest, Value};

use crate::node::Node;

/// A hash of a parameter and an exact value: different values may share one, so that what it finds is only a
/// candidate.
pub(crate) type Needle = u64;

/// The rows of a group by the needles of their entries.
pub(crate) type Needles = HashMap<Needle, Vec<u32>>;

/// Adds the needles of the row of this number.
pub(crate) fn add_needles(to: &mut Needles, row: usize, entries: &Entries) {
    let row = row as u32;
    for (param, value) in entries.iter() {
        let Some(needle) = of_value(param, &value) else { continue };
        let rows = to.entry(needle).or_default();
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
}

/// Needles such that whatever passes the condition has one of them; `None` if there are none such.
pub(crate) fn of_node(node: &Node) -> Option<Vec<Needle>> {
    match node {
        Node::Leaf(Filter::Has(param, test)) => of_test(*param, test).map(|needle| vec![needle]),
        Node::Any(param, tests) => tests.iter().map(|test| of_test(*param, test)).collect(),
        Node::And(nodes) => nodes.iter().filter_map(of_node).min_by_key(Vec::len),
        Node::Or(nodes) => nodes.iter().map(of_node).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        _ => None,
    }
}

fn of_value(param: ParamId, value: &Value<'_>) -> Option<Needle> {
    Some(match value {
        Value::Token { code: Some(code), .. } => needle(param, "token", code),
        Value::String(text) => needle(param, "string", text),
        Value::Uri(uri) => needle(param, "uri", uri),
        Value::Reference(Target::Local { id, .. }) => needle(param, "local", id),
        Value::Reference(Target::Url(url)) => needle(param, "url", url),
        _ => return None,
    })
}

fn of_test(param: ParamId, test: &Test) -> Option<Needle> {
    Some(match test {
        Test::Token { code: Some(code), .. } => needle(param, "token", code),
        Test::String(StringTest::Exact(text)) => needle(param, "string", text),
        Test::Uri(UriTest::Is(uri)) => needle(param, "uri", uri),
        Test::Reference(ReferenceTest::Key(key) | ReferenceTest::Version(key, _)) => {
            needle(param, "local", key.id.as_str())
        }
        Test::Reference(ReferenceTest::Id(id)) => needle(param, "local", id),
        Test::Reference(ReferenceTest::Url(url)) => needle(param, "url", url),
        _ => return None,
    })
}

fn needle(param: ParamId, kind: &str, text: &str) -> Needle {
    let mut hasher = DefaultHasher::new();
    (param.0, kind, text).hash(&mut hasher);
    hasher.finish()
}
