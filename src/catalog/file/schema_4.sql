-- Format 4 adds what sort of flaw something is, and where the file of an update is for each architecture.

-- What the publisher says of it, `remote_code_execution CWE-416`; empty where nothing. In pages (`said`) a third
-- list has them in short, `A 416`, and the place there stands behind a flaw's fixes. A fix in pages, and an entry
-- in `build`, may have `files`.
ALTER TABLE bulletin ADD COLUMN nature TEXT NOT NULL DEFAULT '';
