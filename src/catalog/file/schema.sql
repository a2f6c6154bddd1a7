-- Format 1. A later format adds to it (schema_2.sql); nothing is renamed.

-- What is true of the whole file: `digest`, `imported` (seconds since 1970).
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- What a bulletin says of itself, once for equal content (`hash`).
CREATE TABLE bulletin (
  key        INTEGER PRIMARY KEY,
  hash       TEXT NOT NULL UNIQUE,
  feed       TEXT NOT NULL,
  id         TEXT NOT NULL,
  title      TEXT NOT NULL,
  cves       TEXT NOT NULL,      -- sorted, a blank between them
  severity   TEXT NOT NULL,      -- one of our words, or empty
  cvss       INTEGER,            -- tenths
  published  INTEGER,
  modified   INTEGER,
  withdrawn  INTEGER,
  reference  TEXT NOT NULL       -- one a line
);
CREATE INDEX bulletin_id ON bulletin (id);

-- What it says of one release. `part` is the package, where a feed speaks of one at a time.
CREATE TABLE affected (
  ecosystem      TEXT NOT NULL,
  feed           TEXT NOT NULL,
  id             TEXT NOT NULL,
  part           TEXT NOT NULL,
  bulletin       INTEGER NOT NULL REFERENCES bulletin,
  packages       TEXT NOT NULL,  -- [[package, status, urgency, [[introduced, fixed, last_affected]]]]
  first_imported INTEGER NOT NULL,
  PRIMARY KEY (ecosystem, feed, id, part)
) WITHOUT ROWID;

-- What it said before, where the packages, their fixes or the withdrawal have changed.
CREATE TABLE history (
  ecosystem TEXT NOT NULL,
  feed      TEXT NOT NULL,
  id        TEXT NOT NULL,
  part      TEXT NOT NULL,
  replaced  INTEGER NOT NULL,    -- when we learned otherwise
  modified  INTEGER,
  withdrawn INTEGER,
  packages  TEXT NOT NULL
);
CREATE INDEX history_id ON history (ecosystem, feed, id, part);

CREATE TABLE kev (
  cve            TEXT PRIMARY KEY,
  added          TEXT,
  due            TEXT,
  ransomware     INTEGER NOT NULL,
  first_imported INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE lifecycle (
  product         TEXT NOT NULL,
  version         TEXT NOT NULL,
  codename        TEXT,
  released        TEXT,
  end_of_life     TEXT,
  end_of_extended TEXT,
  PRIMARY KEY (product, version)
) WITHOUT ROWID;

-- The digest of every part: kind `slice` with an ecosystem, `kev`, `lifecycle`.
CREATE TABLE section (
  kind    TEXT NOT NULL,
  name    TEXT NOT NULL,
  digest  TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- One row for each path that was ever imported.
CREATE TABLE import (
  key        INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL,
  path       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  feeds      TEXT NOT NULL,
  documents  INTEGER NOT NULL,
  read       INTEGER NOT NULL,
  skipped    INTEGER NOT NULL,
  irrelevant INTEGER NOT NULL,
  added      INTEGER NOT NULL,
  changed    INTEGER NOT NULL,
  problems   TEXT NOT NULL       -- one a line
);
