-- What was ever told of the updates of a machine: it stays when runs go.
CREATE TABLE trail (
    machine INTEGER PRIMARY KEY REFERENCES machine (number) ON DELETE CASCADE,
    body    BLOB NOT NULL             -- JSON, compressed by zlib
) STRICT;
