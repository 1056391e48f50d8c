//! What kind of work a request asks for, by a look at its method, path and headers.

use http::{HeaderMap, Method, Uri};

use crate::metrics::Door;

/// Classes of work, each with a gate of its own: many of one class leave the others room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Class {
    /// Known resources by their addresses: one look each.
    Read,
    /// Searches, histories of many resources, terminology: as long as it takes, up to the limit.
    Search,
    /// Everything that changes a data store, Bundles too.
    Write,
    /// What gathers a whole compartment or document.
    Costly,
    /// The AWS control plane.
    Control,
    /// The embedded S3 endpoint.
    Objects,
}

/// All classes, with the names that they have in `/metrics`.
pub(crate) const CLASSES: [(Class, &str); 6] = [
    (Class::Read, "read"),
    (Class::Search, "search"),
    (Class::Write, "write"),
    (Class::Costly, "costly"),
    (Class::Control, "control"),
    (Class::Objects, "objects"),
];

/// What HealthLake counts apart (its table of quotas).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Counted {
    /// Reads of resources, versions and histories of one.
    Reads,
    /// Creates, updates and deletes, in started KiB.
    Writes,
    /// Searches by GET.
    SearchesByGet,
    /// Searches by POST.
    SearchesByPost,
    /// `$everything`.
    Everything,
    /// `$validate`.
    Validate,
    /// `$bulk-delete`, and asking how one stands.
    BulkDelete,
    /// `metadata`.
    Capabilities,
    /// Starts of `$export`, and of export jobs by the control plane.
    Export,
    /// An export that is cancelled.
    CancelExport,
    /// The files of an export.
    ExportedFile,
    /// CreateFHIRDatastore.
    CreateDatastore,
    /// DeleteFHIRDatastore.
    DeleteDatastore,
    /// StartFHIRImportJob.
    Import,
    /// Every other action of the control plane, each on its own: the number stands for its name.
    Action(u64),
    /// What no quota counts.
    Nothing,
}

/// The class of a request of a door, and as what it is counted.
pub(crate) fn classify(door: Door, method: &Method, uri: &Uri, headers: &HeaderMap) -> (Class, Counted) {
    match door {
        Door::Fhir => of_fhir(method, uri.path()),
        Door::S3 => (Class::Objects, Counted::Nothing),
        Door::HealthLake => {
            let target = headers.get(healthlake::protocol::TARGET).and_then(|target| target.to_str().ok());
            (Class::Control, of_action(target.unwrap_or_default()))
        }
        Door::Shell => (Class::Read, Counted::Nothing),
    }
}

/// Whose data a request is about: the data store or bucket that its path names.
pub(crate) fn store(door: Door, uri: &Uri) -> &str {
    let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
    match door {
        Door::Fhir => segments.nth(1).unwrap_or_default(),
        Door::S3 => segments.next().unwrap_or_default(),
        Door::HealthLake | Door::Shell => "",
    }
}

fn of_action(target: &str) -> Counted {
    match target.rsplit('.').next().unwrap_or_default() {
        "CreateFHIRDatastore" => Counted::CreateDatastore,
        "DeleteFHIRDatastore" => Counted::DeleteDatastore,
        "StartFHIRImportJob" => Counted::Import,
        "StartFHIRExportJob" => Counted::Export,
        "" => Counted::Nothing,
        name => {
            let known =
                name.starts_with("Describe") || name.starts_with("List") || name.contains("agResource");
            // The number of the name keeps actions apart; what is no action's name is counted together.
            let number = name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
            Counted::Action(if known { number } else { 0 })
        }
    }
}

fn of_fhir(method: &Method, path: &str) -> (Class, Counted) {
    let below: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).skip(3).collect();
    let last = below.last().copied().unwrap_or_default();
    if let Some(name) = last.strip_prefix('$').or_else(|| last.strip_prefix("%24")) {
        return of_operation(name);
    }
    let is_get = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match (is_get, below.as_slice()) {
        (true, ["metadata"]) => (Class::Read, Counted::Capabilities),
        (true, ["export", _]) => (Class::Read, Counted::Nothing),
        (true, ["export", ..]) => (Class::Read, Counted::ExportedFile),
        (true, ["bulk-delete", ..]) => (Class::Read, Counted::BulkDelete),
        (true, ["_history"] | [_, "_history"]) => (Class::Search, Counted::Reads),
        (true, [_, _] | [_, _, "_history", ..]) => (Class::Read, Counted::Reads),
        (true, _) => (Class::Search, Counted::SearchesByGet),
        (false, ["export", ..]) => (Class::Read, Counted::CancelExport),
        (false, [.., "_search"]) => (Class::Search, Counted::SearchesByPost),
        (false, _) => (Class::Write, Counted::Writes),
    }
}

fn of_operation(name: &str) -> (Class, Counted) {
    match name {
        "everything" => (Class::Costly, Counted::Everything),
        "document" => (Class::Costly, Counted::SearchesByGet),
        "export" => (Class::Write, Counted::Export),
        "bulk-delete" => (Class::Write, Counted::BulkDelete),
        "erase" | "purge" | "reindex" | "meta-add" | "meta-delete" => (Class::Write, Counted::Writes),
        "validate" => (Class::Search, Counted::Validate),
        _ => (Class::Search, Counted::SearchesByGet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_what_work_a_request_is() {
        for (method, path, class, counted) in [
            ("GET", "Patient/1", Class::Read, Counted::Reads),
            ("GET", "Patient/1/_history/2", Class::Read, Counted::Reads),
            ("GET", "Patient/_history", Class::Search, Counted::Reads),
            ("GET", "/Patient", Class::Search, Counted::SearchesByGet),
            ("GET", "", Class::Search, Counted::SearchesByGet),
            ("GET", "Patient/1/Observation", Class::Search, Counted::SearchesByGet),
            ("POST", "Patient/_search", Class::Search, Counted::SearchesByPost),
            ("POST", "Patient", Class::Write, Counted::Writes),
            ("POST", "", Class::Write, Counted::Writes),
            ("DELETE", "Patient/1", Class::Write, Counted::Writes),
            ("GET", "Patient/1/$everything", Class::Costly, Counted::Everything),
            ("GET", "Patient/1/%24everything", Class::Costly, Counted::Everything),
            ("POST", "Patient/$validate", Class::Search, Counted::Validate),
            ("GET", "metadata", Class::Read, Counted::Capabilities),
            ("GET", "export/7/files/1", Class::Read, Counted::ExportedFile),
            ("DELETE", "export/7", Class::Read, Counted::CancelExport),
        ] {
            let uri: Uri = format!("/datastore/abc/r4/{path}").parse().unwrap();
            let found = classify(Door::Fhir, &method.parse().unwrap(), &uri, &HeaderMap::new());
            assert_eq!(found, (class, counted), "{method} {path}");
            assert_eq!(store(Door::Fhir, &uri), "abc");
        }
    }

    #[test]
    fn actions_are_counted_each_on_its_own() {
        let counted = |name: &str| of_action(&format!("HealthLake.{name}"));
        assert_eq!(counted("StartFHIRImportJob"), Counted::Import);
        assert_eq!(counted("DescribeFHIRDatastore"), counted("DescribeFHIRDatastore"));
        assert_ne!(counted("DescribeFHIRDatastore"), counted("ListFHIRDatastores"));
        assert_eq!(counted("Nonsense1"), counted("Nonsense2"));
    }
}
