//! Where the walk stands, kept on the stack and written out only when there is something to report.

use super::plan::Rule;

/// A place in a resource: a step and what it was taken from.
#[derive(Clone, Copy)]
pub(super) struct At<'p> {
    pub(super) parent: Option<&'p At<'p>>,
    pub(super) step: Step,
}

#[derive(Clone, Copy)]
pub(super) enum Step {
    /// The resource itself, by its type.
    Root(&'static str),
    /// An element of what stands before.
    Element(&'static Rule),
    /// One of several values, from zero.
    Item(usize),
}

impl<'p> At<'p> {
    pub(super) fn root(name: &'static str) -> At<'static> {
        At { parent: None, step: Step::Root(name) }
    }

    #[inline]
    pub(super) fn element(&'p self, rule: &'static Rule) -> At<'p> {
        At { parent: Some(self), step: Step::Element(rule) }
    }

    #[inline]
    pub(super) fn item(&'p self, number: usize) -> At<'p> {
        At { parent: Some(self), step: Step::Item(number) }
    }

    /// Whether what holds this element is an extension within an extension.
    pub(super) fn is_in_extension(&self) -> bool {
        let of = |at: &At<'_>| match at.step {
            Step::Element(rule) => Some(rule.of.name),
            _ => None,
        };
        // The extension, its element, and the extension that has that.
        let mut holders = std::iter::successors(self.parent, |at| at.parent).filter_map(of).skip(1);
        holders.next() == Some("Extension")
    }

    /// As a simple FHIRPath: `Patient.name[0].given[1]`, `Observation.value.ofType(Quantity).code`.
    pub(super) fn expression(&self) -> String {
        let mut text = self.parent.map(At::expression).unwrap_or_default();
        match self.step {
            Step::Root(name) => text.push_str(name),
            Step::Item(number) => text.push_str(&format!("[{number}]")),
            Step::Element(rule) => {
                text.push('.');
                text.push_str(rule.element.name);
                if rule.element.is_choice {
                    text.push_str(&format!(".ofType({})", rule.of.name));
                }
            }
        }
        text
    }
}
