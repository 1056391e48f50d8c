//! A tarn process of our own under measurement: started, weighed, killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::{Usage, forget_peak, usage};
use crate::target::Target;

/// The region that the server is started for and requests are signed for.
const REGION: &str = "us-east-1";

/// A running server over a folder of its own. Dropping it kills it.
pub struct Server {
    child: Child,
    /// Its address.
    pub endpoint: String,
    /// Its data folder.
    pub data: PathBuf,
    /// From the start of the process until it said that it was ready.
    pub started_in: Duration,
}

impl Server {
    /// Starts `binary` over `data` on a free port of the loopback address, with these settings besides.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it is ready.
    pub fn start(binary: &Path, data: &Path, settings: &[&str]) -> Result<Server> {
        let began = Instant::now();
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--region", REGION, "--data"])
            .arg(data)
            .args(settings)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let mut log = BufReader::new(child.stderr.take().context("the log is piped")?);
        let mut line = String::new();
        let endpoint = loop {
            line.clear();
            ensure!(log.read_line(&mut line)? > 0, "the server ended before it was ready");
            if let Some((_, rest)) = line.split_once("ready at ") {
                break rest.split_whitespace().next().context("an address follows")?.to_owned();
            }
        };
        let started_in = began.elapsed();
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        Ok(Server { child, endpoint, data: data.to_owned(), started_in })
    }

    /// The server as its clients see it.
    ///
    /// # Errors
    /// When its credentials cannot be read.
    pub fn target(&self) -> Result<Target> {
        Target::of_folder(&self.endpoint, REGION, &self.data)
    }

    /// What the process has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        usage(self.child.id())
    }

    /// Lets the peak of its memory begin again.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        forget_peak(self.child.id())
    }

    /// Ends it at once, as `kill -9` does.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it with SIGTERM and waits.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
