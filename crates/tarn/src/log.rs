//! The log: lines on standard error, no patient data in any of them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is logged when `TARN_LOG` says nothing.
const DEFAULT: &str = "info";

/// The S3 protocol library logs whole requests, object keys among them, which may tell of patients.
const S3S_OFF: &str = "s3s=off";

/// Starts logging. `TARN_LOG` takes filters such as `debug` or `info,jobs=debug`.
pub(crate) fn start() {
    let filter = EnvFilter::builder()
        .with_default_directive(DEFAULT.parse().expect("the default filter is well formed"))
        .with_env_var("TARN_LOG")
        .from_env_lossy()
        .add_directive(S3S_OFF.parse().expect("the directive is well formed"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}
