/* crash_points: the names of all places where make crash ends the process. One list, so that their
 * number is known and a name that is not here does not compile. X(name), in the order of the files
 * in which they stand. */
#ifndef BASE_CRASH_POINTS_H
#define BASE_CRASH_POINTS_H

/* clang-format off */
#define CRASH_POINTS(X) \
    /* journal: the file */ \
    X(schema_begun) X(schema_applied) X(schema_versioned) X(schema_committed) X(create_made) \
    X(create_folded) X(create_renamed) X(create_before) X(open_checked) X(journal_locked) \
    X(recover_before) X(recover_committed) X(close_before) X(close_folded) X(close_closed) \
    X(flow_before) X(flow_named) \
    /* journal: a batch */ \
    X(journal_begin_before) X(journal_begun) X(journal_ops_run) X(journal_committed) \
    X(journal_checkpoint_before) X(journal_checkpointed) X(journal_callback_done) \
    X(journal_callbacks_before) X(journal_commit_before) \
    /* journal: an operation */ \
    X(append_replacing) X(append_snapshot) X(append_step) X(append_part_before) \
    X(append_part) X(append_subject_new) X(append_before) X(append_subject) X(append_row) \
    X(append_cursor_before) X(append_written) X(claim_item_moved) X(claim_attempt) \
    X(claim_occupied) X(claim_before) X(claim_written) X(finish_withdrawn) \
    X(finish_item_moved) X(finish_acknowledged) X(finish_attempt) X(finish_looked_up) \
    X(finish_written) X(recover_item) X(recover_attempts) X(act_moved) X(act_audited) \
    X(act_before) X(audit_before) X(adopt_before) X(adopt_steps) X(adopt_written) \
    X(seen_before) X(fact_before) X(stage_cleared) X(stage_row) X(stage_written) \
    X(swap_step) X(swap_before) X(swap_cleared) X(local_cleared) X(local_row) \
    X(local_written) X(reduced_before) X(retention_bodies) X(retention_parts) \
    X(retention_orphans) X(retention_before) X(retention_attempts) X(backup_copied) \
    X(backup_made) X(backup_written) X(review_before) X(review_filled) \
    X(review_found) X(review_page_written) X(review_swept) X(review_second) \
    X(review_end_before) X(review_absent_told) X(review_ended) X(review_store_before) \
    X(review_put_snapshot) X(review_put_step) X(review_put) X(review_read) \
    X(review_kept) X(review_stored) \
    /* sync: what follows from a commit, and what comes before a call */ \
    X(lookup_before) X(lookup_begun) X(send_before) X(send_begun) X(withdraw_before) \
    X(claim_committed) X(finish_committed) X(finish_before) X(send_answered) \
    X(lookup_answered) X(page_compared) X(page_read) X(page_before) X(owed_read) \
    X(page_committed) X(page_append_before) X(detail_read) X(merge_parts_read) \
    X(ack_answered) X(ack_before) X(ack_begun) X(offer_settled) X(offer_committed) \
    X(offer_append_before) X(catalog_list_staged) X(catalog_list_read) \
    X(catalog_detail_read) X(catalog_details_staged) X(catalog_swapped) X(catalog_whole) \
    X(catalog_handed) X(catalog_local_stored) X(catalog_local_read) X(adopt_committed) \
    X(seen_committed) X(walk_looked_up) X(review_told) X(review_looked) \
    X(review_committed) \
    /* adapter: the edges of a request */ \
    X(gateway_answer_before) X(gateway_answered) X(gateway_taken) X(push_answer_before) \
    X(push_answered) X(push_taken) X(mapped_answered) X(mapped_send_before) X(mapped_handed) \
    X(opencps_answered) X(opencps_send_before) X(opencps_handed) X(intake_written) \
    X(intake_write_before) X(intake_looked) X(notice_answer_before) X(notice_answered) \
    X(notice_taken) X(portal_answered) X(portal_send_before) X(portal_handed) \
    X(portal_login_answered) X(portal_login_before) X(portal_login_handed) \
    X(spool_bad_before) X(spool_bad_moved) X(spool_done_before) X(spool_done_moved) \
    X(spool_taken_aside) X(spool_part_written) X(spool_write_before) X(spool_written)
/* clang-format on */

#endif
