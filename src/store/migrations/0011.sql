-- How new what judged a machine is: of the feeds that it was judged by, the one that was not met for longest, with what of
-- it, and when that was; and the oldest of these over the machines of a run.
ALTER TABLE outcome ADD COLUMN feed TEXT;
ALTER TABLE outcome ADD COLUMN feed_met INTEGER;
ALTER TABLE run ADD COLUMN catalog_feed TEXT NOT NULL DEFAULT '';
