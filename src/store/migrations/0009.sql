-- The machine that nobody but an address claims to be, by the name that it shows there. It is that machine in runs
-- in which that one is nowhere else.
ALTER TABLE outcome ADD COLUMN claimed INTEGER REFERENCES machine (number);
