"""A journal as an earlier version of the program left it."""

import contextlib
import sqlite3

# What leads from a version back to the one before: the reverse of the migrations in sqlite_open.c.
BACK = {
    2: "DROP TABLE part; ALTER TABLE item DROP COLUMN source; PRAGMA user_version = 1;",
    3: """DROP TABLE review; DROP TABLE review_count; DROP TABLE review_dossier;
          DROP TABLE catalog_change; DROP TABLE agency_seen; DROP INDEX subject_promised;
          DROP TABLE figure; DROP TABLE result_mark;
          DROP INDEX source_row_code; ALTER TABLE source_row DROP COLUMN code;
          ALTER TABLE audit DROP COLUMN salt;
          ALTER TABLE local_catalog DROP COLUMN body; ALTER TABLE local_catalog DROP COLUMN level;
          ALTER TABLE local_catalog DROP COLUMN processes;
          ALTER TABLE local_catalog DROP COLUMN eforms;
          ALTER TABLE local_catalog DROP COLUMN read_ms; PRAGMA user_version = 2;""",
}


def version(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return db.execute("PRAGMA user_version").fetchone()[0]


def change(path, script):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def make(path, to):
    """A closed journal as version `to` had it; the version that it was."""
    newest = version(path)
    for one in range(newest, to, -1):
        change(path, BACK[one])
    return newest
