CREATE TABLE absence (
	source_id INTEGER NOT NULL REFERENCES source,
	href      TEXT NOT NULL,     -- of the calendar object
	first_day TEXT NOT NULL,     -- the first civil date
	last_day  TEXT NOT NULL,     -- the last one
	known_at  INTEGER NOT NULL,  -- when one could know of it
	person    TEXT NOT NULL,     -- address of the one in the event; '': nobody is
	PRIMARY KEY (source_id, href, first_day, last_day, known_at, person)
) STRICT, WITHOUT ROWID;

-- Calendars are read anew, for the absences in what is known already.
UPDATE source SET reached_at = NULL WHERE type = 'calendar';
