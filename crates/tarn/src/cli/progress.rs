//! Bars and spinners on standard error; nothing where a program listens.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a spinner turns, in milliseconds.
const TICK_MS: u64 = 100;

/// A spinner with a word beside it; hidden for programs.
pub(crate) fn spinner(json: bool, message: &str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target(json)).with_message(message.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(TICK_MS));
    spinner
}

/// A bar over `total` bytes.
pub(crate) fn bytes(json: bool, total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target(json)).with_prefix(what.to_owned());
    bar.set_style(style("{prefix:10} {bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left"));
    bar
}

/// A bar over resources: how many, how fast, how many errors, how long to go. Without a known total it
/// only counts.
pub(crate) fn resources(json: bool, total: Option<u64>, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, target(json)).with_prefix(what.to_owned());
    bar.set_style(match total {
        Some(_) => {
            style("{prefix:10} {bar:32} {human_pos}/{human_len} resources  {per_sec}  {msg}  {eta} left")
        }
        None => style("{prefix:10} {spinner} {human_pos} resources  {per_sec}  {msg}  {elapsed}"),
    });
    bar.set_message("0 errors");
    bar.enable_steady_tick(Duration::from_millis(TICK_MS));
    bar
}

/// A bar over the stages of a long run, and what goes on in them.
pub(crate) fn stages(count: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count), target(false));
    bar.set_style(style("{prefix:10} {bar:32} {pos}/{len}  {elapsed}  {msg}"));
    bar.enable_steady_tick(Duration::from_millis(TICK_MS));
    bar
}

fn target(json: bool) -> ProgressDrawTarget {
    if json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are well formed")
}
