CREATE TABLE fate (
	message_id TEXT PRIMARY KEY,  -- of a message that waited for my word
	fate       TEXT NOT NULL,     -- answered, trash, junk: what its mailbox said of it
	at         INTEGER NOT NULL   -- when that was read
) STRICT, WITHOUT ROWID;
