//! A tarn process: started, killed, stopped, checked, watched.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How long the server may take to start, whatever it was killed upon.
const START_MAX: Duration = Duration::from_secs(60);
/// How long it may take to end after SIGTERM.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Lines of its log that are kept for evidence.
const LOG_LINES_MAX: usize = 200;

/// The binary and the folder that it serves.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The built binary.
    pub(crate) binary: PathBuf,
    /// The data folder.
    pub(crate) data: PathBuf,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    log: Log,
    endpoint: std::sync::mpsc::Receiver<String>,
    began: Instant,
}

/// The last lines of a server's log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Place {
    /// The binary given, or else the one that stands beside this one.
    pub(crate) fn new(binary: Option<PathBuf>, data: PathBuf) -> Result<Place> {
        let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("tarn"));
        let binary = binary.map_or_else(beside, Ok)?;
        ensure!(binary.is_file(), "there is no binary {}; name it with --binary", binary.display());
        Ok(Place { binary, data })
    }

    /// Starts a server on a free port; [`Server::ready`] tells when it serves.
    pub(crate) fn start(&self) -> Result<Server> {
        let began = Instant::now();
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TARN_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&self.data)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let lines = BufReader::new(child.stderr.take().context("the log is piped")?).lines();
        let log = Log::default();
        let (tell, endpoint) = std::sync::mpsc::channel();
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("ready at ") {
                    // Nobody waits for it where a server is killed while it starts.
                    let _ = tell.send(rest.split_whitespace().next().unwrap_or_default().to_owned());
                }
                kept.keep(line);
            }
        });
        Ok(Server { child, log, endpoint, began })
    }

    /// What `tarn check` says of the folder: its lines, if anything is wrong.
    pub(crate) fn check(&self) -> Result<Option<String>> {
        let output = Command::new(&self.binary).args(["check", "--data"]).arg(&self.data).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned()))
    }

    /// The folders of data stores that are on the disk.
    pub(crate) fn store_folders(&self) -> Result<Vec<String>> {
        let names = std::fs::read_dir(self.data.join("stores"))?;
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

impl Server {
    /// Waits until it serves. Returns its address and how long it took from its start.
    pub(crate) fn ready(&mut self) -> Result<(String, Duration)> {
        match self.endpoint.recv_timeout(START_MAX) {
            Ok(endpoint) => Ok((endpoint, self.began.elapsed())),
            Err(_) => bail!("the server did not start:\n{}", self.log.text()),
        }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`. Returns what its log says that it should not.
    pub(crate) fn kill(mut self) -> Result<Vec<String>> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.log.faults())
    }

    /// SIGTERM, and waits for the end. Returns what its log says that it should not.
    pub(crate) fn stop(mut self) -> Result<Vec<String>> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let began = Instant::now();
        while began.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait()? {
                let mut said = self.log.faults();
                if !status.success() {
                    said.push(format!("the server ended with {status} after SIGTERM"));
                }
                return Ok(said);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(vec![format!("the server did not end within {STOP_MAX:?} of SIGTERM:\n{}", self.log.text())])
    }
}

impl Log {
    fn keep(&self, line: String) {
        let mut lines = self.0.lock().expect("no holder of this lock panics");
        if lines.len() == LOG_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn faults(&self) -> Vec<String> {
        let lines = self.0.lock().expect("no holder of this lock panics");
        let is_wrong = |line: &&String| line.contains("panicked") || line.contains(" ERROR ");
        lines.iter().filter(is_wrong).cloned().collect()
    }

    fn text(&self) -> String {
        let lines = self.0.lock().expect("no holder of this lock panics");
        lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}

/// Where a run keeps its data: the folder given, or one of its own that goes with it.
pub(crate) fn folder(given: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    match given {
        Some(path) => Ok((path.to_owned(), None)),
        None => {
            let own = tempfile::Builder::new().prefix("tarn-endurance-").tempdir()?;
            Ok((own.path().join("data"), Some(own)))
        }
    }
}
