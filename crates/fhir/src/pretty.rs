//! JSON laid out for people (`_pretty`): a line for every member and item, indented by two spaces.

use crate::document::{Document, Json, Kind, push_json_string};

/// Beyond this depth lines are indented no further, so that a deep document grows by a bounded factor.
const INDENT_DEPTH_MAX: usize = 16;

/// The document laid out for people. Names and values are as written, in their order.
#[must_use]
pub fn pretty(document: &Document) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.bytes().len() * 2);
    push_value(document.root(), 0, &mut out);
    out.push(b'\n');
    out
}

fn push_value(value: Json<'_>, depth: usize, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Object if !value.is_empty() => {
            out.push(b'{');
            for (at, (name, inner)) in value.members().enumerate() {
                push_line(at > 0, depth + 1, out);
                push_json_string(out, &name.as_str());
                out.extend_from_slice(b": ");
                push_value(inner, depth + 1, out);
            }
            push_line(false, depth, out);
            out.push(b'}');
        }
        Kind::Array if !value.is_empty() => {
            out.push(b'[');
            for (at, inner) in value.items().enumerate() {
                push_line(at > 0, depth + 1, out);
                push_value(inner, depth + 1, out);
            }
            push_line(false, depth, out);
            out.push(b']');
        }
        Kind::Object => out.extend_from_slice(b"{}"),
        Kind::Array => out.extend_from_slice(b"[]"),
        _ => out.extend_from_slice(value.raw()),
    }
}

fn push_line(follows: bool, depth: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(if follows { b",\n" } else { b"\n" });
    out.resize(out.len() + depth.min(INDENT_DEPTH_MAX) * 2, b' ');
}
