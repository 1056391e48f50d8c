//! The standard's elements as ElementDefinitions in JSON.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use super::{
    Aggregation, BindingStrength, Constraint, DiscriminatorType, Element, Max, Slicing, SlicingRules,
    TypeRule, Value, Versioning, base_definition,
};
use crate::document::push_json_string;
use crate::{Document, TypeKind, definitions};

/// The documents of a type's elements, by their paths.
type OfType = OnceLock<HashMap<Arc<str>, Document>>;

/// Made of a type when it is first asked for, and kept: there are only so many.
static DOCUMENTS: LazyLock<HashMap<&'static str, OfType>> = LazyLock::new(|| {
    let named = definitions().types().iter().filter(|of| of.kind != TypeKind::Backbone);
    named.map(|of| (of.name, OfType::default())).collect()
});

/// The types that hold elements, by where these lie.
static HOLDERS: LazyLock<HashMap<usize, &'static str>> = LazyLock::new(|| {
    let of_type = definitions().types().iter().flat_map(|of| {
        let places = of.elements.iter().map(|element| std::ptr::from_ref(element).addr());
        places.map(|place| (place, of.name))
    });
    of_type.collect()
});

/// The ElementDefinition of an element as the standard defines it: the element of what holds it, or of a whole resource
/// that of its type. `None` for what the standard has not.
pub(crate) fn element_document(element: crate::Element<'_>) -> Option<&'static Document> {
    let path = match element.definition.filter(|_| !element.is_resource()) {
        None => element.of.name.to_owned(),
        Some(definition) => {
            let holder = HOLDERS.get(&std::ptr::from_ref(definition).addr())?;
            let choice = if definition.is_choice { "[x]" } else { "" };
            format!("{holder}.{}{choice}", definition.name)
        }
    };
    let root = path.split('.').next().unwrap_or(&path);
    let documents = DOCUMENTS.get(root)?.get_or_init(|| of_type(root));
    documents.get(&*path)
}

fn of_type(name: &str) -> HashMap<Arc<str>, Document> {
    let Some(definition) = base_definition(name) else { return HashMap::new() };
    let document = |element: &Arc<Element>| {
        let document = Document::parse(write(element)).ok()?;
        Some((Arc::clone(&element.path), document))
    };
    definition.snapshot.iter().filter_map(document).collect()
}

/// The JSON text of an element.
fn write(element: &Element) -> Vec<u8> {
    let mut json = Writer::default();
    json.open('{');
    json.text("id", &element.id);
    json.text("path", &element.path);
    json.optional("sliceName", element.slice_name.as_deref());
    if let Some(slicing) = &element.slicing {
        write_slicing(&mut json, slicing);
    }
    json.raw("min", element.min.map(|min| min.to_string()));
    json.optional("max", element.max.map(written_max).as_deref());
    json.optional(
        "contentReference",
        element.content_reference.as_ref().map(|id| format!("#{id}")).as_deref(),
    );
    json.list("type", &element.types, write_type);
    for (name, value) in [
        ("fixed", &element.fixed),
        ("pattern", &element.pattern),
        ("minValue", &element.min_value),
        ("maxValue", &element.max_value),
    ] {
        if let Some(Value { of, json: value }) = value {
            let (first, rest) = of.split_at(of.chars().next().map_or(0, char::len_utf8));
            json.raw(&format!("{name}{}{rest}", first.to_uppercase()), Some(value.to_string()));
        }
    }
    json.raw("maxLength", element.max_length.map(|most| most.to_string()));
    json.list("constraint", &element.constraints, |json, constraint| write_constraint(json, constraint));
    json.raw("isModifier", element.is_modifier.map(|is_modifier| is_modifier.to_string()));
    if let Some(binding) = &element.binding {
        json.name("binding");
        json.open('{');
        json.text("strength", strength(binding.strength));
        json.optional("valueSet", binding.value_set.as_deref());
        json.close('}');
    }
    json.close('}');
    json.bytes
}

fn written_max(max: Max) -> String {
    match max {
        Max::Count(count) => count.to_string(),
        Max::Unbounded => "*".to_owned(),
    }
}

fn write_slicing(json: &mut Writer, slicing: &Slicing) {
    json.name("slicing");
    json.open('{');
    json.list("discriminator", &slicing.discriminators, |json, discriminator| {
        json.text("type", discriminator_type(discriminator.of));
        json.text("path", &discriminator.path);
    });
    json.raw("ordered", Some(slicing.is_ordered.to_string()));
    json.text("rules", rules(slicing.rules));
    json.close('}');
}

fn write_type(json: &mut Writer, rule: &TypeRule) {
    json.text("code", &rule.code);
    json.texts("profile", rule.profiles.iter().map(|profile| &**profile));
    json.texts("targetProfile", rule.targets.iter().map(|target| &**target));
    json.texts("aggregation", rule.aggregation.iter().map(|one| aggregation(*one)));
    json.optional("versioning", rule.versioning.map(versioning));
}

fn write_constraint(json: &mut Writer, constraint: &Constraint) {
    json.text("key", &constraint.key);
    json.text("severity", if constraint.is_error { "error" } else { "warning" });
    json.text("human", &constraint.human);
    json.optional("expression", constraint.expression.as_deref());
}

fn strength(strength: BindingStrength) -> &'static str {
    match strength {
        BindingStrength::Example => "example",
        BindingStrength::Preferred => "preferred",
        BindingStrength::Extensible => "extensible",
        BindingStrength::Required => "required",
    }
}

fn discriminator_type(of: DiscriminatorType) -> &'static str {
    match of {
        DiscriminatorType::Value => "value",
        DiscriminatorType::Exists => "exists",
        DiscriminatorType::Pattern => "pattern",
        DiscriminatorType::Type => "type",
        DiscriminatorType::Profile => "profile",
    }
}

fn rules(rules: SlicingRules) -> &'static str {
    match rules {
        SlicingRules::Closed => "closed",
        SlicingRules::Open => "open",
        SlicingRules::OpenAtEnd => "openAtEnd",
    }
}

fn aggregation(aggregation: Aggregation) -> &'static str {
    match aggregation {
        Aggregation::Contained => "contained",
        Aggregation::Referenced => "referenced",
        Aggregation::Bundled => "bundled",
    }
}

fn versioning(versioning: Versioning) -> &'static str {
    match versioning {
        Versioning::Either => "either",
        Versioning::Independent => "independent",
        Versioning::Specific => "specific",
    }
}

/// JSON being written.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn open(&mut self, bracket: char) {
        self.bytes.push(bracket as u8);
    }

    fn close(&mut self, bracket: char) {
        self.bytes.push(bracket as u8);
    }

    /// The comma between what is in the same brackets.
    fn separate(&mut self) {
        if !matches!(self.bytes.last(), None | Some(b'{' | b'[')) {
            self.bytes.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.separate();
        push_json_string(&mut self.bytes, name);
        self.bytes.push(b':');
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        push_json_string(&mut self.bytes, text);
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn raw(&mut self, name: &str, json: Option<String>) {
        if let Some(json) = json {
            self.name(name);
            self.bytes.extend_from_slice(json.as_bytes());
        }
    }

    fn texts<'t>(&mut self, name: &str, texts: impl ExactSizeIterator<Item = &'t str>) {
        if texts.len() == 0 {
            return;
        }
        self.name(name);
        self.open('[');
        for text in texts {
            self.separate();
            push_json_string(&mut self.bytes, text);
        }
        self.close(']');
    }

    fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Writer, &T)) {
        if items.is_empty() {
            return;
        }
        self.name(name);
        self.open('[');
        for item in items {
            self.separate();
            self.open('{');
            write(self, item);
            self.close('}');
        }
        self.close(']');
    }
}
