//! Settings: values a user tunes, from flags, `TARN_*` variables and an optional TOML file, in that order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use rest::limits::{BUNDLE_BYTES_CEILING, BUNDLE_BYTES_MAX, BUNDLE_ENTRIES_CEILING, BUNDLE_ENTRIES_MAX};
use serde::Deserialize;

use crate::memory::{MEBIBYTE, MEMORY_BYTES_MIN, Memory};

use crate::load::LoadSettings;
use crate::load::rate::{Quotas, Rules};

/// The largest number of anything at once that can be set.
const AT_ONCE_CEILING: usize = 1 << 20;

/// Where the server listens when nothing is said.
pub(crate) const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The account that owns everything when nothing is said.
pub(crate) const ACCOUNT_ID: &str = "000000000000";

/// How many patients a data store preloaded with SYNTHEA holds when nothing is said.
pub(crate) const PRELOAD_PATIENTS: u32 = 100;

/// How long the files of FHIR exports are served when nothing is said, in hours: as long as HealthLake does.
pub(crate) const EXPORT_HOURS: u32 = 48;

/// What may be said on the command line, in the environment and in the file; the first to speak wins.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Options {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, env = "TARN_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// Folder that holds everything: keys, catalog, data stores, objects [default: ./tarn-data].
    #[arg(long, env = "TARN_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// A TOML file with these same settings.
    #[arg(long, env = "TARN_CONFIG")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Base URL under which clients reach this server; endpoints and links are made from it
    /// [default: http:// and the address].
    #[arg(long, env = "TARN_PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
    /// AWS region that requests are signed for [default: us-east-1].
    #[arg(long, env = "TARN_REGION")]
    pub(crate) region: Option<String>,
    /// AWS account in ARNs, twelve digits [default: 000000000000].
    #[arg(long, env = "TARN_ACCOUNT_ID")]
    pub(crate) account_id: Option<String>,
    /// Let unsigned requests through the FHIR doors of AWS_AUTH stores; only on a loopback address.
    #[arg(long, env = "TARN_OPEN_FHIR", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) open_fhir: Option<bool>,
    /// Origins whose web pages may call the FHIR door from a browser, separated by commas; * for any
    /// [default: none].
    #[arg(long, env = "TARN_CORS_ORIGINS")]
    pub(crate) cors_origins: Option<String>,
    /// Folder of FHIR packages (.tgz) to add at start, besides those of `tarn package add` [default: none].
    #[arg(long, env = "TARN_PACKAGES")]
    pub(crate) packages: Option<PathBuf>,
    /// Real Synthea output to preload SYNTHEA stores with, instead of generated patients: s3://… or a folder.
    #[arg(long, env = "TARN_SYNTHEA_SOURCE")]
    pub(crate) synthea_source: Option<String>,
    /// Patients in a store preloaded with SYNTHEA [default: 100].
    #[arg(long, env = "TARN_PRELOAD_PATIENTS")]
    pub(crate) preload_patients: Option<u32>,
    /// Data stores that may exist at once [default: 1000].
    #[arg(long, env = "TARN_DATASTORES_MAX")]
    pub(crate) datastores_max: Option<usize>,
    /// Mebibytes of memory by which caches, request bodies and jobs are bounded, at least 128 [default: a quarter of
    /// the machine's].
    #[arg(long, env = "TARN_MEMORY_MIB")]
    pub(crate) memory_mib: Option<u64>,
    /// Hours for which the files of FHIR exports are served after the export ended [default: 48].
    #[arg(long, env = "TARN_EXPORT_HOURS")]
    pub(crate) export_hours: Option<u32>,
    /// Entries that a batch or transaction Bundle may have, at most 10000 [default: 500].
    #[arg(long, env = "TARN_BUNDLE_ENTRIES_MAX")]
    pub(crate) bundle_entries_max: Option<usize>,
    /// Bytes that a batch or transaction Bundle may have, at most 268435455 [default: 5242880].
    #[arg(long, env = "TARN_BUNDLE_BYTES_MAX")]
    pub(crate) bundle_bytes_max: Option<usize>,
    /// Reads done at once, over all data stores [default: 256].
    #[arg(long, env = "TARN_READS_AT_ONCE")]
    pub(crate) reads_at_once: Option<usize>,
    /// Searches done at once, over all data stores [default: two for each processor, at least 4].
    #[arg(long, env = "TARN_SEARCHES_AT_ONCE")]
    pub(crate) searches_at_once: Option<usize>,
    /// Writes done at once, over all data stores [default: 128].
    #[arg(long, env = "TARN_WRITES_AT_ONCE")]
    pub(crate) writes_at_once: Option<usize>,
    /// $everything and $document done at once, over all data stores [default: one for each processor, at least 2].
    #[arg(long, env = "TARN_COSTLY_AT_ONCE")]
    pub(crate) costly_at_once: Option<usize>,
    /// Milliseconds that a request may wait for its turn before it is refused with 429 [default: 2000].
    #[arg(long, env = "TARN_WAIT_MS")]
    pub(crate) wait_ms: Option<u64>,
    /// Seconds that the searches of one request may take before they are cut [default: 30].
    #[arg(long, env = "TARN_SEARCH_SECONDS")]
    pub(crate) search_seconds: Option<u64>,
    /// Connections that may be open, as far as the system has file descriptors for them [default: 16384].
    #[arg(long, env = "TARN_CONNECTIONS_MAX")]
    pub(crate) connections_max: Option<usize>,
    /// Requests of one data store in a second; more are refused with 429 [default: any number].
    #[arg(long, env = "TARN_STORE_RATE")]
    pub(crate) store_rate: Option<u32>,
    /// Requests of one caller (address and access key) in a second; more are refused with 429
    /// [default: any number].
    #[arg(long, env = "TARN_CALLER_RATE")]
    pub(crate) caller_rate: Option<u32>,
    /// Quotas to keep callers to: none, or healthlake for those of AWS [default: none].
    #[arg(long, env = "TARN_QUOTAS")]
    pub(crate) quotas: Option<String>,
    /// S3 endpoint for the jobs' input and output; without one, the embedded endpoint's buckets serve.
    #[arg(long, env = "TARN_S3_ENDPOINT")]
    pub(crate) s3_endpoint: Option<String>,
    /// Region of that endpoint [default: the region above].
    #[arg(long, env = "TARN_S3_REGION")]
    pub(crate) s3_region: Option<String>,
    /// Access key id for that endpoint and its STS.
    #[arg(long, env = "TARN_S3_ACCESS_KEY_ID")]
    pub(crate) s3_access_key_id: Option<String>,
    /// Secret access key for that endpoint and its STS.
    #[arg(long, env = "TARN_S3_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub(crate) s3_secret_access_key: Option<String>,
    /// Address that endpoint's buckets as paths, not as host names.
    #[arg(long, env = "TARN_S3_PATH_STYLE", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) s3_path_style: Option<bool>,
    /// Encrypt what jobs write there with the KMS key that the job names.
    #[arg(long, env = "TARN_S3_JOB_KEYS", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) s3_job_keys: Option<bool>,
    /// STS endpoint where the data-access role of a job is assumed; without one, the keys above are used as
    /// they are.
    #[arg(long, env = "TARN_STS_ENDPOINT")]
    pub(crate) sts_endpoint: Option<String>,
}

/// Settings, complete and checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The folder that holds everything.
    pub(crate) data: PathBuf,
    /// The base URL that clients use, without a trailing slash; `None`: the address listened on.
    pub(crate) public_url: Option<String>,
    /// The AWS region.
    pub(crate) region: String,
    /// The AWS account.
    pub(crate) account_id: String,
    /// Whether unsigned FHIR requests pass.
    pub(crate) open_fhir: bool,
    /// The origins whose pages may call the FHIR door.
    pub(crate) cors_origins: rest::Origins,
    /// The folder whose packages are added at start.
    pub(crate) packages: Option<PathBuf>,
    /// Where preloaded patients come from, if not from the generator.
    pub(crate) synthea_source: Option<String>,
    /// How many patients are generated for a preloaded store.
    pub(crate) preload_patients: u32,
    /// How many data stores may exist at once.
    pub(crate) datastores_max: usize,
    /// By how much memory caches, request bodies and jobs are bounded.
    pub(crate) memory: Memory,
    /// How long the files of FHIR exports are served, in hours.
    pub(crate) export_hours: u32,
    /// How many entries a Bundle may have.
    pub(crate) bundle_entries_max: usize,
    /// How large a Bundle may be, in bytes.
    pub(crate) bundle_bytes_max: usize,
    /// What is done at once, how long it may take, and how much may be asked.
    pub(crate) load: LoadSettings,
    /// Where jobs find their objects.
    pub(crate) objects: ObjectsSettings,
}

/// Where jobs find their objects.
#[derive(Clone, Debug)]
pub(crate) enum ObjectsSettings {
    /// In the embedded endpoint's buckets.
    Embedded,
    /// At a real S3 or S3-compatible endpoint.
    Remote(RemoteObjects),
}

/// A real S3 or S3-compatible endpoint.
#[derive(Clone)]
pub(crate) struct RemoteObjects {
    /// Its URL.
    pub(crate) endpoint: String,
    /// Its region.
    pub(crate) region: String,
    /// The access key id.
    pub(crate) access_key_id: String,
    /// The secret.
    pub(crate) secret_access_key: String,
    /// Whether buckets are paths.
    pub(crate) path_style: bool,
    /// Whether objects are encrypted with the KMS key that the job names.
    pub(crate) job_keys: bool,
    /// Where roles are assumed, if they are.
    pub(crate) sts_endpoint: Option<String>,
}

impl std::fmt::Debug for RemoteObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteObjects")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("path_style", &self.path_style)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The settings that these options make, with the file they name. Fails with a sentence that names the
    /// option at fault.
    pub(crate) fn settle(self) -> Result<Settings> {
        let file = self.config.as_deref().map(read).transpose()?.unwrap_or_default();
        self.or(file).complete()
    }

    fn or(self, file: Options) -> Options {
        Options {
            listen: self.listen.or(file.listen),
            data: self.data.or(file.data),
            config: self.config,
            public_url: self.public_url.or(file.public_url),
            region: self.region.or(file.region),
            account_id: self.account_id.or(file.account_id),
            open_fhir: self.open_fhir.or(file.open_fhir),
            cors_origins: self.cors_origins.or(file.cors_origins),
            packages: self.packages.or(file.packages),
            synthea_source: self.synthea_source.or(file.synthea_source),
            preload_patients: self.preload_patients.or(file.preload_patients),
            datastores_max: self.datastores_max.or(file.datastores_max),
            memory_mib: self.memory_mib.or(file.memory_mib),
            export_hours: self.export_hours.or(file.export_hours),
            bundle_entries_max: self.bundle_entries_max.or(file.bundle_entries_max),
            bundle_bytes_max: self.bundle_bytes_max.or(file.bundle_bytes_max),
            reads_at_once: self.reads_at_once.or(file.reads_at_once),
            searches_at_once: self.searches_at_once.or(file.searches_at_once),
            writes_at_once: self.writes_at_once.or(file.writes_at_once),
            costly_at_once: self.costly_at_once.or(file.costly_at_once),
            wait_ms: self.wait_ms.or(file.wait_ms),
            search_seconds: self.search_seconds.or(file.search_seconds),
            connections_max: self.connections_max.or(file.connections_max),
            store_rate: self.store_rate.or(file.store_rate),
            caller_rate: self.caller_rate.or(file.caller_rate),
            quotas: self.quotas.or(file.quotas),
            s3_endpoint: self.s3_endpoint.or(file.s3_endpoint),
            s3_region: self.s3_region.or(file.s3_region),
            s3_access_key_id: self.s3_access_key_id.or(file.s3_access_key_id),
            s3_secret_access_key: self.s3_secret_access_key.or(file.s3_secret_access_key),
            s3_path_style: self.s3_path_style.or(file.s3_path_style),
            s3_job_keys: self.s3_job_keys.or(file.s3_job_keys),
            sts_endpoint: self.sts_endpoint.or(file.sts_endpoint),
        }
    }

    fn complete(self) -> Result<Settings> {
        let listen = self.listen.unwrap_or(LISTEN);
        let open_fhir = self.open_fhir.unwrap_or(false);
        ensure!(
            !open_fhir || listen.ip().is_loopback(),
            "open-fhir lets anybody in, so it is refused unless tarn listens on a loopback address, and {} is none",
            listen.ip()
        );
        let account_id = self.account_id.clone().unwrap_or_else(|| ACCOUNT_ID.to_owned());
        ensure!(
            account_id.len() == 12 && account_id.bytes().all(|b| b.is_ascii_digit()),
            "account-id must be twelve digits"
        );
        let region = self.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        ensure!(
            !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "region must be letters, digits and hyphens"
        );
        let public_url = self.public_url.as_deref().map(public_url).transpose()?;
        let bundle_entries_max = self.bundle_entries_max.unwrap_or(BUNDLE_ENTRIES_MAX);
        ensure!(
            bundle_entries_max <= BUNDLE_ENTRIES_CEILING,
            "bundle-entries-max must be at most {BUNDLE_ENTRIES_CEILING}: what one commit can hold"
        );
        let bundle_bytes_max = self.bundle_bytes_max.unwrap_or(BUNDLE_BYTES_MAX);
        ensure!(
            bundle_bytes_max <= BUNDLE_BYTES_CEILING,
            "bundle-bytes-max must be at most {BUNDLE_BYTES_CEILING}"
        );
        let cors_origins = rest::Origins::parse(self.cors_origins.as_deref().unwrap_or_default()).context(
            "cors-origins must be origins like https://app.example.org, separated by commas, or *",
        )?;
        let objects = self.objects(&region)?;
        let memory = self.memory()?;
        let load = self.load()?;
        Ok(Settings {
            listen,
            data: self.data.unwrap_or_else(|| PathBuf::from("tarn-data")),
            public_url,
            region,
            account_id,
            open_fhir,
            cors_origins,
            packages: self.packages,
            synthea_source: self.synthea_source,
            preload_patients: self.preload_patients.unwrap_or(PRELOAD_PATIENTS),
            datastores_max: self.datastores_max.unwrap_or(1000),
            memory,
            export_hours: self.export_hours.unwrap_or(EXPORT_HOURS),
            bundle_entries_max,
            bundle_bytes_max,
            load,
            objects,
        })
    }

    fn load(&self) -> Result<LoadSettings> {
        let suited = LoadSettings::of_machine(std::thread::available_parallelism().map_or(1, usize::from));
        let at_once = |said: Option<usize>, otherwise: usize, name: &str| {
            let number = said.unwrap_or(otherwise);
            ensure!((1..=AT_ONCE_CEILING).contains(&number), "{name} must be from 1 to {AT_ONCE_CEILING}");
            Ok(number)
        };
        let rate = |said: Option<u32>, name: &str| {
            ensure!(said != Some(0), "{name} must be at least 1; without it there is no limit");
            Ok(said)
        };
        let search_seconds = self.search_seconds.unwrap_or(suited.search.as_secs());
        ensure!(search_seconds > 0, "search-seconds must be at least 1");
        let quotas = match self.quotas.as_deref() {
            None | Some("none") => Quotas::None,
            Some("healthlake") => Quotas::HealthLake,
            Some(other) => bail!("quotas must be none or healthlake, not {other}"),
        };
        let rules = Rules {
            of_store: rate(self.store_rate, "store-rate")?,
            of_caller: rate(self.caller_rate, "caller-rate")?,
            quotas,
        };
        Ok(LoadSettings {
            reads_at_once: at_once(self.reads_at_once, suited.reads_at_once, "reads-at-once")?,
            searches_at_once: at_once(self.searches_at_once, suited.searches_at_once, "searches-at-once")?,
            writes_at_once: at_once(self.writes_at_once, suited.writes_at_once, "writes-at-once")?,
            costly_at_once: at_once(self.costly_at_once, suited.costly_at_once, "costly-at-once")?,
            connections_max: at_once(self.connections_max, suited.connections_max, "connections-max")?,
            wait_ms: self.wait_ms.unwrap_or(suited.wait_ms),
            search: Duration::from_secs(search_seconds),
            rules,
        })
    }

    fn memory(&self) -> Result<Memory> {
        let Some(mebibytes) = self.memory_mib else { return Ok(Memory::of_machine()) };
        let bytes = mebibytes.saturating_mul(MEBIBYTE);
        ensure!(
            bytes >= MEMORY_BYTES_MIN,
            "memory-mib must be at least {}, which imports need",
            MEMORY_BYTES_MIN / MEBIBYTE
        );
        Ok(Memory::of(bytes))
    }

    fn objects(&self, region: &str) -> Result<ObjectsSettings> {
        let Some(endpoint) = &self.s3_endpoint else {
            ensure!(self.sts_endpoint.is_none(), "sts-endpoint goes with s3-endpoint");
            return Ok(ObjectsSettings::Embedded);
        };
        let key = |value: &Option<String>, name: &str| {
            value.clone().with_context(|| format!("s3-endpoint needs {name}"))
        };
        Ok(ObjectsSettings::Remote(RemoteObjects {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            region: self.s3_region.clone().unwrap_or_else(|| region.to_owned()),
            access_key_id: key(&self.s3_access_key_id, "s3-access-key-id")?,
            secret_access_key: key(&self.s3_secret_access_key, "s3-secret-access-key")?,
            path_style: self.s3_path_style.unwrap_or(true),
            job_keys: self.s3_job_keys.unwrap_or(false),
            sts_endpoint: self.sts_endpoint.clone(),
        }))
    }
}

fn read(path: &Path) -> Result<Options> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a settings file", path.display()))
}

fn public_url(url: &str) -> Result<String> {
    let parsed: http::Uri = url.parse().context("public-url is not a URL")?;
    let scheme = parsed.scheme_str().unwrap_or_default();
    ensure!(
        matches!(scheme, "http" | "https") && parsed.authority().is_some() && parsed.query().is_none(),
        "public-url must look like https://fhir.example.org"
    );
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_door_is_refused_on_an_address_that_others_reach() {
        let options = |listen: &str| Options {
            listen: Some(listen.parse().unwrap()),
            open_fhir: Some(true),
            ..Options::default()
        };
        assert!(options("127.0.0.1:0").settle().unwrap().open_fhir);
        assert!(options("[::1]:0").settle().unwrap().open_fhir);
        let refused = options("0.0.0.0:8080").settle().unwrap_err().to_string();
        assert!(refused.contains("0.0.0.0"), "{refused}");
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tarn.toml");
        std::fs::write(&path, "region = \"eu-west-1\"\naccount-id = \"123456789012\"\n").unwrap();
        let options = Options { config: Some(path), region: Some("us-west-2".into()), ..Options::default() };
        let settings = options.settle().unwrap();
        assert_eq!((&*settings.region, &*settings.account_id), ("us-west-2", "123456789012"));
        assert_eq!(settings.listen, LISTEN);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (options, name) in [
            (Options { account_id: Some("12".into()), ..Options::default() }, "account-id"),
            (Options { public_url: Some("ftp://x".into()), ..Options::default() }, "public-url"),
            (Options { s3_endpoint: Some("http://x".into()), ..Options::default() }, "s3-access-key-id"),
            (Options { region: Some("".into()), ..Options::default() }, "region"),
            (Options { bundle_entries_max: Some(10_001), ..Options::default() }, "bundle-entries-max"),
            (Options { memory_mib: Some(127), ..Options::default() }, "memory-mib"),
            (Options { bundle_bytes_max: Some(1 << 28), ..Options::default() }, "bundle-bytes-max"),
            (Options { quotas: Some("aws".into()), ..Options::default() }, "quotas"),
            (Options { searches_at_once: Some(0), ..Options::default() }, "searches-at-once"),
            (Options { search_seconds: Some(0), ..Options::default() }, "search-seconds"),
            (Options { store_rate: Some(0), ..Options::default() }, "store-rate"),
            (Options { cors_origins: Some("a.example".into()), ..Options::default() }, "cors-origins"),
        ] {
            let refused = options.settle().unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
        }
        let unknown = toml::from_str::<Options>("lisen = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(unknown.contains("lisen"), "{unknown}");
    }
}
