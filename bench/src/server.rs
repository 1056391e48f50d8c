//! A tarn process under measurement: started, asked, watched.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Clock ticks a second in `/proc/PID/stat`; Linux has had 100 for as long as it shows them.
const TICKS_A_SECOND: f64 = 100.0;

/// A running server over a folder of its own.
pub(crate) struct Server {
    binary: PathBuf,
    child: Child,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// Its address.
    pub(crate) endpoint: String,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU seconds, user and system.
    pub(crate) cpu_s: f64,
    /// Resident memory now, bytes.
    pub(crate) resident: u64,
    /// The most it ever was, bytes.
    pub(crate) peak: u64,
}

impl Server {
    /// Starts `binary` over `data`, with unsigned FHIR requests allowed.
    pub(crate) fn start(binary: &Path, data: &Path) -> Result<Server> {
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--open-fhir", "--data"])
            .arg(data)
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
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        Ok(Server { binary: binary.to_owned(), child, data: data.to_owned(), endpoint })
    }

    /// Runs a command of the command line against the server and reads the JSON it prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .args(["--json", "--endpoint", &self.endpoint, "--data"])
            .arg(&self.data)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(
            output.status.success(),
            "tarn {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// What the process has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let stat = std::fs::read_to_string(folder.join("stat"))?;
        let after_name = stat.rsplit_once(')').context("a process has a name")?.1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        let status = std::fs::read_to_string(folder.join("status"))?;
        let kib = |name: &str| -> Result<u64> {
            let line = status.lines().find(|line| line.starts_with(name)).context("the status has it")?;
            Ok(line.split_whitespace().nth(1).context("a number follows")?.parse()?)
        };
        Ok(Usage {
            cpu_s: ticks / TICKS_A_SECOND,
            resident: kib("VmRSS:")? * 1024,
            peak: kib("VmHWM:")? * 1024,
        })
    }

    /// Ends it with SIGTERM and waits.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

/// Where the built binary is: beside this one.
pub(crate) fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a binary lies in a folder")?.join("tarn"))
}
