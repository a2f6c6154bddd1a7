-- The operator's rules for programs that a run was judged by; empty for none.
ALTER TABLE run ADD COLUMN programs_digest TEXT NOT NULL DEFAULT '';
