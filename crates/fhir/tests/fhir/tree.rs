//! XML files of test cases as trees.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// An element.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Tree>,
    /// All text that stands directly in it.
    pub(crate) text: String,
    /// What stands between its tags, as written.
    pub(crate) inside: String,
}

impl Tree {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn children<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t Tree> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Tree> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// The root element of a document.
pub(crate) fn read_tree(text: &str) -> Tree {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<(Tree, usize)> = vec![(Tree::default(), 0)];
    loop {
        let before = reader.buffer_position() as usize;
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => open.push((begun(&start), reader.buffer_position() as usize)),
            Event::Empty(start) => open.last_mut().unwrap().0.children.push(begun(&start)),
            Event::End(_) => {
                let (mut done, from) = open.pop().unwrap();
                done.inside = text[from..before].to_owned();
                open.last_mut().unwrap().0.children.push(done);
            }
            Event::Text(part) => open.last_mut().unwrap().0.text.push_str(&part.decode().unwrap()),
            Event::CData(part) => {
                open.last_mut().unwrap().0.text.push_str(std::str::from_utf8(&part).unwrap());
            }
            Event::GeneralRef(name) => {
                let reference = format!("&{};", std::str::from_utf8(&name).unwrap());
                let meant = quick_xml::escape::unescape(&reference).unwrap().into_owned();
                open.last_mut().unwrap().0.text.push_str(&meant);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().unwrap().0.children.pop().expect("a root element")
}

fn begun(start: &BytesStart<'_>) -> Tree {
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let value =
            quick_xml::escape::unescape(std::str::from_utf8(&attribute.value).unwrap()).unwrap().into_owned();
        (String::from_utf8(attribute.key.into_inner().to_vec()).unwrap(), value)
    });
    Tree {
        name: String::from_utf8(start.name().into_inner().to_vec()).unwrap(),
        attributes: attributes.collect(),
        ..Tree::default()
    }
}
