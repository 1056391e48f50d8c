//! Whether value sets of packages and of the standard have a code: what validation asks again and again, worked out
//! once and kept.

mod bounds;
mod membership;
mod reading;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard};

use fhir::Bindings;
use fhir::package::Library;

use membership::Membership;
use reading::Reading;

/// How much memory the value sets that one [`PackagedCodes`] keeps may take with the code systems that they take
/// whole, in bytes.
pub const PACKAGED_CODES_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The codes of the value sets of packages and of the standard. A value set is worked out when it is first asked for and
/// stays as it is: of packages that changed another one is needed.
#[derive(Debug)]
pub struct PackagedCodes {
    library: Arc<Library>,
    bytes_max: usize,
    kept: RwLock<Sets>,
}

/// What was asked for, by the package that asks and its canonical.
type Sets = HashMap<Option<u32>, HashMap<Box<str>, Arc<Kept>>>;

/// A value set that was asked for.
#[derive(Debug, Default)]
struct Kept {
    codes: OnceLock<Membership>,
    /// Whether it was asked for since room was last made.
    is_used: AtomicBool,
}

impl PackagedCodes {
    /// The codes of these packages, none of them worked out yet.
    #[must_use]
    pub fn new(library: Arc<Library>) -> Self {
        Self::within(library, PACKAGED_CODES_BYTES_MAX)
    }

    fn within(library: Arc<Library>, bytes_max: usize) -> Self {
        PackagedCodes { library, bytes_max, kept: RwLock::default() }
    }

    /// The packages that they are of.
    #[must_use]
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Whether a value set has a code, as a binding asks: `None` if that cannot be known here. The value set and all
    /// that it names are looked for as from inside the package `from`: there and in what it builds on, then in what the
    /// standard defines, then in all packages.
    ///
    /// Of a value set of which only some can be known, because a code system is not here, is stored without its codes,
    /// is too large or is filtered in a way that is not supported, a code is still known that another part includes,
    /// and one of a system that no part names. Without a `system` the code is looked for in all systems of the value
    /// set.
    pub fn has(&self, system: Option<&str>, code: &str, value_set: &str, from: Option<u32>) -> Option<bool> {
        let ask = |codes: &Membership| codes.has(system, code);
        self.asked(value_set, from, &ask, |reading| reading.membership(value_set, from))
    }

    /// Whether a code of a code system is the other or subsumes it; `None` if that cannot be known here.
    fn is_above(&self, system: &str, code: &str, other: &str, from: Option<u32>) -> Option<bool> {
        let ask = |codes: &Membership| codes.is_above(system, code, other);
        // No value set has such a name.
        let whole = format!("all of {system}");
        self.asked(&whole, from, &ask, |reading| reading.whole(system, from))
    }

    /// Asks what was worked out before, or is now, under a name.
    fn asked(
        &self,
        name: &str,
        from: Option<u32>,
        ask: &dyn Fn(&Membership) -> Option<bool>,
        work_out: impl FnOnce(Reading<'_>) -> Membership,
    ) -> Option<bool> {
        if let Some(answer) = self.asked_before(name, from, ask) {
            return answer;
        }
        let kept = Arc::clone(self.change().entry(from).or_default().entry(name.into()).or_default());
        let codes = kept.codes.get_or_init(|| self.fitting(work_out(Reading::new(&self.library))));
        let answer = ask(codes);
        kept.is_used.store(true, Ordering::Relaxed);
        self.make_room();
        answer
    }

    fn asked_before<T>(
        &self,
        value_set: &str,
        from: Option<u32>,
        ask: &dyn Fn(&Membership) -> T,
    ) -> Option<T> {
        let all = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(&from)?.get(value_set)?;
        let codes = kept.codes.get()?;
        if !kept.is_used.load(Ordering::Relaxed) {
            kept.is_used.store(true, Ordering::Relaxed);
        }
        Some(ask(codes))
    }

    /// What was worked out, unless it alone is more than may be kept.
    fn fitting(&self, codes: Membership) -> Membership {
        if codes.memory_bytes(&mut HashSet::new()) > self.bytes_max { Membership::unknown() } else { codes }
    }

    /// Lets go of value sets that were not asked for lately, if all take more than the limit.
    fn make_room(&self) {
        let mut all = self.change();
        if bytes(&all) <= self.bytes_max {
            return;
        }
        all.values_mut().for_each(|sets| sets.retain(|_, kept| kept.is_used.swap(false, Ordering::Relaxed)));
        if bytes(&all) > self.bytes_max {
            all.clear();
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, Sets> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bindings for PackagedCodes {
    fn member_of(
        &self,
        system: Option<&str>,
        code: &str,
        value_set: &str,
        from: Option<u32>,
    ) -> Option<bool> {
        self.has(system, code, value_set, from)
    }

    fn subsumes(&self, system: &str, code: &str, other: &str, from: Option<u32>) -> Option<bool> {
        self.is_above(system, code, other, from)
    }
}

/// About how much memory value sets take together, in bytes.
fn bytes(all: &Sets) -> usize {
    let mut counted = HashSet::new();
    let sets = all.values().flatten();
    sets.map(|(name, kept)| {
        let codes = kept.codes.get().map_or(0, |codes| codes.memory_bytes(&mut counted));
        name.len() + size_of::<Kept>() + codes
    })
    .sum()
}

// All threads that judge resources ask the same one.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<PackagedCodes>();
};

#[cfg(test)]
mod tests;
