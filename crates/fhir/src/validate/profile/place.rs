//! Where the walk by profiles stands.

/// Where the walk stands, written out only when there is something to report.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) parent: Option<&'p Place<'p>>,
    pub(super) name: &'p str,
    /// Of a choice, the type that it has.
    pub(super) of: Option<&'static str>,
    pub(super) index: Option<usize>,
}

impl<'p> Place<'p> {
    pub(super) fn root(name: &'p str) -> Place<'p> {
        Place { parent: None, name, of: None, index: None }
    }

    pub(super) fn expression(&self) -> String {
        let mut text = self.parent.map(|parent| parent.expression() + ".").unwrap_or_default();
        text.push_str(self.name);
        if let Some(of) = self.of {
            text.push_str(&format!(".ofType({of})"));
        }
        if let Some(index) = self.index {
            text.push_str(&format!("[{index}]"));
        }
        text
    }
}
