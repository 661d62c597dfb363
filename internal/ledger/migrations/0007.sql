CREATE TABLE said (
	message_id TEXT PRIMARY KEY,  -- of a message, as its mailbox gives it
	says       TEXT NOT NULL,     -- JSON: what its text says, with the sentences that rules fire on
	read       INTEGER NOT NULL,  -- 1: its text was looked at; 0: the journal alone knows
	failed     TEXT NOT NULL,     -- why its text cannot be read; '' if it was
	at         INTEGER NOT NULL   -- when it was read
) STRICT, WITHOUT ROWID;

CREATE TABLE introduction (
	message_id TEXT PRIMARY KEY,                                  -- of a mail that says so
	name       TEXT NOT NULL,                                     -- hash of the name of the one on whose word its writer writes; '': it introduces those on it
	by_id      INTEGER REFERENCES address ON DELETE SET NULL      -- derived: the one contact of that name; NULL: there is none, or several
) STRICT, WITHOUT ROWID;
CREATE INDEX introduction_by ON introduction (by_id) WHERE by_id IS NOT NULL;

CREATE TABLE automatic (
	message_id TEXT NOT NULL,     -- of an automatic answer or a report, which is noise
	source_id  INTEGER NOT NULL REFERENCES source,
	uid        INTEGER,           -- NULL after UIDVALIDITY changed
	sender     TEXT NOT NULL,     -- as folded in address
	refs       TEXT NOT NULL,     -- JSON, as in interaction
	report     INTEGER NOT NULL,  -- 1: of a mail server
	at         INTEGER NOT NULL,
	PRIMARY KEY (message_id, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX automatic_source ON automatic (source_id, at);
CREATE INDEX automatic_sender ON automatic (sender);

CREATE TABLE bounced (
	address    TEXT NOT NULL,  -- that could not be reached for good, as folded in address
	message_id TEXT NOT NULL,  -- of the report
	PRIMARY KEY (address, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE introduced (
	contact_id INTEGER PRIMARY KEY REFERENCES contact ON DELETE CASCADE  -- derived, as the whole table: no contact, but a mail introduces them to me
) STRICT;

CREATE INDEX interaction_direct ON interaction (at) WHERE kind = 'mail' AND current = 1 AND direct = 1;
