-- Format 4 adds what sort of flaw something is, and where the file of an update is for each architecture.

-- What the publisher says of it, `remote_code_execution CWE-416`; empty where nothing. In pages (`said`) it is a
-- third list, and its place stands behind a flaw's fixes; there and in `build` a fix or build may have `files`.
ALTER TABLE bulletin ADD COLUMN nature TEXT NOT NULL DEFAULT '';
