//! What was read and is kept: as much as a limit allows, the last used first.

use std::collections::HashMap;
use std::hash::Hash;

/// Values with their costs; when they cost more than the limit, those that were not used for longest go.
#[derive(Debug)]
pub(crate) struct Kept<K, V> {
    values: HashMap<K, (V, usize, u64)>,
    cost: usize,
    cost_max: usize,
    uses: u64,
}

impl<K: Clone + Eq + Hash, V: Clone> Kept<K, V> {
    pub(crate) fn new(cost_max: usize) -> Self {
        Kept { values: HashMap::new(), cost: 0, cost_max, uses: 0 }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let (value, _, used) = self.values.get_mut(key)?;
        *used = self.uses;
        Some(value.clone())
    }

    /// Keeps a value, unless it alone costs more than the limit. Returns whether others had to go.
    pub(crate) fn keep(&mut self, key: K, value: V, cost: usize) -> bool {
        if cost > self.cost_max {
            return false;
        }
        self.uses += 1;
        if let Some((_, old, _)) = self.values.insert(key, (value, cost, self.uses)) {
            self.cost -= old;
        }
        self.cost += cost;
        let is_full = self.cost > self.cost_max;
        while self.cost > self.cost_max {
            let oldest = self.values.iter().min_by_key(|(_, (_, _, used))| *used).map(|(key, _)| key.clone());
            let Some((_, cost, _)) = oldest.and_then(|oldest| self.values.remove(&oldest)) else { break };
            self.cost -= cost;
        }
        is_full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_what_is_too_large_is_not_kept() {
        let mut kept = Kept::new(10);
        assert!(!kept.keep("a", 1, 5) && !kept.keep("b", 2, 5));
        assert_eq!(kept.get(&"a"), Some(1));
        assert!(kept.keep("c", 3, 5));
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.get(&"c")), (Some(1), None, Some(3)));
        assert!(!kept.keep("d", 4, 11));
        assert_eq!(kept.get(&"d"), None);
    }
}
