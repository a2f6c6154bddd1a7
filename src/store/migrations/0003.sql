-- Addresses are probed by more than connections, and answers say more.
CREATE TABLE sighting_3 (
    run           INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    address       BLOB NOT NULL,
    probe         TEXT NOT NULL CHECK (probe IN ('tcp', 'echo', 'arp')),
    port          INTEGER NOT NULL,   -- 0 where the probe has none
    answer        TEXT NOT NULL CHECK (answer IN ('open', 'closed', 'alive', 'unconfirmed', 'unreachable')),
    round_trip_us INTEGER,
    tries         INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    ttl           INTEGER,
    tcp_window    INTEGER,
    tcp_options   INTEGER,
    mac           BLOB,
    -- What the port said first; only in runs of earlier versions, later ones keep clues.
    banner        TEXT,
    PRIMARY KEY (run, address, probe, port)
) STRICT, WITHOUT ROWID;
INSERT INTO sighting_3 (run, address, probe, port, answer, round_trip_us, tries, seen_at, banner)
    SELECT run, address, 'tcp', port, answer, round_trip_us, tries, seen_at, banner FROM sighting;
DROP TABLE sighting;
ALTER TABLE sighting_3 RENAME TO sighting;

-- What a host shows without a login: a JSON list.
ALTER TABLE outcome ADD COLUMN clues TEXT NOT NULL DEFAULT '[]';

-- How often hosts that are known to live were asked while the sweep went on, and did not answer.
ALTER TABLE run ADD COLUMN canaries_asked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN canaries_lost INTEGER NOT NULL DEFAULT 0;
