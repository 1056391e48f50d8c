//! The promise of [`Store`] and [`Catalog`] as named sentences that every backend must make true.
//!
//! A backend runs them all with [`store_promise!`](crate::store_promise) and
//! [`catalog_promise!`](crate::catalog_promise), and then agrees with the model by chance
//! ([`random::agree`]).

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crate::{Catalog, ManualClock, Store};

pub mod across;
pub mod catalog;
pub mod contained;
pub mod created;
pub mod criteria;
pub mod erase;
pub mod explain;
pub mod hierarchy;
pub mod history;
pub mod include;
pub mod ingest;
pub mod note;
pub mod page;
pub mod parameter;
pub mod random;
pub mod read;
pub mod search;
pub mod transaction;
pub mod visible;
mod world;

pub use world::World;

/// A backend under test, with the contents of one data store.
pub trait Backend {
    /// The contents.
    fn store(&self) -> Arc<dyn Store>;

    /// Closes the contents and opens them again, as a restart does.
    fn reopen(&mut self);

    /// Does now what would be done in the background later.
    fn settle(&mut self) {}
}

/// Makes a backend with empty contents, stamped by this clock.
pub type Make = fn(Arc<ManualClock>) -> Box<dyn Backend>;

/// A catalog under test.
pub trait CatalogBackend {
    /// The catalog.
    fn catalog(&self) -> Arc<dyn Catalog>;

    /// Closes the catalog and opens it again, as a restart does.
    fn reopen(&mut self);
}

/// Makes an empty catalog, stamped by this clock.
pub type MakeCatalog = fn(Arc<ManualClock>) -> Box<dyn CatalogBackend>;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A test for each sentence about a [`Store`], run on what the function `$make` ([`Make`]) of this module makes.
#[macro_export]
macro_rules! store_promise {
    ($make:ident) => {
        $crate::sentences! { $make;
            read::{
                a_resource_is_read_as_it_was_written, reads_answer_in_the_order_asked,
                what_never_was_is_not_found, a_deleted_resource_is_answered_as_its_deletion,
                what_was_acknowledged_is_there_after_reopening,
            }
            transaction::{
                versions_count_up_from_one, a_transaction_has_one_time, times_never_go_back,
                deleting_nothing_changes_nothing, a_put_revives_a_deleted_resource,
                an_absent_precondition_holds_only_before_the_first_version,
                a_present_precondition_needs_a_current_resource, a_version_precondition_names_the_current_one,
                a_match_precondition_sees_the_newest_state, the_first_broken_precondition_is_named,
                a_failed_precondition_writes_nothing, two_writes_of_one_resource_are_refused,
                a_transaction_is_limited, sequences_rise,
            }
            note::{
                a_note_is_read_as_it_was_written, notes_are_listed_by_the_start_of_their_names,
                a_note_is_no_resource, a_note_ends, an_unnoted_precondition_sees_the_newest_state,
                a_failed_precondition_notes_nothing, notes_are_limited,
            }
            search::{
                everything_is_what_is_current, tokens_match_by_system_and_code, token_texts_match_by_start,
                identifiers_match_by_type, strings_match_without_case_and_accents,
                dates_match_by_every_prefix, numbers_match_by_every_prefix, quantities_match_in_canonical_units,
                references_match_by_target, uris_match_whole_and_by_path, composites_pair_their_components,
                missing_is_the_absence_of_values, ids_and_times_are_facts, filters_combine,
                chains_follow_references, reverse_chains_follow_them_back, chains_follow_canonicals,
                many_are_found_as_few_are, a_cancelled_search_is_answered_rightly_or_not_at_all,
                an_update_replaces_what_is_indexed,
                a_deletion_is_not_found, a_search_survives_reopening,
            }
            created::{
                an_update_keeps_when_a_resource_came_to_be, a_revived_resource_came_to_be_anew,
                times_of_creation_match_by_every_prefix, runs_tell_when_resources_came_to_be,
                what_came_to_be_first_may_stand_first, only_the_store_says_when_a_resource_came_to_be,
            }
            criteria::{
                codes_match_by_membership, a_large_set_of_codes_is_asked_whole, media_types_lie_below_their_type,
                strings_compare_without_case_and_accents, uris_match_by_their_text,
                positions_match_by_distance, other_values_are_those_of_the_same_kind,
                words_are_looked_for_in_bodies, bodies_looked_into_are_limited,
            }
            hierarchy::{
                a_hierarchy_is_followed_to_its_ends, a_hierarchy_that_goes_round_ends,
                what_is_hidden_breaks_a_hierarchy, a_hierarchy_combines_with_chains, a_hierarchy_is_limited,
                a_hierarchy_is_explained, canonicals_match_by_the_start_of_their_version,
            }
            contained::{
                what_contains_what_passes_is_found, what_is_contained_is_asked_about_other_resources,
                what_is_shown_of_a_match_is_told_and_counted, what_is_contained_is_seen_with_its_container,
                containers_come_in_order_and_on_pages, bodies_opened_for_what_they_contain_are_limited,
                references_lead_to_what_is_contained,
            }
            page::{
                without_an_order_the_oldest_write_comes_first, an_order_looks_at_the_lowest_or_the_highest,
                what_has_no_value_comes_last, later_keys_break_ties, pages_make_up_the_whole,
                later_writes_do_not_shift_pages, a_total_counts_all_pages, a_count_of_zero_only_counts,
                a_page_of_large_bodies_ends_early, a_foreign_position_is_an_error, positions_outlive_reopening,
            }
            across::{
                types_are_searched_as_one, an_order_goes_through_all_types, a_type_may_be_what_orders,
                pages_can_be_gone_back, back_shows_nothing_new, a_page_back_of_large_bodies_ends_early,
            }
            include::{
                includes_follow_references_forward, includes_follow_references_back,
                an_include_may_want_one_type, what_is_included_stands_once, includes_are_limited,
                what_is_included_is_limited_in_bytes, includes_may_iterate, iteration_ends_after_some_rounds,
                includes_may_follow_every_reference, a_reference_to_a_version_includes_the_current_one,
                canonicals_lead_to_what_they_name, matches_of_several_types_include_their_own,
                iteration_does_not_pass_through_what_is_hidden,
            }
            visible::{
                a_scoped_read_does_not_tell_hidden_from_absent, a_deletion_is_seen_by_whom_the_resource_was,
                a_search_finds_only_the_visible, totals_and_pages_count_only_the_visible,
                an_include_stays_inside_what_is_visible, a_hidden_resource_does_not_use_up_the_include_limit,
                a_chain_cannot_probe_what_is_hidden, not_is_confined_to_the_visible,
                a_history_shows_only_visible_versions,
            }
            explain::{
                a_plan_counts_what_each_condition_finds, a_plan_counts_only_what_is_visible,
                a_plan_has_a_limit,
            }
            parameter::{
                a_parameter_that_came_later_finds_what_was_there, indexing_again_changes_nothing_but_entries,
                entries_of_other_parameters_are_refused, a_parameter_that_cannot_be_served_is_refused,
                a_deleted_parameter_leaves_no_rows, one_resource_is_indexed_again_alone,
            }
            history::{
                a_history_is_newest_first, a_version_is_read_alone, types_and_the_system_have_histories,
                later_writes_of_a_transaction_are_newer, a_history_is_bounded_by_time,
                a_history_knows_what_stood_at_a_time, a_history_may_be_of_some_resources,
                a_history_has_pages, later_versions_do_not_shift_a_history, a_history_survives_reopening,
            }
            erase::{
                what_is_erased_is_gone, an_erased_id_is_free_again,
                a_deleted_resource_is_erased_with_its_history, erasing_nothing_changes_nothing,
                an_erased_version_leaves_the_others, the_newest_version_is_not_erased_alone,
                a_deletion_that_is_left_alone_is_hidden, erasures_are_part_of_a_transaction,
                pages_go_on_after_an_erased_resource_or_say_that_they_cannot,
                the_neighbours_of_what_is_erased_stay,
            }
            ingest::{
                a_run_writes_versions, a_run_may_write_a_resource_twice, a_run_is_searchable_at_once,
                a_repeated_run_is_not_done_again, a_run_out_of_order_is_refused, jobs_do_not_know_each_other,
                a_run_survives_reopening, an_empty_run_is_a_run,
            }
        }
    };
}

/// A test for each sentence about a [`Catalog`], run on what the function `$make` ([`MakeCatalog`]) of this
/// module makes.
#[macro_export]
macro_rules! catalog_promise {
    ($make:ident) => {
        $crate::sentences! { $make;
            catalog::{
                records_are_listed_in_order, a_record_changes_only_from_its_revision,
                changes_happen_all_or_none, a_token_is_used_once, jobs_belong_to_a_kind_and_a_data_store,
                contents_are_there_from_create_to_destroy, contents_are_apart, records_survive_reopening,
            }
        }
    };
}

/// A test for each sentence named.
#[doc(hidden)]
#[macro_export]
macro_rules! sentences {
    ($make:ident; $($room:ident::{ $($sentence:ident),* $(,)? })*) => {
        $(mod $room {
            $(#[test]
            fn $sentence() {
                $crate::suite::$room::$sentence(super::$make);
            })*
        })*
    };
}
