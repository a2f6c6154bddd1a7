-- What the people of a site write down about findings.
CREATE TABLE annotation (
    site        TEXT NOT NULL,
    finding_id  TEXT NOT NULL,
    owner       TEXT,
    status      TEXT,
    my_severity TEXT,
    written_by  TEXT NOT NULL,
    written     INTEGER NOT NULL,
    PRIMARY KEY (site, finding_id)
) STRICT, WITHOUT ROWID;
