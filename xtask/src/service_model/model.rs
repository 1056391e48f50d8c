//! The part of an AWS service model that the control plane needs: actions, the shapes they reach, constraints.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One action of the service.
pub(crate) struct Action {
    /// The operation's name on the wire.
    pub(crate) name: String,
    /// The structure it takes.
    pub(crate) input: String,
    /// The structure it answers with.
    pub(crate) output: String,
    /// The exceptions the model names for it.
    pub(crate) errors: Vec<String>,
}

/// A member of a structure or union.
pub(crate) struct Member {
    /// The member's name on the wire.
    pub(crate) name: String,
    /// The name of its shape.
    pub(crate) shape: String,
    /// Whether a value without it is refused.
    pub(crate) required: bool,
}

/// What a shape is.
pub(crate) enum Kind {
    /// A record.
    Structure(Vec<Member>),
    /// Exactly one of the members.
    Union(Vec<Member>),
    /// A closed set of strings.
    Enumeration(Vec<String>),
    /// Any other string.
    Text {
        /// The pattern as the model writes it.
        pattern: Option<String>,
        /// Whether its values stay out of messages.
        sensitive: bool,
    },
    /// Many of one shape.
    List(String),
    /// A 32 bit number.
    Integer,
    /// A 64 bit number.
    Long,
    /// A floating point number.
    Double,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
}

/// A shape with its bounds: of length for strings and lists, of value for numbers.
pub(crate) struct Shape {
    /// What it is.
    pub(crate) kind: Kind,
    /// The smallest length or value allowed.
    pub(crate) min: Option<i64>,
    /// The largest length or value allowed.
    pub(crate) max: Option<i64>,
}

/// The actions asked for and every shape they reach.
pub(crate) struct Model {
    /// In the order of their names.
    pub(crate) actions: Vec<Action>,
    /// Operations of the model that were not asked for.
    pub(crate) absent: Vec<String>,
    /// By name.
    pub(crate) shapes: BTreeMap<String, Shape>,
}

impl Model {
    /// Reads `text` as far as `wanted` actions reach.
    pub(crate) fn parse(text: &str, wanted: &[&str]) -> Result<Self> {
        let json: Value = serde_json::from_str(text).context("the service model is not JSON")?;
        let operations = json["operations"].as_object().context("no operations")?;
        let (mut actions, mut absent) = (Vec::new(), Vec::new());
        for (name, operation) in operations {
            if wanted.contains(&name.as_str()) {
                actions.push(action(name, operation)?);
            } else {
                absent.push(name.clone());
            }
        }
        if actions.len() != wanted.len() {
            bail!("the model lacks one of the actions {wanted:?}");
        }
        let roots = actions.iter().flat_map(|action| [action.input.clone(), action.output.clone()]);
        let shapes = reach(&json["shapes"], roots.collect())?;
        Ok(Model { actions, absent, shapes })
    }

    /// The exceptions the actions name, each once.
    pub(crate) fn errors(&self) -> BTreeSet<&str> {
        self.actions.iter().flat_map(|action| action.errors.iter().map(String::as_str)).collect()
    }
}

fn action(name: &str, operation: &Value) -> Result<Action> {
    let errors = operation["errors"].as_array().context("an action without errors")?;
    Ok(Action {
        name: name.to_owned(),
        input: text(&operation["input"], "shape")?,
        output: text(&operation["output"], "shape")?,
        errors: errors.iter().map(|error| text(error, "shape")).collect::<Result<_>>()?,
    })
}

fn reach(all: &Value, mut wanted: Vec<String>) -> Result<BTreeMap<String, Shape>> {
    let mut shapes = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if shapes.contains_key(&name) {
            continue;
        }
        let shape = shape(&all[&name]).with_context(|| format!("shape {name}"))?;
        match &shape.kind {
            Kind::Structure(members) | Kind::Union(members) => {
                wanted.extend(members.iter().map(|member| member.shape.clone()));
            }
            Kind::List(item) => wanted.push(item.clone()),
            _ => {}
        }
        shapes.insert(name, shape);
    }
    Ok(shapes)
}

fn shape(json: &Value) -> Result<Shape> {
    let kind = match json["type"].as_str().context("a shape without a type")? {
        "structure" if json["union"] == true => Kind::Union(members(json)?),
        "structure" => Kind::Structure(members(json)?),
        "string" if json.get("enum").is_some() => Kind::Enumeration(strings(&json["enum"])?),
        "string" => Kind::Text {
            pattern: json["pattern"].as_str().map(str::to_owned),
            sensitive: json["sensitive"] == true,
        },
        "list" => Kind::List(text(&json["member"], "shape")?),
        "integer" => Kind::Integer,
        "long" => Kind::Long,
        "double" => Kind::Double,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        other => bail!("no Rust for the type {other}"),
    };
    let (min, max) = (json["min"].as_i64(), json["max"].as_i64());
    if matches!(kind, Kind::Integer) && max.is_none_or(|max| max > i64::from(i32::MAX)) {
        bail!("an integer whose largest value does not fit 32 bits");
    }
    Ok(Shape { kind, min, max })
}

fn members(json: &Value) -> Result<Vec<Member>> {
    let required = match json.get("required") {
        Some(names) => strings(names)?,
        None => Vec::new(),
    };
    let members = json["members"].as_object().context("a structure without members")?;
    members
        .iter()
        .map(|(name, member)| {
            let shape = text(member, "shape")?;
            Ok(Member { name: name.clone(), shape, required: required.contains(name) })
        })
        .collect()
}

fn strings(json: &Value) -> Result<Vec<String>> {
    let items = json.as_array().context("not a list")?;
    items.iter().map(|item| item.as_str().map(str::to_owned).context("not a string")).collect()
}

fn text(json: &Value, member: &str) -> Result<String> {
    json[member].as_str().map(str::to_owned).with_context(|| format!("no {member}"))
}
