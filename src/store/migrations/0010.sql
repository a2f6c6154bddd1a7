-- What stopped a run that did not do all that it was to do, where nobody told it to stop: this machine's network went,
-- or it stopped itself, as too many host keys had changed.
ALTER TABLE run ADD COLUMN stopped_by TEXT NOT NULL DEFAULT '' CHECK (stopped_by IN ('', 'network', 'safety'));
