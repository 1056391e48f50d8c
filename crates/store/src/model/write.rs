//! Writing to the model.

use fhir::{ResourceKey, ResourceType, Time};
use search::limits::HIERARCHY_RESOURCES_MAX;
use search::{Entries, Filter};

use super::contents::{Contents, Version};
use super::select::check_depth;
use crate::limits::RUN_PUTS_MAX;
use crate::reindex::{check_extraction, parameters_after, parameters_after_run};
use crate::{
    CommitError, Committed, Ingested, Operation, Precondition, Put, Run, StoreError, Stored, Transaction,
    Write,
};

impl Contents {
    pub(super) fn commit(&mut self, transaction: Transaction, now: Time) -> Result<Committed, CommitError> {
        transaction.check()?;
        transaction.preconditions.iter().try_for_each(|precondition| match precondition {
            Precondition::NoMatch(_, filter) | Precondition::OnlyMatch(_, filter) => {
                check_depth(filter)?;
                self.check_hierarchies(filter, HIERARCHY_RESOURCES_MAX)
            }
            _ => Ok(()),
        })?;
        check_extraction(&self.parameters, transaction.puts())?;
        for (at, precondition) in transaction.preconditions.iter().enumerate() {
            if !self.holds(precondition, now) {
                return Err(CommitError::Conflict(at));
            }
        }
        self.parameters = parameters_after(&self.parameters, &transaction.writes)?;
        let updated = self.stamp(now);
        let versions = transaction.writes.into_iter().map(|write| self.write(write, updated)).collect();
        self.sequence += 1;
        Ok(Committed { sequence: self.sequence, updated, versions })
    }

    pub(super) fn ingest(&mut self, run: Run, now: Time) -> Result<Ingested, StoreError> {
        if run.puts.len() > RUN_PUTS_MAX {
            return Err(StoreError::Limit("RUN_PUTS_MAX"));
        }
        run.puts.iter().try_for_each(Put::check)?;
        if let Some((number, outcome)) = self.runs.get(&run.id.job) {
            if *number == run.id.number {
                return Ok(Ingested { repeated: true, ..outcome.clone() });
            }
            if *number > run.id.number {
                return Err(StoreError::Failed("a run that is not the job's last was asked for".to_owned()));
            }
        }
        check_extraction(&self.parameters, &run.puts)?;
        self.parameters = parameters_after_run(&self.parameters, &run.puts);
        let updated = self.stamp(now);
        let versions = run.puts.into_iter().map(|put| self.put(put, updated)).collect();
        self.sequence += 1;
        let outcome = Ingested { updated, versions, repeated: false };
        self.runs.insert(run.id.job, (run.id.number, outcome.clone()));
        Ok(outcome)
    }

    /// The time of the next write: never earlier than that of any before.
    fn stamp(&mut self, now: Time) -> Time {
        let time = self.not_before(now);
        self.newest = Some(time);
        time
    }

    fn holds(&self, precondition: &Precondition, now: Time) -> bool {
        match precondition {
            Precondition::Version(key, version) => {
                self.newest(key).is_some_and(|newest| newest.stored.version == *version)
            }
            Precondition::Absent(key) => self.newest(key).is_none(),
            Precondition::Present(key) => self.newest(key).is_some_and(|newest| !newest.is_deletion()),
            Precondition::NoMatch(of, filter) => self.matching(*of, filter).next().is_none(),
            Precondition::OnlyMatch(key, filter) => self.matching(key.of, filter).eq([key]),
            Precondition::Unnoted(name) => self.note(name, now).is_none(),
        }
    }

    fn matching<'a>(&'a self, of: ResourceType, filter: &'a Filter) -> impl Iterator<Item = &'a ResourceKey> {
        self.current(of)
            .map(|ordinal| self.versions[ordinal].row())
            .filter(|row| filter.matches(*row, self))
            .map(|row| row.key)
    }

    fn write(&mut self, write: Write, updated: Time) -> u64 {
        match write {
            Write::Put(put) => self.put(put, updated),
            Write::Delete(key) => self.delete(key, updated),
            Write::Note(note) => {
                self.notes.insert(note.name.clone(), note);
                0
            }
            Write::Forget(name) => {
                self.notes.remove(&name);
                0
            }
            Write::Erase(key) => self.erase(&key),
            Write::EraseVersion(key, number) => self.erase_version(&key, number),
            Write::Indexed { .. } => 0,
        }
    }

    fn put(&mut self, put: Put, updated: Time) -> u64 {
        let Put { key, body, mut entries, operation } = put;
        let before = self.newest(&key);
        let version = before.map_or(1, |newest| newest.stored.version + 1);
        let before = before.filter(|newest| !newest.is_deletion());
        let (created, is_creation) = before.map_or((updated, true), |newest| (newest.stored.created, false));
        entries.set_created(created);
        let stored = Stored { key, version, updated, created, is_creation, operation, body: Some(body) };
        self.append(Version { stored, entries, is_erased: false });
        version
    }

    fn delete(&mut self, key: ResourceKey, updated: Time) -> u64 {
        let (standing, created, is_gone) = match self.newest(&key) {
            None => return 0,
            Some(newest) => (newest.stored.version, newest.stored.created, newest.is_deletion()),
        };
        if is_gone {
            return standing;
        }
        let version = standing + 1;
        let operation = Operation::Delete;
        let stored = Stored { key, version, updated, created, is_creation: false, operation, body: None };
        self.append(Version { stored, entries: Entries::new(), is_erased: false });
        version
    }

    fn erase(&mut self, key: &ResourceKey) -> u64 {
        let all = self.of_key.remove(key).unwrap_or_default();
        all.iter().for_each(|ordinal| self.versions[*ordinal].erase());
        all.len() as u64
    }

    fn erase_version(&mut self, key: &ResourceKey, number: u64) -> u64 {
        let Some(all) = self.of_key.get_mut(key) else { return 0 };
        let is_it = |ordinal: &usize| self.versions[*ordinal].stored.version == number;
        let Some(at) = all.iter().position(is_it).filter(|at| at + 1 < all.len()) else { return 0 };
        let ordinal = all.remove(at);
        self.versions[ordinal].erase();
        1
    }

    fn append(&mut self, version: Version) {
        let ordinal = self.versions.len();
        self.of_key.entry(version.stored.key.clone()).or_default().push(ordinal);
        self.versions.push(version);
    }
}
