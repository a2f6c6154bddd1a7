-- What findings are about, once for all machines that have them: a large network has few of these, and each of them
-- a thousand times.
CREATE TABLE matter (
    number   INTEGER PRIMARY KEY,
    product  TEXT NOT NULL,
    bulletin TEXT NOT NULL,
    UNIQUE (product, bulletin)
) STRICT;

-- Open and undecided findings, by machine, from the first run that saw them on.
CREATE TABLE finding_history_8 (
    machine    INTEGER NOT NULL REFERENCES machine (number) ON DELETE CASCADE,
    matter     INTEGER NOT NULL REFERENCES matter (number),
    first_seen TEXT NOT NULL,             -- a day
    last_run   INTEGER NOT NULL,          -- the latest run counted in times_seen
    times_seen INTEGER NOT NULL,
    PRIMARY KEY (machine, matter)
) STRICT, WITHOUT ROWID;
INSERT INTO matter (product, bulletin) SELECT DISTINCT product, bulletin FROM finding_history;
INSERT INTO finding_history_8 (machine, matter, first_seen, last_run, times_seen)
    SELECT machine, number, first_seen, last_run, times_seen FROM finding_history JOIN matter USING (product, bulletin);
DROP TABLE finding_history;
ALTER TABLE finding_history_8 RENAME TO finding_history;
