-- Version 1. Addresses are blobs of a family byte (4 or 6) and the address, so that they sort;
-- times are seconds since 1970 in UTC; days are YYYY-MM-DD.

CREATE TABLE run (
    number           INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they began
    id               TEXT NOT NULL UNIQUE,
    site             TEXT NOT NULL,
    kind             TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('running', 'finished', 'interrupted')),
    started          INTEGER NOT NULL,
    finished         INTEGER,
    operator         TEXT NOT NULL,
    authorised_by    TEXT,
    targets          TEXT NOT NULL,                     -- JSON list
    guards           TEXT NOT NULL,                     -- JSON list
    settings         TEXT NOT NULL,                     -- JSON
    plan             TEXT NOT NULL,                     -- fingerprint
    seed             INTEGER NOT NULL,                  -- the bits of a u64
    catalog_digest   TEXT NOT NULL,
    catalog_imported INTEGER,
    simulated        INTEGER NOT NULL,
    mark             INTEGER NOT NULL DEFAULT 0         -- the bits of a u64
) STRICT;

CREATE TABLE sighting (
    run           INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    address       BLOB NOT NULL,
    port          INTEGER NOT NULL,
    answer        TEXT NOT NULL CHECK (answer IN ('open', 'closed', 'unreachable')),
    round_trip_us INTEGER,
    tries         INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    -- What the port said first; empty where it was listened to and said nothing.
    banner        TEXT,
    PRIMARY KEY (run, address, port)
) STRICT, WITHOUT ROWID;

-- A machine keeps its id for life. `founded_*` is what the id was made of and never changes.
CREATE TABLE machine (
    number        INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    site          TEXT NOT NULL,
    founded_kind  TEXT NOT NULL,
    founded_value TEXT NOT NULL,
    founded_run   INTEGER NOT NULL,
    named_run     INTEGER,            -- the run in which it first said its machine-id
    first_seen    INTEGER NOT NULL,   -- start of the first run that met it, or one merged into it
    last_seen     INTEGER NOT NULL    -- start of the latest
) STRICT;
CREATE INDEX machine_founded ON machine (site, founded_kind, founded_value);

CREATE TABLE machine_key (
    site       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    machine    INTEGER NOT NULL REFERENCES machine (number) ON DELETE CASCADE,
    strength   INTEGER NOT NULL,      -- 3 the machine says who it is, 2 supports that, 1 a host key at an address, 0 an address
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    PRIMARY KEY (site, kind, value, machine)
) STRICT, WITHOUT ROWID;
CREATE INDEX machine_key_machine ON machine_key (machine, kind);

-- The merged machine's number leads straight to the one it now is: chains are shortened.
CREATE TABLE machine_alias (
    old INTEGER PRIMARY KEY REFERENCES machine (number) ON DELETE CASCADE,
    new INTEGER NOT NULL REFERENCES machine (number) ON DELETE CASCADE,
    run INTEGER NOT NULL,
    CHECK (old <> new)
) STRICT;
CREATE INDEX machine_alias_new ON machine_alias (new);

-- Identical inventories and verdicts are there once. `body` is JSON, compressed by zlib.
CREATE TABLE blob (
    digest BLOB PRIMARY KEY NOT NULL, -- SHA-256 of the JSON
    kind   TEXT NOT NULL CHECK (kind IN ('inventory', 'findings')),
    size   INTEGER NOT NULL,          -- of the JSON
    body   BLOB NOT NULL
) STRICT;

CREATE TABLE outcome (
    run               INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    address           BLOB NOT NULL,
    machine           INTEGER NOT NULL REFERENCES machine (number),
    word              TEXT NOT NULL,
    failure           TEXT,               -- JSON: stage, code, detail, retryable
    failure_code      TEXT,
    credential        TEXT,
    key_algorithm     TEXT,
    key_fingerprint   TEXT,
    inventory         BLOB REFERENCES blob (digest),
    findings          BLOB REFERENCES blob (digest),
    catalog_digest    TEXT,               -- of the catalogue that gave the findings
    end_of_life       TEXT,
    services          TEXT NOT NULL,      -- JSON list: what the network showed
    target_name       TEXT,
    tags              TEXT NOT NULL,      -- JSON list
    open_ports        TEXT NOT NULL,      -- JSON list
    round_trip_us     INTEGER,
    elapsed_ms        INTEGER NOT NULL,
    finished          INTEGER NOT NULL,
    PRIMARY KEY (run, address)
) STRICT;
CREATE INDEX outcome_machine ON outcome (machine, run, findings);
CREATE INDEX outcome_address ON outcome (address, run);
CREATE INDEX outcome_key ON outcome (key_fingerprint, run, address) WHERE credential IS NOT NULL;
CREATE INDEX outcome_inventory ON outcome (inventory);
CREATE INDEX outcome_findings ON outcome (findings);

CREATE TABLE access (
    run        INTEGER NOT NULL,
    address    BLOB NOT NULL,
    position   INTEGER NOT NULL,
    protocol   TEXT NOT NULL,
    port       INTEGER,
    credential TEXT,
    attempted  INTEGER NOT NULL,
    code       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    trust      TEXT NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    PRIMARY KEY (run, address, position),
    FOREIGN KEY (run, address) REFERENCES outcome (run, address) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Open and undecided findings, by machine, from the first run that saw them on.
CREATE TABLE finding_history (
    machine    INTEGER NOT NULL REFERENCES machine (number) ON DELETE CASCADE,
    finding_id TEXT NOT NULL,
    product    TEXT NOT NULL,
    bulletin   TEXT NOT NULL,
    first_seen TEXT NOT NULL,             -- a day
    last_run   INTEGER NOT NULL,          -- the latest run counted in times_seen
    times_seen INTEGER NOT NULL,
    PRIMARY KEY (machine, finding_id)
) STRICT, WITHOUT ROWID;

-- A try is there before the secret is sent.
CREATE TABLE breaker_try (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT NOT NULL,
    record     TEXT NOT NULL,
    run        TEXT NOT NULL,
    at         INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('reserved', 'wrong'))
) STRICT;
CREATE INDEX breaker_try_at ON breaker_try (at);

CREATE TABLE breaker_stop (
    account TEXT NOT NULL,
    record  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE pin (
    site        TEXT NOT NULL,
    host        TEXT NOT NULL,
    port        INTEGER NOT NULL,
    algorithm   TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    public_key  TEXT NOT NULL,
    source      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (site, host, port, algorithm, fingerprint)
) STRICT, WITHOUT ROWID;
