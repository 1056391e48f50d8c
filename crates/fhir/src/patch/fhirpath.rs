//! FHIRPath Patch (R4 fhirpatch): add, insert, delete, replace and move, all of them or none.

use super::error::PatchError;
use super::place::{Place, place_of};
use super::slots::Slots;
use super::tree::{Tree, Work};
use super::value::Given;
use super::{PATCH_OPERATIONS_MAX, PATCH_WORK_MAX};
use crate::definitions::{ElementDefinition, TypeDefinition};
use crate::{Document, Element, FhirPath, Json, PathContext, PathError, Resource, Time, Value};

/// A FHIRPath Patch that is well formed: a Parameters resource with operations.
#[derive(Debug)]
pub struct FhirPathPatch {
    document: Document,
}

/// How many bytes of a document count as one unit of work when an operation reads it.
const BYTES_OF_WORK: usize = 64;

/// One operation.
struct Operation<'p> {
    verb: Verb<'p>,
    path: FhirPath,
    /// The path as written.
    written: String,
}

enum Verb<'p> {
    Add { name: String, value: Given<'p> },
    Insert { index: usize, value: Given<'p> },
    Delete,
    Replace { value: Given<'p> },
    Move { source: usize, destination: usize },
}

/// What an operation changes: the object that holds the element, and the element.
struct Target {
    holder: Vec<String>,
    definition: &'static ElementDefinition,
    /// The name in JSON, as far as it is known without a value.
    name: String,
}

impl FhirPathPatch {
    /// Reads a patch.
    ///
    /// # Errors
    /// [`PatchError::Malformed`] and [`PatchError::Expression`] if it is none; [`PatchError::Limit`] beyond
    /// [`PATCH_OPERATIONS_MAX`].
    pub fn parse(parameters: Document) -> Result<FhirPathPatch, PatchError> {
        let root = parameters.root();
        if root.get("resourceType").and_then(Json::as_str).as_deref() != Some("Parameters") {
            return Err(PatchError::Malformed(None, "it is not a Parameters resource"));
        }
        if root.get("parameter").is_some_and(|operations| operations.len() > PATCH_OPERATIONS_MAX) {
            return Err(PatchError::Limit("PATCH_OPERATIONS_MAX"));
        }
        operations(&parameters).try_for_each(|operation| operation.map(drop))?;
        Ok(FhirPathPatch { document: parameters })
    }

    /// The text of `resource` after all operations, each of which sees what those before it made. `now` is what
    /// `now()` and `today()` in a path mean.
    ///
    /// # Errors
    /// [`PatchError::Unfit`] and [`PatchError::Evaluation`] for the first operation that cannot be applied,
    /// [`PatchError::Limit`] beyond [`PATCH_WORK_MAX`].
    pub fn apply(&self, resource: &Document, now: Time) -> Result<Vec<u8>, PatchError> {
        let mut text = resource.bytes().to_vec();
        let mut work = Work::up_to(PATCH_WORK_MAX);
        for (at, operation) in operations(&self.document).enumerate() {
            work.spend(1 + text.len() / BYTES_OF_WORK);
            if work.is_exhausted() {
                return Err(PatchError::Limit("PATCH_WORK_MAX"));
            }
            let unfit = |what| PatchError::Unfit(at, what);
            let before =
                Resource::parse(text).map_err(|_| unfit("the document is not a resource any more"))?;
            text = operation?.apply(&before, now).map_err(|fault| fault.at(at))?;
        }
        Ok(text)
    }
}

/// Why an operation cannot be applied.
enum Fault {
    Unfit(&'static str),
    Path(PathError),
}

impl Fault {
    fn at(self, at: usize) -> PatchError {
        match self {
            Fault::Unfit(what) => PatchError::Unfit(at, what),
            Fault::Path(error) => PatchError::Evaluation(at, error),
        }
    }
}

impl From<&'static str> for Fault {
    fn from(what: &'static str) -> Fault {
        Fault::Unfit(what)
    }
}

impl From<PathError> for Fault {
    fn from(error: PathError) -> Fault {
        Fault::Path(error)
    }
}

fn operations(patch: &Document) -> impl Iterator<Item = Result<Operation<'_>, PatchError>> {
    let all = patch.root().get("parameter");
    all.into_iter().flat_map(Json::items).enumerate().map(|(at, one)| Operation::read(at, one))
}

/// The part of this name.
fn part<'p>(of: Json<'p>, name: &str) -> Option<Json<'p>> {
    let mut parts = of.get("part").into_iter().flat_map(Json::items);
    parts.find(|part| part.get("name").and_then(Json::as_str).is_some_and(|found| found == name))
}

impl<'p> Operation<'p> {
    fn read(at: usize, of: Json<'p>) -> Result<Operation<'p>, PatchError> {
        let malformed = |what| PatchError::Malformed(Some(at), what);
        if of.get("name").and_then(Json::as_str).as_deref() != Some("operation") {
            return Err(malformed("its name is not 'operation'"));
        }
        let text = |name, values: &[&str]| {
            let part = part(of, name)?;
            values.iter().find_map(|value| part.get(value)).and_then(Json::as_str)
        };
        let index = |name| {
            let number = part(of, name)?.get("valueInteger")?.as_number()?;
            number.parse::<usize>().ok()
        };
        let value = || {
            let part = part(of, "value").ok_or(malformed("it has no value"))?;
            Given::read(part).map_err(malformed)
        };
        let verb = match text("type", &["valueCode", "valueString"]).as_deref() {
            Some("add") => {
                let name = text("name", &["valueString", "valueCode"]).ok_or(malformed("it has no name"))?;
                Verb::Add { name: name.into_owned(), value: value()? }
            }
            Some("insert") => {
                let index = index("index").ok_or(malformed("it has no index that is a valueInteger"))?;
                Verb::Insert { index, value: value()? }
            }
            Some("delete") => Verb::Delete,
            Some("replace") => Verb::Replace { value: value()? },
            Some("move") => Verb::Move {
                source: index("source").ok_or(malformed("it has no source that is a valueInteger"))?,
                destination: index("destination")
                    .ok_or(malformed("it has no destination that is a valueInteger"))?,
            },
            Some(_) => return Err(malformed("its type is none of add, insert, delete, replace, move")),
            None => return Err(malformed("it has no type")),
        };
        let written = text("path", &["valueString"]).ok_or(malformed("it has no path"))?.into_owned();
        let path = FhirPath::parse(&written).map_err(|error| PatchError::Expression(at, error))?;
        Ok(Operation { verb, path, written })
    }

    fn apply(self, resource: &Resource, now: Time) -> Result<Vec<u8>, Fault> {
        let context = PathContext::new(resource, now);
        let root = Element::resource(resource);
        let found = elements(&self.path, root, &context)?;
        let mut tree = Tree::of(resource.root());
        match &self.verb {
            Verb::Add { name, value } => {
                let holder = only(&found)?;
                add(&mut tree, resource.root(), &holder, name, value)?;
            }
            Verb::Delete if found.is_empty() => {}
            Verb::Delete => {
                let (target, index) = single_target(resource.root(), &only(&found)?)?;
                let mut slots = target.slots(&mut tree)?;
                slots.remove(index)?;
                slots.store();
            }
            Verb::Replace { value } => {
                let (target, index) = single_target(resource.root(), &only(&found)?)?;
                let (name, pair) = value.of_element(target.definition)?;
                let mut slots = target.slots(&mut tree)?;
                slots.replace(index, pair)?;
                slots.store_as(&name);
            }
            Verb::Insert { index, value } => {
                let target = self.list(resource, root, &context, &found)?;
                let (name, pair) = value.of_element(target.definition)?;
                let mut slots = Target { name, ..target }.slots(&mut tree)?;
                slots.insert(*index, pair)?;
                slots.store();
            }
            Verb::Move { source, destination } => {
                let target = self.list(resource, root, &context, &found)?;
                let mut slots = target.slots(&mut tree)?;
                slots.shift(*source, *destination)?;
                slots.store();
            }
        }
        let mut out = Vec::with_capacity(resource.document().bytes().len() + 256);
        tree.write(&mut out);
        Ok(out)
    }

    /// The list that the path names: that of the elements it leads to, or where there is none yet, by its last step.
    fn list(
        &self,
        resource: &Resource,
        root: Element<'_>,
        context: &PathContext<'_>,
        found: &[Element<'_>],
    ) -> Result<Target, Fault> {
        if let Some(first) = found.first() {
            let (target, _) = single_target(resource.root(), first)?;
            for other in &found[1..] {
                let (other, _) = single_target(resource.root(), other)?;
                if other.holder != target.holder || other.name != target.name {
                    return Err(Fault::Unfit("the path leads to more than one list"));
                }
            }
            return Ok(target);
        }
        let whole = FhirPath::parse(&self.written)?;
        let (holder, name) = whole.split_last().ok_or("there is nothing at the path")?;
        let holders = elements(&holder, root, context)?;
        target_in(resource.root(), &only(&holders)?, &name).map_err(Fault::from)
    }
}

/// The elements that a path leads to; fails if it leads to anything else.
fn elements<'a>(
    path: &'a FhirPath,
    root: Element<'a>,
    context: &'a PathContext<'a>,
) -> Result<Vec<Element<'a>>, Fault> {
    let mut found = Vec::new();
    for value in path.evaluate(root, context)? {
        match value {
            Value::Element(element) if element.value.is_some() || element.twin.is_some() => {
                found.push(element)
            }
            _ => return Err(Fault::Unfit("the path leads to something that is no element of the resource")),
        }
    }
    Ok(found)
}

fn only<'a>(found: &[Element<'a>]) -> Result<Element<'a>, Fault> {
    match found {
        [only] => Ok(*only),
        [] => Err(Fault::Unfit("there is nothing at the path")),
        _ => Err(Fault::Unfit("the path leads to more than one element")),
    }
}

/// Where an element stands, and which one of several it is.
fn single_target(root: Json<'_>, element: &Element<'_>) -> Result<(Target, usize), &'static str> {
    const WHOLE: &str = "the whole resource cannot be changed at once";
    let Place { holder, name, index } = place_of(root, element).ok_or(WHOLE)?;
    let definition = element.definition.ok_or(WHOLE)?;
    Ok((Target { holder, definition, name }, index.unwrap_or(0)))
}

/// The element of this name in an element.
fn target_in(root: Json<'_>, holder: &Element<'_>, name: &str) -> Result<Target, &'static str> {
    const NO_ELEMENT: &str = "there is no element of this name where the path leads";
    let of: &'static TypeDefinition = holder.of;
    let stem = name.trim_end_matches("[x]");
    let by_json_name = of.member(stem).filter(|member| !member.primitive_twin).map(|member| member.element);
    let definition = of.element(stem).or(by_json_name).ok_or(NO_ELEMENT)?;
    let steps = match place_of(root, holder) {
        None => Vec::new(),
        Some(place) => place.steps(),
    };
    let present = definition.types.iter().map(|of| definition.json_name(of)).find(|name| {
        holder
            .value
            .is_some_and(|value| value.get(name).is_some() || value.get(&format!("_{name}")).is_some())
    });
    let name = present.map_or_else(|| stem.to_owned(), |name| name.into_owned());
    Ok(Target { holder: steps, definition, name })
}

fn add<'t>(
    tree: &mut Tree<'t>,
    root: Json<'_>,
    holder: &Element<'_>,
    name: &str,
    value: &Given<'t>,
) -> Result<(), Fault> {
    if holder.is_primitive() {
        return Err(Fault::Unfit("nothing can be added to a primitive but by replacing it"));
    }
    let target = target_in(root, holder, name)?;
    let (json_name, pair) = value.of_element(target.definition)?;
    let is_other = target.definition.is_choice && target.name != json_name;
    let mut slots = target.slots(tree)?;
    if !slots.is_empty() && !slots.is_list() {
        return Err(Fault::Unfit("the element is there already, and there may be one only"));
    }
    slots.push(pair);
    if is_other {
        slots.store_as(&json_name);
    } else {
        slots.store();
    }
    Ok(())
}

impl Target {
    fn slots<'s, 't>(&self, tree: &'s mut Tree<'t>) -> Result<Slots<'s, 't>, &'static str> {
        Slots::load(tree, &self.holder, &self.name, self.definition.is_array())
    }
}
