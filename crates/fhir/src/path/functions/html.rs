//! `htmlChecks`: what the XHTML of a narrative may hold (R4 narrative, section 2.4.0; invariants txt-1 and txt-2).

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// The elements of HTML 4.0, chapters 7 to 11 (but 9.4) and 15, in order, with those that the reference validator
/// takes besides.
const ELEMENTS: [&str; 58] = [
    "a",
    "abbr",
    "acronym",
    "address",
    "area",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "map",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Their attributes, in order.
const ATTRIBUTES: [&str; 54] = [
    "abbr",
    "accesskey",
    "align",
    "alt",
    "axis",
    "bgcolor",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "cite",
    "class",
    "colspan",
    "compact",
    "coords",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "hspace",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "shape",
    "span",
    "src",
    "start",
    "style",
    "summary",
    "tabindex",
    "title",
    "type",
    "usemap",
    "valign",
    "value",
    "vspace",
    "width",
    "xml:lang",
    "xml:space",
    "xmlns",
    "xmlns:xlink",
];

/// Whether a text is a `div` of well-formed XHTML with nothing in it but these, and with text or an image.
pub(super) fn is_narrative(text: &str) -> bool {
    narrative(text) == Some(true)
}

/// Whether a narrative has text or an image; nothing if it is not a `div` of well-formed XHTML, or has an element or
/// attribute in it that it must not have.
pub(crate) fn narrative(text: &str) -> Option<bool> {
    let mut reader = Reader::from_str(text.trim());
    let mut has_content = false;
    let mut depth = 0_usize;
    let mut has_begun = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                has_begun = is_next(&start, depth, has_begun)?;
                has_content |= is_image(&start);
                depth += 1;
            }
            Event::Empty(start) => {
                has_begun = is_next(&start, depth, has_begun)?;
                has_content |= is_image(&start);
            }
            Event::End(_) => depth = depth.checked_sub(1)?,
            Event::Text(text) => has_content |= depth > 0 && !text.iter().all(u8::is_ascii_whitespace),
            Event::CData(_) | Event::GeneralRef(_) => has_content |= depth > 0,
            Event::Comment(_) => {}
            Event::Eof => return (depth == 0 && has_begun).then_some(has_content),
            // No document type, no declaration, no instruction.
            _ => return None,
        }
    }
}

/// Whether an element may stand here: the first is a `div`, and there is none beside it.
fn is_next(start: &BytesStart<'_>, depth: usize, has_begun: bool) -> Option<bool> {
    let name = start.local_name();
    let name = std::str::from_utf8(name.as_ref()).ok()?;
    let is_right_place = if depth == 0 { !has_begun && name == "div" } else { true };
    let is_known = ELEMENTS.binary_search(&name).is_ok();
    let are_attributes_known = start.attributes().all(|attribute| {
        attribute.is_ok_and(|attribute| {
            let name = std::str::from_utf8(attribute.key.into_inner()).unwrap_or_default();
            ATTRIBUTES.binary_search(&name).is_ok() || name.starts_with("xmlns:")
        })
    });
    (is_right_place && is_known && are_attributes_known).then_some(true)
}

fn is_image(start: &BytesStart<'_>) -> bool {
    start.local_name().as_ref() == b"img"
        && start.try_get_attribute("src").is_ok_and(|source| source.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order() {
        assert!(ELEMENTS.is_sorted() && ATTRIBUTES.is_sorted());
    }

    #[test]
    fn a_narrative_is_plain_html_with_content() {
        for (text, expected) in [
            ("<div xmlns=\"http://www.w3.org/1999/xhtml\">a <b>bold</b> word</div>", true),
            ("<div><img src=\"#a\"/></div>", true),
            ("<div>&#160;</div>", true),
            ("<div> </div>", false),
            ("<div/>", false),
            ("<p>a</p>", false),
            ("<div>a</div><div>b</div>", false),
            ("<div>a<script>b</script></div>", false),
            ("<div onclick=\"x()\">a</div>", false),
            ("<div>a<b></div>", false),
            ("text", false),
            ("", false),
            ("<!DOCTYPE div><div>a</div>", false),
        ] {
            assert_eq!(is_narrative(text), expected, "{text}");
        }
    }
}
