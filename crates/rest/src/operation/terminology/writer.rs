//! Writes the Parameters that operations answer.

use fhir::push_json_string;

use crate::reply::Reply;

/// A Parameters resource being written, or the parts of one parameter.
pub(super) struct Writer {
    out: Vec<u8>,
    is_first: bool,
    list: &'static str,
}

impl Writer {
    /// No parameter yet.
    pub(super) fn new() -> Self {
        Writer { out: b"{\"resourceType\":\"Parameters\"".to_vec(), is_first: true, list: "parameter" }
    }

    /// A parameter with a text under this member, such as `valueCode`.
    pub(super) fn text(&mut self, name: &str, member: &str, value: &str) {
        self.begin(name);
        self.member(member);
        push_json_string(&mut self.out, value);
        self.out.push(b'}');
    }

    /// A parameter with a value that is JSON already, such as a number or an object.
    pub(super) fn json(&mut self, name: &str, member: &str, value: &str) {
        self.begin(name);
        self.member(member);
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'}');
    }

    /// A parameter with parts.
    pub(super) fn parts(&mut self, name: &str, write: impl FnOnce(&mut Writer)) {
        self.begin(name);
        let out = std::mem::take(&mut self.out);
        let mut inner = Writer { out, is_first: true, list: "part" };
        write(&mut inner);
        self.out = inner.finish();
    }

    /// The answer.
    pub(super) fn reply(self) -> Reply {
        Reply::resource(self.finish())
    }

    fn begin(&mut self, name: &str) {
        if self.is_first {
            self.out.extend_from_slice(format!(",\"{}\":[", self.list).as_bytes());
        } else {
            self.out.push(b',');
        }
        self.is_first = false;
        self.out.extend_from_slice(b"{\"name\":");
        push_json_string(&mut self.out, name);
    }

    fn member(&mut self, member: &str) {
        self.out.extend_from_slice(format!(",\"{member}\":").as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        if !self.is_first {
            self.out.push(b']');
        }
        self.out.push(b'}');
        self.out
    }
}

/// A Coding in JSON, of what is known of it.
pub(super) fn coding(
    system: Option<&str>,
    version: Option<&str>,
    code: Option<&str>,
    display: Option<&str>,
) -> String {
    let members = [("system", system), ("version", version), ("code", code), ("display", display)];
    let mut out = b"{".to_vec();
    for (name, value) in members {
        let Some(value) = value else { continue };
        if out.len() > 1 {
            out.push(b',');
        }
        push_json_string(&mut out, name);
        out.push(b':');
        push_json_string(&mut out, value);
    }
    out.push(b'}');
    String::from_utf8(out).expect("JSON strings of text are text")
}
