-- Format 3 adds Red Hat's repositories, and what it takes to replace all that a record said.

-- What is in a repository.
CREATE TABLE content_set (
  repository TEXT PRIMARY KEY,
  ecosystems TEXT NOT NULL           -- sorted, one a line
) WITHOUT ROWID;

-- What records say, by id, of the feed whose newer record says everything anew.
CREATE INDEX affected_redhat ON affected (id) WHERE feed = 'redhat-csaf';

-- Sections of the kind `content_set` (one, without a name).
