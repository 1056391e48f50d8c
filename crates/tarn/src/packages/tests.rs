//! Packages come, stand side by side, are seen by a running server, and go; archives that mean harm are refused.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fhir::package::{Library, PackageKey};
use fhir::{Packages, Time};
use flate2::{Compression, write::GzEncoder};
use indicatif::ProgressBar;
use store::ManualClock;
use tempfile::TempDir;

use super::archive::{LIMITS, Limits, read_archive};
use super::{LivePackages, Shelf, find};

const PATIENT: &str = "http://hl7.org/fhir/StructureDefinition/Patient";

fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        // `set_path` would refuse what a hostile archive holds.
        if name.len() < 100 {
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, text.as_bytes()).unwrap();
        } else {
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn manifest(name: &str, version: &str) -> String {
    format!(r#"{{"name":"{name}","version":"{version}","fhirVersions":["4.0.1"]}}"#)
}

fn profile(version: &str, min: u32) -> String {
    format!(
        r#"{{"resourceType":"StructureDefinition","url":"http://e.org/p","version":"{version}","kind":"resource",
        "type":"Patient","baseDefinition":"{PATIENT}","derivation":"constraint","differential":{{"element":[
        {{"id":"Patient.name","path":"Patient.name","min":{min}}}]}}}}"#
    )
}

/// A package of one profile, which asks for `min` names.
fn package(folder: &TempDir, version: &str, min: u32) -> PathBuf {
    let path = folder.path().join(format!("a-{version}.tgz"));
    let files = [
        ("package/StructureDefinition-p.json", profile(version, min)),
        ("package/package.json", manifest("a.b", version)),
        ("package/example/Patient-x.json", "not even JSON".to_owned()),
        ("package/other.json", "[]".to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, &**text)).collect();
    std::fs::write(&path, packed(&files)).unwrap();
    path
}

fn add(shelf: &Shelf, path: &Path) -> bool {
    shelf.add(path, &ProgressBar::hidden()).unwrap().replaced
}

fn names(library: &Library, canonical: &str) -> Option<u32> {
    let found = library.definition(canonical, None).unwrap()?;
    found.definition.element("Patient.name").unwrap().min
}

#[test]
fn versions_stand_side_by_side_are_replaced_and_go() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("data/packages"));
    assert!(shelf.keys().unwrap().is_empty());
    assert!(!add(&shelf, &package(&home, "1.0.0", 1)));
    assert!(!add(&shelf, &package(&home, "2.0.0", 2)));
    assert!(add(&shelf, &package(&home, "2.0.0", 3)));
    let (library, faults) = shelf.library().unwrap();
    let come_along: usize = guides::packages().iter().map(|(_, entries)| entries.len()).sum();
    assert!(faults.is_empty() && library.registry().entries() == 2 + come_along);
    assert_eq!(names(&library, "http://e.org/p|1.0.0"), Some(1));
    assert_eq!(names(&library, "http://e.org/p"), Some(3));
    let key = PackageKey::parse("a.b@2.0.0").unwrap();
    assert!(shelf.remove(&key).unwrap() && !shelf.remove(&key).unwrap());
    assert_eq!(names(&shelf.library().unwrap().0, "http://e.org/p"), Some(1));
    let left: Vec<_> = std::fs::read_dir(home.path().join("data/packages")).unwrap().collect();
    assert_eq!(left.len(), 2, "one package and the lock");
}

#[test]
fn what_a_killed_process_left_behind_is_in_nobodys_way() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    for name in [".new", ".old"] {
        std::fs::create_dir_all(home.path().join("packages").join(name)).unwrap();
    }
    assert!(shelf.keys().unwrap().is_empty());
    assert!(!add(&shelf, &package(&home, "1.0.0", 1)));
    assert_eq!(shelf.keys().unwrap().len(), 1);
}

#[test]
fn a_running_server_sees_packages_come_and_go_and_keeps_what_it_holds() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    let clock = Arc::new(ManualClock::at(Time(0)));
    let live = LivePackages::new(shelf.clone(), Arc::clone(&clock) as _);
    assert_eq!(names(live.current().library(), "http://e.org/p"), None);
    add(&shelf, &package(&home, "1.0.0", 1));
    clock.advance_ms(1_000);
    let held = live.current();
    assert_eq!(names(held.library(), "http://e.org/p"), Some(1));
    shelf.remove(&PackageKey::parse("a.b@1.0.0").unwrap()).unwrap();
    let again = live.current();
    assert!(Arc::ptr_eq(&held, &again), "it looks once a second");
    clock.advance_ms(1_000);
    assert_eq!(names(live.current().library(), "http://e.org/p"), None);
    assert_eq!(names(held.library(), "http://e.org/p"), Some(1));
}

#[test]
fn a_configured_folder_is_added_once() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    package(&home, "1.0.0", 1);
    std::fs::write(home.path().join("broken.tgz"), b"not an archive").unwrap();
    let live = LivePackages::new(shelf.clone(), Arc::new(ManualClock::at(Time(0))));
    live.add_from(home.path());
    let before = shelf.keys().unwrap();
    assert_eq!(before.len(), 1);
    live.add_from(home.path());
    assert_eq!(shelf.keys().unwrap(), before);
}

#[test]
fn a_damaged_package_does_not_hide_the_others() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    add(&shelf, &package(&home, "1.0.0", 1));
    add(&shelf, &package(&home, "2.0.0", 2));
    std::fs::write(home.path().join("packages/a.b@2.0.0/index"), "of another time\n").unwrap();
    let (library, faults) = shelf.library().unwrap();
    assert!(faults.len() == 1 && faults[0].contains("a.b@2.0.0"), "{faults:?}");
    assert_eq!(names(&library, "http://e.org/p"), Some(1));
}

#[test]
fn an_unpacked_package_and_a_folder_of_archives_are_found() {
    let home = tempfile::tempdir().unwrap();
    let unpacked = home.path().join("unpacked/package");
    std::fs::create_dir_all(&unpacked).unwrap();
    assert!(find(&home.path().join("unpacked")).is_err());
    std::fs::write(unpacked.join("package.json"), manifest("a.b", "1.0.0")).unwrap();
    std::fs::write(unpacked.join("StructureDefinition-p.json"), profile("1.0.0", 4)).unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    add(&shelf, &find(&home.path().join("unpacked")).unwrap()[0]);
    assert_eq!(names(&shelf.library().unwrap().0, "http://e.org/p"), Some(4));
    package(&home, "1.0.0", 1);
    package(&home, "2.0.0", 1);
    assert_eq!(find(home.path()).unwrap().len(), 2);
}

#[test]
fn long_names_in_archives_are_read() {
    let name = format!("package/StructureDefinition-{}.json", "x".repeat(200));
    let packed = packed(&[(&name, "{}")]);
    let mut found = Vec::new();
    read_archive(&packed[..], LIMITS, &mut |name, _| {
        found.push(name.to_owned());
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [name.strip_prefix("package/").unwrap()]);
}

#[test]
fn archives_that_mean_harm_are_refused_at_named_limits() {
    let read = |packed: &[u8], limits: Limits| {
        read_archive(packed, limits, &mut |_, _| Ok(())).map_err(|error| format!("{error:#}"))
    };
    for name in ["package/../../etc/passwd.json", "/etc/passwd.json", "package\\..\\x.json"] {
        let error = read(&packed(&[(name, "{}")]), LIMITS).unwrap_err();
        assert!(error.contains("leads out"), "{name}: {error}");
    }
    let two = packed(&[("package/a.json", "{}"), ("package/b.json", "{ }")]);
    assert!(read(&two, Limits { files: 2, ..LIMITS }).is_ok());
    assert!(read(&two, Limits { files: 1, ..LIMITS }).unwrap_err().contains("more than 1 files"));
    assert!(read(&two, Limits { file_bytes: 3, ..LIMITS }).is_ok());
    assert!(read(&two, Limits { file_bytes: 2, ..LIMITS }).unwrap_err().contains("b.json"));
    // Two files, each with a header and a padded block; then two empty blocks.
    let unpacked_bytes = 512 * 6;
    assert!(read(&two, Limits { unpacked_bytes, ..LIMITS }).is_ok());
    let error = read(&two, Limits { unpacked_bytes: 1024, ..LIMITS }).unwrap_err();
    assert!(error.contains("unpacks to more"), "{error}");
    assert!(read(&two[..two.len() / 2], LIMITS).is_err());
    assert!(read(b"no archive", LIMITS).is_err());
}

#[test]
fn a_record_of_a_long_name_is_not_read_whole_if_it_is_too_long() {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    let record = vec![b'x'; (64 << 10) + 1];
    header.set_size(record.len() as u64);
    header.set_cksum();
    archive.append(&header, &record[..]).unwrap();
    let packed = archive.into_inner().unwrap().finish().unwrap();
    let error = read_archive(&packed[..], LIMITS, &mut |_, _| Ok(())).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn what_is_no_package_for_r4_is_refused_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    let five = manifest("a.b", "1.0.0").replace("4.0.1", "5.0.0");
    let outward = manifest("../a", "1.0.0");
    for (files, told) in [
        (vec![("package/package.json", &*five)], "FHIR 5.0.0"),
        (vec![("package/package.json", &*outward)], "name"),
        (vec![("package/ValueSet-a.json", "{}")], "package.json"),
    ] {
        let path = home.path().join("x.tgz");
        std::fs::File::create(&path).unwrap().write_all(&packed(&files)).unwrap();
        let error = shelf.add(&path, &ProgressBar::hidden()).err().unwrap();
        assert!(format!("{error:#}").contains(told), "{error:#}");
    }
    assert!(shelf.keys().unwrap().is_empty());
    assert!(!home.path().join("packages/.new").exists());
}

#[test]
fn definitions_that_cannot_be_used_are_told_by_file() {
    let home = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(home.path().join("packages"));
    let path = home.path().join("x.tgz");
    let bad = profile("1.0.0", 1).replace("\"min\":1", "\"max\":\"many\"");
    let files = [
        ("package/package.json", &*manifest("a.b", "1.0.0")),
        ("package/StructureDefinition-p.json", &bad),
        ("package/ValueSet-v.json", "{"),
    ];
    std::fs::write(&path, packed(&files)).unwrap();
    let faults = shelf.add(&path, &ProgressBar::hidden()).unwrap().written.faults;
    assert!(faults[0].starts_with("StructureDefinition-p.json: element Patient.name"), "{faults:?}");
    assert!(faults[1].starts_with("ValueSet-v.json"), "{faults:?}");
}
