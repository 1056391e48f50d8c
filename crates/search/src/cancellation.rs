//! Whether an answer is still wanted: a flag that goes with the question and ends the work on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the work on an answer shall end early, because it took too long or nobody waits for it any more. All
/// clones are one flag; the default one is never raised by anybody, and costs nothing to ask.
///
/// A store asks it at every block that it opens and every resource that it decides, and ends with an error; one that
/// does not ask is right as well, and only slower to end.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Option<Arc<AtomicBool>>);

impl Cancellation {
    /// One that may be raised.
    pub fn new() -> Cancellation {
        Cancellation(Some(Arc::default()))
    }

    /// Ends the work on everything that was asked with this.
    pub fn cancel(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the work shall end.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_are_one_flag_and_the_default_is_none() {
        let (asked, never) = (Cancellation::new(), Cancellation::default());
        let carried = asked.clone();
        assert!(!carried.is_cancelled());
        asked.cancel();
        never.cancel();
        assert!(carried.is_cancelled() && !never.is_cancelled());
    }
}
