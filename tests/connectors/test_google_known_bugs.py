"""What went wrong in other programs that read and wrote at Google, each with the test that keeps it from going wrong here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KNOWN = {
    "two readers at once moved the history id backwards, and rules ran twice": (
        "worker/test_pull.py::test_a_page_of_a_reader_that_was_overtaken_is_dropped_and_no_cursor_moves_back",
    ),
    "a draft the owner had edited was replaced, and then there were two": (
        "connectors/test_google_mail.py::test_a_draft_the_owner_edited_before_the_retry_gets_no_second",
        "worker/test_google_deliver.py::test_what_the_owner_did_in_the_gap_stands",
    ),
    "sent mail is told as an added label, and nobody saw that the draft had been sent": (
        "connectors/test_google_mail.py::test_sent_mail_is_seen_whether_told_as_a_message_or_as_a_label",
        "connectors/test_google_mail.py::test_a_draft_sent_under_another_message_id_is_sent",
    ),
    "410 was taken for nothing new, and what was deleted meanwhile lived for ever": (
        "connectors/test_google_calendar.py::test_an_expired_sync_token_is_said_and_not_taken_for_nothing_new",
        "worker/test_pull.py::test_an_expired_cursor_reads_again_and_sweeps_what_is_gone",
    ),
    "invalid_grant was tried again and again instead of asking to reconnect": (
        "end_to_end/test_connect_google.py::test_a_sign_in_that_was_revoked_pauses_the_account_within_one_run",
        "connectors/test_google_transport.py::test_a_sign_in_that_was_taken_away_is_said_so_and_not_tried_on",
    ),
    "a history id too old was shown as an error of the account": (
        "connectors/test_google_mail.py::test_an_expired_history_is_no_account_error",
    ),
    "the wait after a throttle never grew, or was lost with a restart": (
        "worker/test_pull.py::test_waits_are_spread_and_never_too_long",
        "worker/test_pull.py::test_a_rate_limit_waits_as_long_as_it_says",
        "worker/test_pull.py::test_our_own_pacing_is_no_failure",
    ),
    "an import was begun and never ended": (
        "connectors/test_google_mail.py::test_reading_stops_where_the_minute_is_used_up_and_goes_on_there",
        "worker/test_pull.py::test_a_cursor_that_expires_at_once_again_is_no_endless_read",
    ),
    "two programs on one account made everything twice": (
        "connectors/test_google_calendar.py::TestTwoInstallations::test_the_one_connected_earlier_stops_and_says_why_and_the_later_goes_on",
    ),
    "leave was taken for a meeting, and days of many days for free": (
        "connectors/test_google_calendar.py::test_kinds_of_events_are_told",
        "connectors/test_google_calendar.py::test_all_day_events_are_dates_with_their_end_exclusive",
    ),
    "the server's own expansion of series left instances out": (
        "connectors/test_google_calendar.py::test_a_series_comes_as_its_master_unexpanded",
        "connectors/test_google_calendar.py::test_a_moved_instance_keeps_its_original_start",
    ),
    "masters deleted long ago came back as ghosts": (
        "connectors/test_google_calendar.py::test_a_deleted_series_takes_its_exceptions_along_and_ghosts_do_no_harm",
    ),
    "one event or message that could not be read stopped the account": (
        "connectors/test_google_calendar.py::test_a_poison_event_is_skipped_and_its_neighbours_are_read",
        "worker/test_pull.py::test_one_poison_fact_is_counted_and_its_neighbours_are_stored",
    ),
    "drafts that save themselves became hundreds of messages": (
        "connectors/test_google_mail.py::test_drafts_that_save_themselves_cost_nothing",
    ),
    "an upload was broken off, and its repetition made a second": (
        "connectors/test_google_transport.py::test_whatever_breaks_while_saving_there_is_one_in_the_end",
        "worker/test_google_deliver.py::test_whatever_google_does_to_the_call_there_is_one_in_the_end",
        "end_to_end/test_google_end_to_end.py::test_a_service_killed_at_every_point_leaves_one_and_an_owner_who_wrote_first_gets_none",
    ),
    "gmail.metadata in a token took searching from the wider scopes beside it": (
        "connectors/test_google_transport.py::test_the_simulator_lets_gmail_metadata_win_over_broader_scopes",
        "end_to_end/test_connect_google.py::test_connecting_leaves_two_least_tokens_and_an_account_that_is_read",
    ),
    "one connection shared by threads gave them each other's answers, or hung": (
        "connectors/test_google_transport.py::test_one_service_shared_by_threads_would_mix_answers_up_on_the_librarys_own_transport",
        "connectors/test_google_transport.py::test_a_service_for_each_thread_mixes_nothing_up",
        "connectors/test_google_transport.py::test_sixteen_threads_on_two_accounts_never_see_each_others_mail",
    ),
    "the library sent a POST a second time when the connection dropped": (
        "connectors/test_google_transport.py::test_the_transport_the_library_comes_with_would_have_made_two",
        "connectors/test_google_transport.py::test_a_connection_that_drops_after_the_draft_was_stored_leaves_one",
    ),
    "the id of a deleted event was refused as a duplicate, and then could not be changed": (
        "connectors/test_google_calendar.py::test_a_hold_the_owner_deleted_before_the_retry_is_not_made_again",
    ),
    "reply drafts lay outside their conversation, or hid the owner's own": (
        "connectors/test_google_mail.py::test_a_reply_lies_in_its_conversation",
        "connectors/test_google_mail.py::test_a_reply_that_google_puts_elsewhere_is_taken_back",
        "connectors/test_google_mail.py::test_a_conversation_with_a_draft_in_it_is_left_to_the_owner",
    ),
    "every autosave of a draft is another message, sometimes another draft": (
        "connectors/test_google_mail.py::test_a_draft_id_that_changes_with_an_edit_is_an_edit",
    ),
    "a message was gone before it was fetched, and that was a crash": (
        "connectors/test_google_mail.py::test_a_message_that_is_gone_before_it_is_read_is_no_failure",
    ),
    "reading from the id in the notification, not from the stored one, found nothing": (
        "connectors/test_google_notices.py::test_a_notification_may_be_lost_doubled_or_late",
        "worker/test_google_sync_machine.py::Sync",
    ),
    "what came while the first read ran was missed": (
        "connectors/test_google_mail.py::test_mail_that_arrives_while_the_first_read_runs_is_not_missed",
    ),
    "several processes renewed one token, each its own way": ("worker/test_google_tokens.py::test_processes_on_one_database_renew_a_token_once",),
    "a slow hook was sent its notifications again and again": (
        "worker/test_told_by_google.py::test_a_notification_that_proves_itself_is_a_nudge",
        "worker/test_told_by_google.py::TestCalendars::test_a_change_is_a_nudge_whatever_became_of_its_notice",
    ),
}  # fmt: skip
"""What happened elsewhere -> what is promised here."""


@pytest.mark.parametrize("bug", KNOWN)
def test_each_has_a_test_that_is_there(bug: str) -> None:
    for place in KNOWN[bug]:
        file, *names = place.split("::")
        level: list[ast.stmt] = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")).body
        for name in names:
            found = [one for one in level if isinstance(one, ast.FunctionDef | ast.ClassDef) and one.name == name]
            assert found, place
            level = found[0].body
