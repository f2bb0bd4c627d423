"""The tables, as SQLAlchemy Core sees them. Instants are microseconds since 1970 in UTC; JSON is text; ids are text.

Facts, people, cursors and suggestions are stored. `party`, `attendance`, `occurrence` and `person.sums` are indexes
over facts: a rebuild gives the same rows.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives row ids to INTEGER PRIMARY KEY only."""

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),  # installation, ledger_epoch, pepper, place, restored_at, ...
    Column("value", Text, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),  # decide:<owner>, pull:<account>, watch:<account>, ticker
    Column("holder", Text, nullable=False, server_default=""),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("until", BigInteger, nullable=False, server_default="0"),
)

quota = Table(
    "quota",
    metadata,
    Column("name", Text, primary_key=True),  # google gmail <owner>
    Column("spent", Text, nullable=False, server_default="[]"),  # [[instant, units], ...] of the last minute
)

owner = Table(
    "owner",
    metadata,
    Column("id", Text, primary_key=True),  # NAME of [owners.NAME]
    Column("started_at", BigInteger),  # set-up's one yes; half caps for 14 days
    Column("paused_until", BigInteger),
    Column("decided_at", BigInteger),
    Column("next_review_at", BigInteger),
    Column("shift", Text, nullable=False, server_default="0"),
    Column(
        "identity", Text, nullable=False, server_default="{}"
    ),  # addresses, domains, assistants and zone the index rows were made with
    Index("ix_owner_due", "next_review_at"),
)

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),  # <owner>/<account name>
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="active"),  # active, paused, disconnected
    Column("connected_at", BigInteger, nullable=False),
    Column("addresses", Text, nullable=False, server_default="[]"),
    Column("error", Text, nullable=False, server_default=""),
    Column("remedy", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_ok_at", BigInteger),
    Column("next_attempt_at", BigInteger, nullable=False, server_default="0"),
    Column("nudged_at", BigInteger, nullable=False, server_default="0"),  # compare-and-set de-duplicates nudges
    Column("told_at", BigInteger),  # when the owner was told that it is paused
    Index("ix_account_due", "state", "next_attempt_at"),
)

secret = Table(
    "secret",
    metadata,
    Column("account", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # password, reader, writer, cache
    Column("sealed", LargeBinary, nullable=False),  # nonce + AES-256-GCM, account id and name as associated data
    Column("updated_at", BigInteger, nullable=False),
)

feed = Table(
    "feed",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # mail, calendar
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False, server_default=""),
    Column("hint", Text, nullable=False, server_default=""),
    Column("cursor", Text),
    Column("turn", BigInteger, nullable=False, server_default="0"),  # rises with every committed page: the compare-and-set
    Column("generation", BigInteger, nullable=False, server_default="0"),  # rises when a full read begins
    Column("is_rereading", Boolean, nullable=False, server_default="0"),  # a full read is under way; it ends with a sweep
    Column("covered_since", BigInteger),  # everything newer has been read
    Column("remaining", BigInteger),
    Column("last_ok_at", BigInteger),
    Column("error", Text, nullable=False, server_default=""),
)

skip = Table(
    "skip",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("feed", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False, server_default="0"),
    Column("example", Text, nullable=False, server_default=""),  # a remote id
)

message = Table(
    "message",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("owner", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False, server_default="0"),
    Column("message_id", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("sent_offset", Integer),  # minutes
    Column("author", Text, nullable=False),  # match key; "" where none can be read
    Column("signals", Integer, nullable=False, server_default="0"),  # rules.people.Signal bits of this message
    Column("recipients", Integer, nullable=False, server_default="0"),
    Column("subject", Text, nullable=False, server_default=""),
    Column("in_reply_to", Text, nullable=False, server_default=""),
    Column("thread", Text, nullable=False, server_default=""),  # provider's thread id, else root Message-ID
    Column("labels", Text, nullable=False, server_default=""),
    Column("facts", Text, nullable=False, server_default="{}"),  # addresses, references, machine-telling headers as JSON
    UniqueConstraint("account", "feed", "remote_id"),
    Index("ix_message_id", "owner", "message_id"),
)

party = Table(
    "party",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("address", Text, primary_key=True),  # match key of someone other than the owner
    Column("sent_at", BigInteger, primary_key=True),
    Column("message", RowId, primary_key=True),
    Column("direction", Text, nullable=False),  # in, out, none (a bystander)
    Column("role", Text, nullable=False),  # from, to, cc, bcc, reply-to, sender
    Column("recipients", Integer, nullable=False),
    Index("ix_party_message", "message"),
)

address = Table(
    "address",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # rules.people.match_key
    Column("email", Text, nullable=False),  # the spelling seen most
    Column("spellings", Text, nullable=False, server_default="{}"),  # email as written -> how often
    Column("names", Text, nullable=False, server_default="{}"),  # display name -> how often
    Column("counts", Text, nullable=False, server_default="{}"),  # what rules.people.judge asks for
    Column("kind", Text, nullable=False, server_default="unknown"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("person", Text),  # id of the person; null for machines, lists, rooms, the owner
    Column("is_dead", Boolean, nullable=False, server_default="0"),
    Column("first_at", BigInteger),
    Column("last_at", BigInteger),
    Index("ix_address_person", "owner", "person"),
)

person = Table(
    "person",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("first_name", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False, server_default="human"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("circle", Text, nullable=False, server_default=""),
    Column("cadence_days", Integer),
    Column("is_key", Boolean, nullable=False, server_default="0"),
    Column("is_muted", Boolean, nullable=False, server_default="0"),
    Column("mute_reason", Text, nullable=False, server_default=""),
    Column("episode", Integer, nullable=False, server_default="0"),
    Column("snoozed_until", BigInteger),
    Column("next_review_at", BigInteger),
    Column("last_at", BigInteger),
    Column("sums", Text, nullable=False, server_default="{}"),  # rebuildable cache of the history
    Index("ix_person_due", "owner", "next_review_at"),
)

link = Table(
    "link",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("a", Text, primary_key=True),  # match keys, a < b
    Column("b", Text, primary_key=True),
    Column("verdict", Text, nullable=False),  # same, different, unsure
    Column("by", Text, nullable=False),  # owner, rule
    Column("reason", Text, nullable=False, server_default=""),
)

block = Table(
    "block",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # rules.identity.block_keys: who shares none is never the same human
    Column("address", Text, primary_key=True),
    Index("ix_block_address", "owner", "address"),
)

tombstone = Table(
    "tombstone",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("digest", Text, primary_key=True),  # keyed hash of a forgotten match key
    Column("at", BigInteger, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("owner", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("original_start", Text, nullable=False, server_default=""),  # ISO; "" for masters and single events
    Column("generation", BigInteger, nullable=False, server_default="0"),
    Column("first_start", Text, nullable=False, server_default=""),  # ISO; of a single event, as first seen: names its occurrence
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),  # of a series: its last instance, or the end of time
    Column("is_series", Boolean, nullable=False, server_default="0"),
    Column("expanded_until", BigInteger),
    Column("rekindle_key", Text, nullable=False, server_default=""),
    Column("facts", Text, nullable=False),  # the CalendarEvent as JSON
    UniqueConstraint("account", "feed", "remote_id", "uid", "original_start"),
    Index("ix_event_uid", "owner", "uid"),
    Index("ix_event_series", "owner", "is_series", "expanded_until"),
)

occurrence = Table(
    "occurrence",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("original_start", Text, primary_key=True),  # ISO, as first seen
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("is_all_day", Boolean, nullable=False, server_default="0"),
    Column("is_cancelled", Boolean, nullable=False, server_default="0"),
    Column("is_frozen", Boolean, nullable=False, server_default="0"),  # it ended: only its own cancellation or decline corrects it
    Column("event", RowId, nullable=False),  # the row that speaks for it
    Index("ix_occurrence_end", "owner", "end_at"),
    Index("ix_occurrence_open", "owner", "is_frozen", "end_at"),
    Index("ix_occurrence_event", "event"),
)

attendance = Table(
    "attendance",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("address", Text, primary_key=True),  # match key of someone other than the owner
    Column("start_at", BigInteger, primary_key=True),
    Column("uid", Text, primary_key=True),
    Column("original_start", Text, primary_key=True),
    Column("end_at", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("kind", Text, nullable=False, server_default=""),  # CUTYPE
    Column("is_meeting", Boolean, nullable=False, server_default="0"),  # it counts as held once it is over
    Index("ix_attendance_occurrence", "owner", "uid", "original_start"),
)

suggestion = Table(
    "suggestion",
    metadata,
    Column("key", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=""),  # fixed at planning
    Column("action", Text, nullable=False),  # draft, hold, invite
    Column("payload", Text, nullable=False),  # the Action as JSON, fixed at planning
    Column("why", Text, nullable=False),
    Column("evidence", Text, nullable=False, server_default="[]"),
    Column("mode", Text, nullable=False, server_default="create"),
    Column("state", Text, nullable=False, server_default="planned"),  # planned, approved, delivering, delivered, closed
    Column("close_reason", Text),
    Column("note", Text, nullable=False, server_default=""),  # why it closed, in the owner's words
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", BigInteger),
    Column("at", BigInteger),  # start of the hold, due time of the draft
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", BigInteger, nullable=False, server_default="0"),
    Column("witness", Text),
    Column("message_id", Text, nullable=False, server_default=""),  # of a draft: by it our own object is known when it comes back
    Column("remote_id", Text),
    Column("version", Text, nullable=False, server_default=""),
    Column("place", Text, nullable=False, server_default=""),
    Column("delivered_at", BigInteger),
    Column("looked_at", BigInteger),
    Column("moves", Integer, nullable=False, server_default="0"),  # an untouched past hold is moved once
    Column("stray", Text, nullable=False, server_default=""),  # Saved as JSON: what a late attempt made beside the confirmed object
    Column("error", Text, nullable=False, server_default=""),
    Index("ix_suggestion_due", "state", "next_attempt_at"),
    Index("ix_suggestion_owner", "owner", "state", "created_at"),
    Index("ix_suggestion_person", "owner", "person"),
    Index("ix_suggestion_address", "owner", "address"),
    Index("ix_suggestion_message", "owner", "message_id"),
)

rule_mode = Table(
    "rule_mode",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
)

stop = Table(
    "stop",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("rule", Text, primary_key=True),  # "*" = every rule
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
)

note = Table(
    "note",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("owner", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # touch, give, ask, promise, want
    Column("text", Text, nullable=False, server_default=""),
    Column("due_at", BigInteger),
    Column("closed_at", BigInteger),
    Index("ix_note_person", "owner", "person", "at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("account", Text, nullable=False, server_default=""),
    Column("verb", Text, nullable=False),  # create, adopt, withdraw, move, approve, dismiss, forget, rollback, pause, ...
    Column("key", Text, nullable=False, server_default=""),
    Column("remote_id", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_audit_owner", "owner", "at"),
)
