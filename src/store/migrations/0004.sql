-- Lists that the organisation has of its machines. The same list of many runs is there once.
CREATE TABLE known_list (
    digest BLOB PRIMARY KEY NOT NULL, -- SHA-256 of the JSON
    body   BLOB NOT NULL              -- JSON, compressed by zlib
) STRICT;

-- Which lists a run is compared with, in the order given.
CREATE TABLE run_known (
    run      INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    digest   BLOB NOT NULL REFERENCES known_list (digest),
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
