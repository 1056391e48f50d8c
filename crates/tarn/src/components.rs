//! The parts of a server, built from its settings. The only place that names a backend.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use access::{Credentials, HEALTHLAKE, Principal, Verifier};
use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use embedded::{EmbeddedCatalog, StoreLimits};
use healthlake::arn::Place;
use jobs::limits::Sizes;
use jobs::preload::{Source, Synthea};
use jobs::{Bases, DataAccess, EXPORTS_BUCKET, ExportFiles, Lifecycle, Queue, Runner, S3Uri};
use rest::limits::BUNDLE_CONTENT_BYTES_MAX;
use store::{Catalog, Clock, Random, RootKey, SystemClock, SystemRandom};
use tokio::task::JoinHandle;

use crate::body::BodyRoom;
use crate::config::Settings;
use crate::folder::{Folder, Secrets};
use crate::load::Load;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::objects;
use crate::packages::{LivePackages, Shelf};
use crate::transfer::Transfers;

/// The name under which jobs are worked on. The data folder's lock makes this process the only one, so a job
/// that a crash interrupted is its own and goes on at once.
const WORKER: &str = "tarn";

/// The seed of preloaded patients: every preloaded data store begins with the same ones.
const PRELOAD_SEED: u64 = 1;

/// How long jobs may take to reach a checkpoint once the server is told to stop, in milliseconds.
const PAUSE_MS_MAX: u64 = 30_000;

/// A server's parts.
pub(crate) struct Components {
    /// What was done.
    pub(crate) metrics: Metrics,
    /// Room for the bodies of requests.
    pub(crate) bodies: BodyRoom,
    /// Keeps the server steady under load.
    pub(crate) load: Load,
    /// FHIR packages, as they are now.
    pub(crate) packages: Arc<LivePackages>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes ids.
    pub(crate) random: Arc<dyn Random>,
    /// The AWS door.
    pub(crate) healthlake: healthlake::Service,
    /// Backups and restorations.
    pub(crate) transfers: Arc<Transfers>,
    /// The FHIR door.
    pub(crate) rest: Arc<rest::Service>,
    /// The objects door.
    pub(crate) s3: s3::Endpoint,
    runner: Arc<Runner>,
    background: Background,
    // Last, so that the folder stays locked until everything else is gone.
    _folder: Folder,
}

/// What goes on besides requests.
struct Background {
    lifecycle: JoinHandle<()>,
    runner: std::sync::Mutex<Option<JoinHandle<()>>>,
    transactions: JoinHandle<()>,
    transfers: JoinHandle<()>,
}

/// What several parts share.
struct Shared<'a> {
    settings: &'a Settings,
    public_url: &'a str,
    backend: Arc<EmbeddedCatalog>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    owner: Arc<Principal>,
    root_key: RootKey,
}

/// A data folder that is open, locked, and has its keys.
pub(crate) struct Opened {
    folder: Folder,
    secrets: Secrets,
}

impl Opened {
    /// Opens the data folder and makes the keys that it lacks.
    pub(crate) fn open(settings: &Settings) -> Result<Opened> {
        let folder = Folder::open(&settings.data)?;
        let secrets = folder.secrets(&SystemRandom)?;
        Ok(Opened { folder, secrets })
    }
}

impl Components {
    /// Builds everything over a data folder; work left from the last time goes on.
    pub(crate) fn build(opened: Opened, settings: &Settings, public_url: &str) -> Result<Components> {
        let Opened { folder, secrets: Secrets { credentials, root_key } } = opened;
        let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) =
            (Arc::new(SystemClock), Arc::new(SystemRandom));
        let catalog =
            open_catalog(&folder, &root_key, settings.memory, Arc::clone(&clock), Arc::clone(&random))?;
        let backend = Arc::new(catalog);
        let catalog: Arc<dyn Catalog> = Arc::clone(&backend) as _;
        let owner = Arc::new(owner(credentials, settings));
        let shared = Shared { settings, public_url, backend, catalog, clock, random, owner, root_key };
        shared.assemble(folder)
    }

    /// Pauses jobs at a checkpoint and ends what goes on in the background.
    pub(crate) async fn stop(&self) {
        self.runner.stop();
        let runner = self.background.runner.lock().expect("no holder of this lock panics").take();
        if let Some(runner) = runner
            && tokio::time::timeout(Duration::from_millis(PAUSE_MS_MAX), runner).await.is_err()
        {
            tracing::warn!("a job did not pause in {PAUSE_MS_MAX} ms; the next start takes it up");
        }
        self.background.transactions.abort();
        self.background.transfers.abort();
        self.background.lifecycle.abort();
    }
}

impl Shared<'_> {
    fn assemble(self, folder: Folder) -> Result<Components> {
        let buckets =
            open_objects(&folder, &self.root_key, Arc::clone(&self.clock), Arc::clone(&self.random))?;
        let buckets = Arc::new(buckets);
        let access = objects::access(&buckets, &self.settings.objects, &self.clock);
        let files = self.files(&folder)?;
        let packages = self.packages(&folder);
        let queue = Arc::new(Queue::new(Arc::clone(&self.catalog)));
        let lifecycle = Arc::new(self.lifecycle(&access)?.with_files(files.clone()));
        let runner = Arc::new(self.runner(Arc::clone(&queue), access, files.clone(), &packages));
        let rest = Arc::new(self.rest(Arc::clone(&queue), files, &packages));
        let transactions = Arc::clone(&rest);
        let transfers = self.transfers();
        let background = Background {
            lifecycle: tokio::spawn(Arc::clone(&lifecycle).run()),
            runner: std::sync::Mutex::new(Some(tokio::spawn(Arc::clone(&runner).run()))),
            transactions: tokio::spawn(async move { transactions.work().await }),
            transfers: tokio::spawn(Arc::clone(&transfers).tend()),
        };
        Ok(Components {
            metrics: Metrics::default(),
            load: Load::new(&self.settings.load),
            packages,
            bodies: BodyRoom::new(self.settings.memory.body_bytes()),
            transfers,
            healthlake: self.healthlake(lifecycle, queue),
            rest,
            s3: self.s3(buckets),
            clock: self.clock,
            random: self.random,
            runner,
            background,
            _folder: folder,
        })
    }

    fn lifecycle(&self, access: &Arc<dyn DataAccess>) -> Result<Lifecycle> {
        let source = match &self.settings.synthea_source {
            None => {
                Source::Generated { seed: PRELOAD_SEED, patients: u64::from(self.settings.preload_patients) }
            }
            Some(uri) if uri.starts_with("s3://") => {
                let uri = S3Uri::parse(uri).context("synthea-source")?;
                Source::Objects(access.assume(""), uri)
            }
            Some(folder) => Source::Folder(folder.into()),
        };
        let preload = Arc::new(Synthea::new(source, Arc::clone(&self.catalog), self.bases()));
        Ok(Lifecycle::new(Arc::clone(&self.catalog), Arc::clone(&self.clock), preload))
    }

    /// The files of exports that are served from here, in objects that no door leads to.
    fn files(&self, folder: &Folder) -> Result<ExportFiles> {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let exports = open_exports(folder, &self.root_key, clock, random)?;
        if !exports.has_bucket(EXPORTS_BUCKET) {
            exports.create_bucket(EXPORTS_BUCKET).context("make room for the files of exports")?;
        }
        let keep_ms = i64::from(self.settings.export_hours) * 60 * 60 * 1000;
        Ok(ExportFiles::new(Arc::new(s3::FolderObjects::new(Arc::new(exports))), keep_ms))
    }

    fn runner(
        &self,
        queue: Arc<Queue>,
        access: Arc<dyn DataAccess>,
        files: ExportFiles,
        packages: &Arc<LivePackages>,
    ) -> Runner {
        Runner::new(jobs::Parts {
            catalog: Arc::clone(&self.catalog),
            queue,
            access,
            files,
            bases: self.bases(),
            packages: Arc::clone(packages) as _,
            clock: Arc::clone(&self.clock),
            owner: WORKER.to_owned(),
            workers: self.settings.memory.jobs_at_once(),
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            sizes: Sizes::within(self.settings.memory.job_bytes()),
        })
    }

    /// The packages of the data folder; those of the configured folder are added while the server serves.
    fn packages(&self, folder: &Folder) -> Arc<LivePackages> {
        let packages = Arc::new(LivePackages::new(Shelf::new(folder.packages()), Arc::clone(&self.clock)));
        if let Some(source) = self.settings.packages.clone() {
            let packages = Arc::clone(&packages);
            // A thread of its own: the server need not wait for it to stop.
            std::thread::spawn(move || packages.add_from(&source));
        }
        packages
    }

    fn place(&self) -> Place {
        Place {
            region: self.settings.region.clone(),
            account_id: self.settings.account_id.clone(),
            public_url: self.public_url.to_owned(),
        }
    }

    fn bases(&self) -> Bases {
        let place = self.place();
        Arc::new(move |id| place.datastore_endpoint(id))
    }

    fn healthlake(&self, lifecycle: Arc<Lifecycle>, queue: Arc<Queue>) -> healthlake::Service {
        let mut settings =
            healthlake::Settings::new(self.place(), derive(&self.root_key, "healthlake pages"));
        settings.datastores_max = self.settings.datastores_max;
        let parts = healthlake::ServiceParts {
            catalog: Arc::clone(&self.catalog),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            verifier: Arc::new(Verifier::new(HEALTHLAKE, Arc::clone(&self.owner) as _)),
            lifecycle,
            queue,
        };
        healthlake::Service::new(parts, settings)
    }

    fn transfers(&self) -> Arc<Transfers> {
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        Arc::new(Transfers::new(Arc::clone(&self.backend), clock, random, Arc::clone(&self.owner)))
    }

    fn rest(&self, queue: Arc<Queue>, files: ExportFiles, packages: &Arc<LivePackages>) -> rest::Service {
        let parts = rest::Parts {
            catalog: Arc::clone(&self.catalog),
            credentials: Arc::clone(&self.owner) as _,
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            queue,
            files,
            packages: Arc::clone(packages) as _,
        };
        let limits = rest::Limits {
            bundle_entries: self.settings.bundle_entries_max,
            bundle_bytes: self.settings.bundle_bytes_max,
            bundle_content_bytes: BUNDLE_CONTENT_BYTES_MAX.max(4 * self.settings.bundle_bytes_max),
            ..rest::Limits::default()
        };
        let unsigned = if self.settings.open_fhir { rest::Unsigned::Taken } else { rest::Unsigned::Refused };
        let settings = rest::Settings {
            public_url: self.public_url.to_owned(),
            account_id: self.settings.account_id.clone(),
            unsigned,
            page_key: derive(&self.root_key, "fhir pages"),
            limits,
            origins: self.settings.cors_origins.clone(),
        };
        rest::Service::new(parts, settings)
    }

    fn s3(&self, buckets: Arc<s3::Folder>) -> s3::Endpoint {
        let domain = self.public_url.split_once("://").map(|(_, host)| host.to_owned());
        let options = s3::EndpointOptions { region: self.settings.region.clone(), domain };
        s3::Endpoint::new(buckets, Arc::clone(&self.owner) as _, Arc::clone(&self.clock), options)
    }
}

/// The catalog of a data folder, and through it every data store.
pub(crate) fn open_catalog(
    folder: &Folder,
    root_key: &RootKey,
    memory: Memory,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<EmbeddedCatalog> {
    let limits = StoreLimits::of(memory.block_cache_bytes(), memory.index_cache_bytes());
    EmbeddedCatalog::open(folder.path(), root_key, clock, random, limits).context("open the catalog")
}

/// The objects of a data folder.
pub(crate) fn open_objects(
    folder: &Folder,
    root_key: &RootKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<s3::Folder> {
    s3::Folder::open(&folder.objects(), &derive(root_key, "objects"), clock, random)
        .context("open the objects")
}

/// The files of exports of a data folder.
pub(crate) fn open_exports(
    folder: &Folder,
    root_key: &RootKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<s3::Folder> {
    s3::Folder::open(&folder.exports(), &derive(root_key, "exports"), clock, random)
        .context("open the files of exports")
}

fn owner(credentials: Credentials, settings: &Settings) -> Principal {
    Principal { credentials, account_id: settings.account_id.clone(), expires_unix_seconds: None }
}

/// A key for one purpose, which tells nothing of the root key or of the keys for other purposes.
fn derive(root_key: &RootKey, purpose: &str) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, root_key.bytes()), purpose.as_bytes());
    tag.as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes")
}
