//! The members of a JSON object while its XML element is read: values of one name gathered, wherever they stood.

use std::borrow::Cow;

use crate::push_json_string;

/// The members of an object.
#[derive(Default)]
pub(super) struct Fields(Vec<Field>);

/// A member and its twin: `birthDate` and `_birthDate`.
struct Field {
    name: Cow<'static, str>,
    is_array: bool,
    count: usize,
    values: Vec<u8>,
    twins: Vec<u8>,
    has_value: bool,
    has_twin: bool,
}

impl Fields {
    /// Adds a value with its twin, each in JSON; `None` for none. False if there is a value of this name
    /// already and only one may be.
    pub(super) fn add(
        &mut self,
        name: &str,
        is_array: bool,
        value: Option<&[u8]>,
        twin: Option<&[u8]>,
    ) -> bool {
        let at = self.0.iter().position(|field| field.name == name).unwrap_or_else(|| {
            self.0.push(Field::new(name.to_owned().into(), is_array));
            self.0.len() - 1
        });
        let field = &mut self.0[at];
        if field.count > 0 && !is_array {
            return false;
        }
        field.add(value, twin);
        true
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the members, separated by commas; `follows` says whether another stands before them.
    pub(super) fn push(&self, mut follows: bool, out: &mut Vec<u8>) {
        for field in &self.0 {
            for (is_there, mark, content) in
                [(field.has_value, "", &field.values), (field.has_twin, "_", &field.twins)]
            {
                if !is_there {
                    continue;
                }
                if std::mem::replace(&mut follows, true) {
                    out.push(b',');
                }
                push_json_string(out, &format!("{mark}{}", field.name));
                out.push(b':');
                let (open, close): (&[u8], &[u8]) = if field.is_array { (b"[", b"]") } else { (b"", b"") };
                out.extend_from_slice(open);
                out.extend_from_slice(content);
                out.extend_from_slice(close);
            }
        }
    }
}

impl Field {
    fn new(name: Cow<'static, str>, is_array: bool) -> Field {
        let (values, twins) = (Vec::new(), Vec::new());
        Field { name, is_array, count: 0, values, twins, has_value: false, has_twin: false }
    }

    fn add(&mut self, value: Option<&[u8]>, twin: Option<&[u8]>) {
        for (content, new) in [(&mut self.values, value), (&mut self.twins, twin)] {
            if self.count > 0 {
                content.push(b',');
            }
            content.extend_from_slice(new.unwrap_or(b"null"));
        }
        self.has_value |= value.is_some();
        self.has_twin |= twin.is_some();
        self.count += 1;
    }
}
