-- The journal's tables, version 3, as a fresh file has them; older files are brought here by the
-- migrations in sqlite_open.c. Applied in one transaction; user_version is set last.
-- Text is UTF-8 NFC, times are UTC (_ms milliseconds, otherwise seconds), digests are SHA-256.

PRAGMA application_id = 1685480307; -- DB_APPLICATION of sqlite.h

-- A flow of the configuration. Ids are stable, so that renaming a flow's endpoint moves nothing.
CREATE TABLE flow (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- What a flow's records are about: one dossier, one procedure. The unit of order and of doubt: of one
-- subject one call at a time, so scheduling stands here and not on items.
CREATE TABLE subject (
    id           INTEGER PRIMARY KEY,
    flow         INTEGER NOT NULL REFERENCES flow,
    code         TEXT NOT NULL,              -- portal number, or procedure code
    local_no     TEXT,                       -- the province's number when it differs
    present      INTEGER NOT NULL DEFAULT 0, -- 0 never acknowledged: isUpdating False; 1 there: True
    flips        INTEGER NOT NULL DEFAULT 0, -- "already exists"/"not there" answers since the last success or doubt
    doubt        INTEGER NOT NULL DEFAULT 0, -- 1: the peer may hold a snapshot whose answer we never read
    acked_item   INTEGER,                    -- the last acknowledged snapshot
    acked_hash   BLOB,                       -- and its content hash; NULL when a doubt came after it
    acked_status INTEGER NOT NULL DEFAULT 0, -- and its national status
    status       INTEGER NOT NULL DEFAULT 0, -- national status of the newest snapshot; 0 unmapped
    at           INTEGER NOT NULL DEFAULT 0, -- source time of the newest snapshot
    promised     INTEGER NOT NULL DEFAULT 0, -- promised date, 0 none
    newest_item  INTEGER,                    -- the newest snapshot, whose body is kept
    resnapped    INTEGER NOT NULL DEFAULT 0, -- 1: a snapshot was put before a refused step once
    queue        INTEGER,                    -- NULL nothing to claim; 0 urgent, 1 normal, 2 waits for due_ms
    since_ms     INTEGER NOT NULL DEFAULT 0, -- oldest open item's arrival: the order inside a queue
    due_ms       INTEGER NOT NULL DEFAULT 0, -- wall time of the next attempt when queue is 2
    busy         INTEGER NOT NULL DEFAULT 0, -- 1: a call is in flight
    settled      INTEGER NOT NULL DEFAULT 0, -- when the last open item ended (seconds); retention counts from here; negative: it has been here
    UNIQUE (flow, code)
);
CREATE INDEX subject_ready ON subject (flow, queue, since_ms) WHERE queue IS NOT NULL;
CREATE INDEX subject_due ON subject (flow, due_ms) WHERE queue = 2;
CREATE INDEX subject_busy ON subject (id) WHERE busy = 1;
CREATE INDEX subject_code ON subject (code);
CREATE INDEX subject_local ON subject (local_no) WHERE local_no IS NOT NULL;
-- What is open and promised, for what is at risk (risk.h).
CREATE INDEX subject_settled ON subject (settled) WHERE settled > 0;
CREATE INDEX subject_promised ON subject (promised, flow, since_ms) WHERE settled = 0 AND promised > 0;

-- One thing to deliver. kind: 1 snapshot (a newer one replaces it), 2 step (each is delivered, in order).
-- state: see lib/domain/item.h, which holds the legal moves.
-- Items are never deleted, so that ids rise with time.
CREATE TABLE item (
    id         INTEGER PRIMARY KEY,
    subject    INTEGER NOT NULL REFERENCES subject,
    kind       INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    step_key   TEXT,                       -- the source's identity of a step
    hash       BLOB NOT NULL,              -- content hash of the canonical record
    status     INTEGER NOT NULL DEFAULT 0, -- national status, 0 unmapped
    at         INTEGER NOT NULL DEFAULT 0, -- the source's time of the event
    created_ms INTEGER NOT NULL,           -- when it was stored here
    changed_ms INTEGER NOT NULL,           -- last move
    due_ms     INTEGER NOT NULL DEFAULT 0, -- not before
    attempts   INTEGER NOT NULL DEFAULT 0, -- charged attempts and look-ups
    same       INTEGER NOT NULL DEFAULT 0, -- equal unexplained refusals in a row
    solo       INTEGER NOT NULL DEFAULT 0, -- at most so many items in a call, after a refused one of more; 0 no limit
    hold       INTEGER NOT NULL DEFAULT 0, -- why HELD, see enum hold_why
    flags      INTEGER NOT NULL DEFAULT 0, -- see enum item_flag (truncated, jumped, consented)
    successor  INTEGER,                    -- of a SUPERSEDED item: what stands for it
    reason     TEXT,                       -- of HELD, DROPPED, ADOPTED: words for a person
    source     TEXT                        -- of a step in a flow with several sources: who said it
);
-- Open is state < 4. (A list with IN would cost a temporary table at every move.)
CREATE INDEX item_open ON item (subject, id) WHERE state < 4;
CREATE INDEX item_subject ON item (subject, id);
CREATE UNIQUE INDEX item_step ON item (subject, step_key) WHERE kind = 2;
CREATE INDEX item_held ON item (hold, id) WHERE state = 3;
CREATE INDEX item_waiting ON item (id) WHERE state < 4;

-- Bodies apart from states: acknowledging then rewrites 100 bytes, not 2,000.
CREATE TABLE body (
    item   INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL,
    body   BLOB NOT NULL
);

-- What each source of a flow with several last said of a dossier, so that a record of one never empties
-- what another filled. Goes together with the dossier's bodies.
CREATE TABLE part (
    subject INTEGER NOT NULL REFERENCES subject,
    source  TEXT NOT NULL,
    rank    INTEGER NOT NULL, -- whose word counts more; the higher
    at      INTEGER NOT NULL, -- the source's time of it
    sha256  BLOB NOT NULL,
    body    BLOB NOT NULL,    -- canonical record
    PRIMARY KEY (subject, source)
);

-- What is counted of each dossier (dvcsyncctl report, integrity), as its newest snapshot says. No
-- personal data: codes, times, flags, numbers. Stays when bodies go. Of the rest, status and promised
-- date stand in subject, what was delivered when in item.
CREATE TABLE figure (
    subject     INTEGER PRIMARY KEY REFERENCES subject,
    procedure   TEXT NOT NULL,    -- raw codes, '' unknown
    sector      TEXT NOT NULL,
    agency      TEXT NOT NULL,
    channel     INTEGER NOT NULL, -- 1 in person, 2 online, 3 post, 0 unknown
    entry       INTEGER NOT NULL, -- 1 at the portal, 2 at the province, 0 unknown
    submitted   INTEGER NOT NULL, -- times of the source, 0 none
    received    INTEGER NOT NULL,
    finished    INTEGER NOT NULL,
    returned    INTEGER NOT NULL,
    refused     INTEGER NOT NULL,
    first_promised INTEGER NOT NULL, -- the first promised date that was told; the last is in subject
    moved       INTEGER NOT NULL, -- how often the promised date was put off when it had passed
    supplements INTEGER NOT NULL, -- rounds that the source lists; items of status 5 tell more
    results     INTEGER NOT NULL,
    digitised   INTEGER NOT NULL, -- 1 yes, 0 no, -1 unknown
    identified  INTEGER NOT NULL,
    paid_online INTEGER NOT NULL  -- 0, 1, 2; -1 unknown
);
-- Which result is whose: a digest of its address (domain/figures.h), to find one in two dossiers. Of
-- a payment: what it was (domain/payment.h). Goes with a person's erasure.
CREATE TABLE result_mark (
    subject INTEGER NOT NULL,
    mark    BLOB NOT NULL,
    PRIMARY KEY (subject, mark)
) WITHOUT ROWID;

-- When each agency last sent something (silence.h): a sum over item and figure up to the highest item
-- of any row, made anew when it is empty. Agency '' holds what has none.
CREATE TABLE agency_seen (
    agency  TEXT PRIMARY KEY,
    item    INTEGER NOT NULL, -- the newest
    seen_ms INTEGER NOT NULL  -- when it was stored
) WITHOUT ROWID;

-- How many items are in each state; kept with every move, so that status never counts rows.
CREATE TABLE tally (
    flow  INTEGER NOT NULL,
    kind  INTEGER NOT NULL,
    state INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (flow, kind, state)
) WITHOUT ROWID;

-- One call to a peer. The row is the intent: committed before the first byte leaves.
CREATE TABLE attempt (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    subject    INTEGER NOT NULL,
    verb       INTEGER NOT NULL,           -- 1 send, 2 look-up
    first_item INTEGER NOT NULL,
    last_item  INTEGER NOT NULL,           -- a call of steps covers open items of the subject in between
    items      INTEGER NOT NULL,
    updating   INTEGER NOT NULL DEFAULT 0,
    begun_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,
    outcome    INTEGER,                    -- enum outcome_class; NULL while in flight
    http       INTEGER,
    code       TEXT,                       -- the portal's error_code as it stood
    words      TEXT,                       -- the portal's own words, cut at 300 characters
    request    BLOB,                       -- digests of what left and what came
    response   BLOB,
    repeats    INTEGER NOT NULL DEFAULT 0, -- calls repeated inside (session renewed)
    took_ms    INTEGER
);
CREATE INDEX attempt_subject ON attempt (subject, id);
CREATE INDEX attempt_open ON attempt (id) WHERE ended_ms IS NULL;

-- What an attempt of several steps carried (one row an item); single calls need none.
CREATE TABLE attempt_item (
    attempt INTEGER NOT NULL,
    item    INTEGER NOT NULL,
    PRIMARY KEY (attempt, item)
) WITHOUT ROWID;

-- What a source showed of a row, to ask details only of what changed. owed: the row changed, its
-- detail failed; asked again until it comes.
CREATE TABLE source_row (
    source   TEXT NOT NULL,
    id       TEXT NOT NULL,
    hash     BLOB NOT NULL,
    owed     INTEGER NOT NULL DEFAULT 0,
    tries    INTEGER NOT NULL DEFAULT 0,
    why      TEXT,
    code     TEXT,                       -- of the dossier that its detail was about; NULL not read since version 3
    PRIMARY KEY (source, id)
) WITHOUT ROWID;
CREATE INDEX source_row_owed ON source_row (source, tries, id) WHERE owed = 1;
CREATE INDEX source_row_code ON source_row (code) WHERE code IS NOT NULL;

CREATE TABLE cursor (
    source TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) WITHOUT ROWID;

-- Small facts that outlive a restart: pauses of endpoints, catalogue time, adoption progress.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- What the portal showed of an open dossier (flow seen).
CREATE TABLE seen (
    code     TEXT PRIMARY KEY,
    status   INTEGER NOT NULL, -- as shown, 0 when it shows none
    there    INTEGER NOT NULL, -- 1 there, 0 not there
    at_ms    INTEGER NOT NULL
) WITHOUT ROWID;

-- The catalogue's mirror. kind: 3 procedure, 4 service, 5 sector, 6 agency (enum record_kind).
CREATE TABLE mirror (
    kind      INTEGER NOT NULL,
    code      TEXT NOT NULL,
    name      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    body      BLOB NOT NULL,             -- canonical record
    active    INTEGER NOT NULL,          -- 0: withdrawn
    missing   INTEGER NOT NULL DEFAULT 0,-- complete lists without it, in a row
    first_ms  INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    checked_ms INTEGER NOT NULL,         -- when the full record was last read
    local_hash BLOB,                     -- of what the local product can hold of it; NULL: all
    lacks      TEXT NOT NULL DEFAULT '', -- fields that the local product can't hold
    PRIMARY KEY (kind, code)
) WITHOUT ROWID;
CREATE TABLE mirror_version (
    kind    INTEGER NOT NULL,
    code    TEXT NOT NULL,
    version INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    body    BLOB NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (kind, code, version)
) WITHOUT ROWID;
-- The list being read; becomes the mirror in one transaction.
CREATE TABLE stage (
    kind INTEGER NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    active INTEGER NOT NULL,
    hash BLOB,
    body BLOB,                           -- NULL: unchanged, keep the mirror's
    PRIMARY KEY (kind, code)
) WITHOUT ROWID;
-- What the local product holds of the catalogue, as it last showed.
CREATE TABLE local_catalog (
    code   TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    hash   BLOB NOT NULL,
    active INTEGER NOT NULL,
    lacks  TEXT NOT NULL,
    body   BLOB,                         -- canonical record as the product shows it; NULL not read since version 3
    level  INTEGER NOT NULL DEFAULT -1,  -- maxLevel; -1 here and below: the product does not show it
    processes INTEGER NOT NULL DEFAULT -1, -- agencies with a process
    eforms INTEGER NOT NULL DEFAULT -1,  -- form templates
    read_ms INTEGER NOT NULL DEFAULT 0   -- the list that it last stood in
) WITHOUT ROWID;
-- What changed in either catalogue, and when it was seen. What is new stands in mirror.first_ms.
CREATE TABLE catalog_change (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    side   INTEGER NOT NULL,             -- enum book_side: 1 the portal's, 2 the province's
    kind   INTEGER NOT NULL,             -- as in mirror
    code   TEXT NOT NULL,
    what   INTEGER NOT NULL,             -- enum book_what
    fields TEXT NOT NULL                 -- of a changed record: the names that differ, ", " between
);
CREATE INDEX catalog_change_code ON catalog_change (code, id);

-- A reconciliation: which dossiers are compared with the portal and their source, and how far it is.
-- At most one runs.
CREATE TABLE review (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    what     INTEGER NOT NULL,           -- enum review_what
    scope    TEXT NOT NULL,              -- "sample 200", "open", "month 2026-10", "dossier CODE"
    from_s   INTEGER NOT NULL,           -- of a month
    to_s     INTEGER NOT NULL,
    flows    INTEGER NOT NULL,           -- a bit for each flow's id, from 1
    fix      INTEGER NOT NULL,           -- 1: what can be mended is; 2: however many are lost
    who      TEXT NOT NULL,
    begun_ms INTEGER NOT NULL,
    ended_ms INTEGER,                    -- NULL while it runs
    canceled INTEGER NOT NULL DEFAULT 0, -- 1 by a person; 2: too many were lost
    upto     INTEGER NOT NULL,           -- the newest subject at its begin
    place    INTEGER NOT NULL,           -- the scope was looked for up to this subject
    sweep    INTEGER NOT NULL            -- sources: 0 are not read for it, 1 are being read, 2 were read
);
-- What it counted: kinds of differences, tolerances used, how sources were asked.
CREATE TABLE review_count (
    review INTEGER NOT NULL,
    name   TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (review, name)
) WITHOUT ROWID;
-- Dossiers that are still to be compared, and those that did not agree; who agrees is only counted.
CREATE TABLE review_dossier (
    review   INTEGER NOT NULL,
    flow     INTEGER NOT NULL,
    code     TEXT NOT NULL,
    late     INTEGER NOT NULL DEFAULT 0, -- 1: came into the journal by this reconciliation's reading
    kind     INTEGER NOT NULL DEFAULT -1,-- -1 to be compared, -2 absent at its first look, else enum difference
    source   INTEGER,                    -- enum side of each, and its status (0 not known)
    source_status  INTEGER,
    journal  INTEGER,
    journal_status INTEGER,
    portal   INTEGER,
    portal_status  INTEGER,
    mended   INTEGER,                    -- 1: put right by this reconciliation
    note     TEXT,                       -- what was done, or what a person must decide
    at_ms    INTEGER,                    -- of the verdict; with -1 and -2, of the first look
    PRIMARY KEY (review, flow, code)
) WITHOUT ROWID;
CREATE INDEX review_todo ON review_dossier (review) WHERE kind = -1;

-- Operators' actions. Append-only; each row's chain is the digest of the row before and itself (audit.h).
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms  INTEGER NOT NULL,
    who    TEXT NOT NULL,                -- uid and name of the socket's peer
    verb   TEXT NOT NULL,
    object TEXT NOT NULL,
    reason TEXT,
    chain  BLOB NOT NULL,
    salt   BLOB                          -- two of 16 bytes: of who and why, of the object; the chain is proven without them (audit.h)
);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
