//! `package.json`: which package it is, for which FHIR, and what it builds on.

use crate::{Document, Json};

/// The longest name of a package, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// The longest version of a package, in bytes.
pub const VERSION_BYTES_MAX: usize = 64;

/// The most packages that one builds on.
pub const DEPENDENCIES_MAX: usize = 200;

/// A package in one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageKey {
    /// Its name (`hl7.fhir.us.core`).
    pub name: String,
    /// Its version (`6.1.0`).
    pub version: String,
}

/// What `package.json` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which package it is.
    pub key: PackageKey,
    /// Its title for people, if it has one.
    pub title: Option<String>,
    /// The canonical URL of its guide, if it has one.
    pub canonical: Option<String>,
    /// The versions of FHIR that it is for; none if it does not say.
    pub fhir_versions: Vec<String>,
    /// The packages it builds on; a version may be a part of one, or end in `.x`.
    pub dependencies: Vec<PackageKey>,
}

/// Why a `package.json` is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// Not a JSON document.
    NotJson,
    /// `name` is missing, or not at most [`NAME_BYTES_MAX`] small letters, digits, dots, hyphens and underscores that
    /// begin with a letter or digit.
    Name,
    /// `version` is missing, or not at most [`VERSION_BYTES_MAX`] letters, digits, dots, hyphens, underscores and
    /// plus signs that begin with a letter or digit.
    Version,
    /// More than [`DEPENDENCIES_MAX`] dependencies.
    TooManyDependencies,
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ManifestError::NotJson => "package.json is not JSON",
            ManifestError::Name => "package.json has no name, or one that no package can have",
            ManifestError::Version => "package.json has no version, or one that no package can have",
            ManifestError::TooManyDependencies => "package.json names too many dependencies",
        })
    }
}

impl std::error::Error for ManifestError {}

impl PackageKey {
    /// The package of this name and version, if both have the form that packages' have; then they are fit for the
    /// name of a folder.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Option<PackageKey> {
        let is_fit = |text: &str, bytes_max, also: fn(u8) -> bool| {
            text.len() <= bytes_max
                && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
                && text.bytes().all(|byte| {
                    byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || matches!(byte, b'.' | b'-' | b'_')
                        || also(byte)
                })
        };
        let is_fit = is_fit(name, NAME_BYTES_MAX, |_| false)
            && is_fit(version, VERSION_BYTES_MAX, |byte| byte.is_ascii_uppercase() || byte == b'+');
        is_fit.then(|| PackageKey { name: name.to_owned(), version: version.to_owned() })
    }

    /// What `name@version` names.
    #[must_use]
    pub fn parse(text: &str) -> Option<PackageKey> {
        let (name, version) = text.split_once(['@', '#'])?;
        PackageKey::new(name, version)
    }
}

impl std::fmt::Display for PackageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

impl Manifest {
    /// Reads a `package.json`.
    ///
    /// # Errors
    /// What [`ManifestError`] names.
    pub fn read(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        let document = Document::parse_slice(bytes).map_err(|_| ManifestError::NotJson)?;
        let root = document.root();
        let text = |of: Option<Json<'_>>| of.and_then(Json::as_str).map(std::borrow::Cow::into_owned);
        let name = text(root.get("name")).unwrap_or_default();
        let version = text(root.get("version")).unwrap_or_default();
        PackageKey::new(&name, "1").ok_or(ManifestError::Name)?;
        let key = PackageKey::new(&name, &version).ok_or(ManifestError::Version)?;
        let dependencies = root.get("dependencies");
        if dependencies.is_some_and(|all| all.len() > DEPENDENCIES_MAX) {
            return Err(ManifestError::TooManyDependencies);
        }
        let dependencies = dependencies.into_iter().flat_map(Json::members).filter_map(|(name, version)| {
            let version = version.as_str()?;
            Some(PackageKey { name: name.as_str().into_owned(), version: version.into_owned() })
        });
        let fhir_versions = root.get("fhirVersions").or_else(|| root.get("fhir-version-list"));
        Ok(Manifest {
            key,
            title: text(root.get("title")),
            canonical: text(root.get("canonical")),
            fhir_versions: fhir_versions
                .into_iter()
                .flat_map(Json::items)
                .filter_map(|of| text(Some(of)))
                .collect(),
            dependencies: dependencies.collect(),
        })
    }

    /// Whether it is for R4, as far as it says.
    #[must_use]
    pub fn is_r4(&self) -> bool {
        self.fhir_versions.is_empty()
            || self.fhir_versions.iter().any(|version| version == "4.0" || version.starts_with("4.0."))
    }
}
