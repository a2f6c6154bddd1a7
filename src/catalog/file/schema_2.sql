-- Format 2 adds what publishers say of products and updates.

-- What an advisory says of itself.
CREATE TABLE advisory (
  feed           TEXT NOT NULL,
  document       TEXT NOT NULL,
  id             TEXT NOT NULL,
  title          TEXT NOT NULL,
  cves           TEXT NOT NULL,      -- sorted, a blank between them
  published      INTEGER,
  modified       INTEGER,
  first_imported INTEGER NOT NULL,
  PRIMARY KEY (feed, document, id)
) WITHOUT ROWID;

-- What one document says of one product: every flaw, with its fixes.
CREATE TABLE said (
  key      INTEGER PRIMARY KEY,
  product  TEXT NOT NULL,
  feed     TEXT NOT NULL,
  document TEXT NOT NULL,
  page     TEXT NOT NULL,            -- [[fix, …], [[id, cves, severity, cvss, published, modified, [place of fix, …]], …]]
  UNIQUE (product, feed, document)
);

-- What it said before of a flaw whose fixes have changed.
CREATE TABLE said_before (
  product  TEXT NOT NULL,
  feed     TEXT NOT NULL,
  document TEXT NOT NULL,
  id       TEXT NOT NULL,
  replaced INTEGER NOT NULL,         -- when we learned otherwise
  fixes    TEXT NOT NULL             -- [fix, …]
);
CREATE INDEX said_before_id ON said_before (product, id);

-- Publishers' tables of builds.
CREATE TABLE build (
  product TEXT NOT NULL,
  branch  TEXT NOT NULL,
  build   TEXT NOT NULL,
  entry   TEXT NOT NULL,             -- the row as JSON
  PRIMARY KEY (product, branch, build)
) WITHOUT ROWID;

-- How likely CVEs are to be exploited, by the year in their ids: for each its number, probability in
-- hundred-thousandths and day of the estimate in days since 1970 (or the lowest number there is), four
-- bytes each, least significant first, sorted by number.
CREATE TABLE prediction (
  year   INTEGER PRIMARY KEY,
  scores BLOB NOT NULL
);

-- Sections of the kinds `product` (by product), `titles` (by feed), `builds` (by product), `epss`.
