//! Business versions: which is newer, and which a part of a version covers.

use std::cmp::Ordering;

/// Which version is newer. Numbers between dots are compared as numbers, anything else as text; what follows a
/// hyphen makes a version older than without it (`2.0.0-ballot` before `2.0.0`), and a build after `+` says nothing.
#[must_use]
pub fn compare_versions(one: &str, other: &str) -> Ordering {
    let (one_main, one_label) = parts(one);
    let (other_main, other_label) = parts(other);
    let main = segments(one_main, other_main);
    main.then_with(|| match (one_label, other_label) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => segments(one, other),
    })
}

/// Whether `wanted` is `version` or whole segments of its beginning: `1.0` covers `1.0.3`, not `1.01` and not
/// `1.0.3-ballot`.
#[must_use]
pub fn covers(wanted: &str, version: &str) -> bool {
    if wanted == version {
        return true;
    }
    let is_whole = |rest: &str| rest.starts_with('.') && !rest.contains('-');
    version.strip_prefix(wanted.trim_end_matches(".x")).is_some_and(is_whole)
}

/// The numbers of a version and its label.
fn parts(version: &str) -> (&str, Option<&str>) {
    let version = version.split('+').next().unwrap_or_default();
    version.split_once('-').map_or((version, None), |(main, label)| (main, Some(label)))
}

fn segments(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_their_numbers_and_labels_come_before() {
        let ordered =
            ["0.9", "1.0", "1.0.0", "1.2.0", "1.10.0", "2.0.0-ballot", "2.0.0-ballot2", "2.0.0", "2019"];
        for pair in ordered.windows(2) {
            assert_eq!(compare_versions(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare_versions(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare_versions("1.0.0+build", "1.0.0"), Ordering::Equal);
    }

    #[test]
    fn a_part_of_a_version_covers_what_begins_with_its_segments() {
        assert!(
            covers("1.0", "1.0.3")
                && covers("1", "1.0")
                && covers("1.0.3", "1.0.3")
                && covers("3.1.x", "3.1.1")
        );
        assert!(!covers("1.0", "1.01") && !covers("1.0.3", "1.0") && !covers("2.0", "2.0.0-ballot"));
    }
}
