-- Findings that somebody was allowed to leave for a while.
CREATE TABLE exception (
    id         TEXT PRIMARY KEY NOT NULL,
    site       TEXT NOT NULL,
    scope      TEXT NOT NULL,    -- JSON
    versions   TEXT NOT NULL,    -- JSON list
    owner      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    granted    INTEGER NOT NULL,
    granted_by TEXT NOT NULL,
    until      TEXT NOT NULL,
    taken_back INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX exception_of_site ON exception (site);
