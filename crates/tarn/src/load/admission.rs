//! Who may be served now: a bounded number at once, a bounded and short queue, served fairly among data stores.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;

/// How many of a class of work are done at once, and how many may wait for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Done at once. A data store that has nothing under way is let in beyond this, up to as many again, so that no
    /// other can keep it out by long work.
    pub(crate) at_once: usize,
    /// Waiting.
    pub(crate) waiting: usize,
    /// How long one waits at most, in milliseconds.
    pub(crate) wait_ms: u64,
}

/// Nobody is let in: too many wait, or it took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overloaded;

/// The gate before one class of work.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    room: Room,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    under_way: usize,
    waiting: usize,
    /// What is under way or waits, by data store. One that has neither is not in here.
    stores: HashMap<String, Queue>,
    tickets: u64,
}

#[derive(Default)]
struct Queue {
    under_way: usize,
    /// When it last got a turn, by the number of the ticket.
    turn: u64,
    waiting: VecDeque<(u64, oneshot::Sender<Pass>)>,
}

/// Leave to work, until it is dropped.
#[must_use]
pub(crate) struct Pass {
    gate: Option<Gate>,
    store: String,
}

/// What one gate has now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// Under way.
    pub(crate) under_way: usize,
    /// Waiting.
    pub(crate) waiting: usize,
}

impl Gate {
    /// A gate before this room.
    pub(crate) fn new(room: Room) -> Gate {
        Gate(Arc::new(Inner { room, state: Mutex::default() }))
    }

    /// Whether a request of this data store would be refused at once.
    pub(crate) fn is_full(&self, store: &str) -> bool {
        let state = self.state();
        !self.may_begin(&state, store) && state.waiting >= self.0.room.waiting && !state.displaces(store)
    }

    /// Lets one in, now or when it is its turn.
    pub(crate) async fn enter(&self, store: &str) -> Result<Pass, Overloaded> {
        let (ticket, turn) = {
            let mut state = self.state();
            if self.may_begin(&state, store) {
                return Ok(self.begin(&mut state, store));
            }
            if state.waiting >= self.0.room.waiting && !state.displace(store) {
                return Err(Overloaded);
            }
            state.tickets += 1;
            state.waiting += 1;
            let (ticket, (sender, turn)) = (state.tickets, oneshot::channel());
            state.stores.entry(store.to_owned()).or_default().waiting.push_back((ticket, sender));
            (ticket, turn)
        };
        let waiter = Waiter { gate: self, store, ticket };
        let entered = tokio::time::timeout(Duration::from_millis(self.0.room.wait_ms), turn).await;
        drop(waiter);
        match entered {
            Ok(Ok(pass)) => Ok(pass),
            Ok(Err(_)) | Err(_) => Err(Overloaded),
        }
    }

    /// What is under way and what waits.
    pub(crate) fn occupancy(&self) -> Occupancy {
        let state = self.state();
        Occupancy { under_way: state.under_way, waiting: state.waiting }
    }

    /// Whether one of this data store may begin without waiting. Who waits goes first, but for a data store that has
    /// nothing under way.
    fn may_begin(&self, state: &State, store: &str) -> bool {
        let Room { at_once, .. } = self.0.room;
        let own = state.stores.get(store);
        if own.is_some_and(|own| !own.waiting.is_empty()) {
            return false;
        }
        let is_idle = own.is_none_or(|own| own.under_way == 0);
        (state.under_way < at_once && state.waiting == 0) || (is_idle && state.under_way < 2 * at_once)
    }

    fn begin(&self, state: &mut State, store: &str) -> Pass {
        state.under_way += 1;
        state.tickets += 1;
        let turn = state.tickets;
        let own = state.stores.entry(store.to_owned()).or_default();
        own.under_way += 1;
        own.turn = turn;
        Pass { gate: Some(self.clone()), store: store.to_owned() }
    }

    /// Gives what became free to those who wait: first to the data store with the least under way, and among such to
    /// the one whose turn was longest ago.
    fn hand_on(&self, state: &mut State) {
        while state.under_way < self.0.room.at_once {
            let waiting = state.stores.iter().filter(|(_, queue)| !queue.waiting.is_empty());
            let next = waiting.min_by_key(|(_, queue)| (queue.under_way, queue.turn));
            let Some(store) = next.map(|(store, _)| store.clone()) else { return };
            let turn = state.stores.get_mut(&store).and_then(|queue| queue.waiting.pop_front());
            let Some((_, sender)) = turn else { return };
            state.waiting -= 1;
            let pass = self.begin(state, &store);
            if let Err(mut pass) = sender.send(pass) {
                // Whoever waited has gone; the pass must not come back by itself while the state is held.
                pass.gate = None;
                state.end(&store);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics while it holds the gate")
    }
}

impl State {
    fn end(&mut self, store: &str) {
        self.under_way -= 1;
        if let Some(own) = self.stores.get_mut(store) {
            own.under_way -= 1;
        }
        self.forget(store);
    }

    fn forget(&mut self, store: &str) {
        if self.stores.get(store).is_some_and(|own| own.under_way == 0 && own.waiting.is_empty()) {
            self.stores.remove(store);
        }
    }

    /// The data store with the most waiting, if that is more than this one would have.
    fn longest(&self, store: &str) -> Option<String> {
        let own = self.stores.get(store).map_or(0, |own| own.waiting.len());
        let (longest, queue) = self.stores.iter().max_by_key(|(_, queue)| queue.waiting.len())?;
        (queue.waiting.len() > own + 1).then(|| longest.clone())
    }

    fn displaces(&self, store: &str) -> bool {
        self.longest(store).is_some()
    }

    /// Refuses the last in the longest queue, to make room for one of a shorter queue.
    fn displace(&mut self, store: &str) -> bool {
        let Some(longest) = self.longest(store) else { return false };
        let last = self.stores.get_mut(&longest).and_then(|queue| queue.waiting.pop_back());
        self.waiting -= usize::from(last.is_some());
        last.is_some()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            let mut state = gate.state();
            state.end(&self.store);
            gate.hand_on(&mut state);
        }
    }
}

/// Takes its ticket out of the queue when nobody waits for it any more.
struct Waiter<'g> {
    gate: &'g Gate,
    store: &'g str,
    ticket: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        let Some(own) = state.stores.get_mut(self.store) else { return };
        if let Some(at) = own.waiting.iter().position(|(ticket, _)| *ticket == self.ticket) {
            let gone = own.waiting.remove(at);
            state.waiting -= 1;
            state.forget(self.store);
            drop(state);
            drop(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_MS: u64 = 3_600_000;

    fn gate(at_once: usize, waiting: usize) -> Gate {
        Gate::new(Room { at_once, waiting, wait_ms: LONG_MS })
    }

    /// Waits for a turn and ends it at once.
    fn wait(gate: &Gate, store: &'static str) -> tokio::task::JoinHandle<Result<(), Overloaded>> {
        let gate = gate.clone();
        tokio::spawn(async move { gate.enter(store).await.map(drop) })
    }

    async fn until(gate: &Gate, waiting: usize) {
        while gate.occupancy().waiting != waiting {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn as_many_as_there_is_room_for_are_let_in_as_many_wait_and_the_next_is_refused() {
        let gate = gate(2, 1);
        let first = gate.enter("a").await.unwrap();
        let second = gate.enter("a").await.unwrap();
        let third = wait(&gate, "a");
        until(&gate, 1).await;
        assert!(gate.is_full("a"));
        assert_eq!(gate.enter("a").await.err(), Some(Overloaded));
        drop(first);
        assert_eq!(third.await.unwrap(), Ok(()));
        assert_eq!(gate.occupancy(), Occupancy { under_way: 1, waiting: 0 });
        drop(second);
        assert_eq!(gate.occupancy(), Occupancy::default());
        assert!(gate.state().stores.is_empty());
    }

    #[tokio::test]
    async fn a_data_store_with_nothing_under_way_is_let_in_beyond_the_number_up_to_as_many_again() {
        let gate = gate(2, 0);
        let hot = [gate.enter("hot").await.unwrap(), gate.enter("hot").await.unwrap()];
        assert_eq!(gate.enter("hot").await.err(), Some(Overloaded));
        let cold = [gate.enter("b").await.unwrap(), gate.enter("c").await.unwrap()];
        assert_eq!(gate.enter("d").await.err(), Some(Overloaded), "twice the number is the most");
        assert_eq!(gate.enter("b").await.err(), Some(Overloaded));
        drop((hot, cold));
        assert_eq!(gate.occupancy(), Occupancy::default());
    }

    #[tokio::test]
    async fn what_becomes_free_goes_to_the_data_store_that_has_the_least() {
        let gate = gate(2, 100);
        let mut hot = vec![gate.enter("hot").await.unwrap(), gate.enter("hot").await.unwrap()];
        let turns = Arc::new(Mutex::new(Vec::new()));
        let wait = |store: &'static str| {
            let (gate, turns) = (gate.clone(), Arc::clone(&turns));
            tokio::spawn(async move {
                let pass = gate.enter(store).await.unwrap();
                turns.lock().unwrap().push(store);
                drop(pass);
            })
        };
        let waiting: Vec<_> = (0..10).map(|_| wait("hot")).collect();
        until(&gate, 10).await;
        let cold = gate.enter("cold").await.unwrap();
        let behind = wait("cold");
        until(&gate, 11).await;
        drop(cold);
        // Two of the hot one are under way: nothing is free yet.
        assert_eq!(gate.occupancy().waiting, 11);
        drop(hot.pop());
        behind.await.unwrap();
        for one in waiting {
            one.await.unwrap();
        }
        assert_eq!(turns.lock().unwrap()[0], "cold", "it passed ten hot ones");
        drop(hot);
        assert_eq!(gate.occupancy(), Occupancy::default());
    }

    #[tokio::test]
    async fn a_full_queue_of_a_hot_data_store_gives_way_to_a_cold_one() {
        let gate = gate(1, 3);
        let held = [gate.enter("hot").await.unwrap(), gate.enter("cold").await.unwrap()];
        let hot = [wait(&gate, "hot"), wait(&gate, "hot"), wait(&gate, "hot")];
        until(&gate, 3).await;
        assert!(gate.is_full("hot") && !gate.is_full("cold"));
        let cold = wait(&gate, "cold");
        let [first, second, last] = hot;
        assert_eq!(last.await.unwrap(), Err(Overloaded), "the last of the longest queue goes");
        drop(held);
        for one in [cold, first, second] {
            assert_eq!(one.await.unwrap(), Ok(()));
        }
        assert_eq!(gate.occupancy(), Occupancy::default());
    }

    #[tokio::test]
    async fn who_goes_away_or_waited_too_long_leaves_nothing_behind() {
        let gate = Gate::new(Room { at_once: 1, waiting: 8, wait_ms: 5 });
        let held = gate.enter("a").await.unwrap();
        assert_eq!(gate.enter("a").await.err(), Some(Overloaded), "it took too long");
        let gone = wait(&gate, "a");
        until(&gate, 1).await;
        gone.abort();
        until(&gate, 0).await;
        drop(held);
        assert_eq!(gate.occupancy(), Occupancy::default());
        assert!(gate.state().stores.is_empty());
        drop(gate.enter("a").await.unwrap());
    }
}
