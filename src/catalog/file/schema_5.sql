-- Format 5 adds how new what feeds say is.

-- What of the document's statements are about which ecosystem, `feed<tab>ecosystem<tab>how many`, one a line; of tables
-- of builds `builds PRODUCT` in the place of the ecosystem.
ALTER TABLE import ADD COLUMN spoke TEXT NOT NULL DEFAULT '';
-- When just this document was last met; NULL: when it was imported.
ALTER TABLE import ADD COLUMN met INTEGER;
