-- Who claims to be another machine: a run is opened without a look at all the others.
CREATE INDEX outcome_claimed ON outcome (run) WHERE claimed IS NOT NULL;
