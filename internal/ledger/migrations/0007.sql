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

-- Not by kind: each statement with kind = ? would be prepared anew for every use.
CREATE INDEX interaction_direct ON interaction (at) WHERE current = 1 AND direct = 1;

CREATE VIEW promises AS
SELECT datetime(i.at, 'unixepoch') AS at, CASE i.direction WHEN 'out' THEN 'me' ELSE f.address END AS who,
	CASE i.direction WHEN 'out' THEN t.address ELSE 'me' END AS "to", json_extract(v.value, '$.what') AS what,
	json_extract(v.value, '$.day') AS day, json_extract(v.value, '$.sentence') AS sentence,
	coalesce(json_extract(v.value, '$.sure'), 0) AS sure, i.evidence
FROM said AS w JOIN interaction AS o ON o.kind = 'mail' AND o.evidence = w.message_id
JOIN interaction AS i ON i.group_id = o.group_id AND i.current = 1 AND i.direct = 1 AND i.direction <> ''
JOIN json_each(w.says, '$.promises') AS v
LEFT JOIN address AS f ON f.id = i.from_id LEFT JOIN address AS t ON t.id = i.first_to
GROUP BY i.id, json_extract(v.value, '$.id');

CREATE VIEW introductions AS
SELECT datetime(i.at, 'unixepoch') AS at, CASE WHEN n.name <> '' THEN b.address WHEN i.direction = 'out' THEN 'me' ELSE f.address END AS who,
	CASE WHEN n.name <> '' THEN f.address ELSE (SELECT group_concat(DISTINCT a.address) FROM participant AS p
		JOIN address AS a ON a.id = p.address_id AND a.contact_id IS NOT NULL
		WHERE p.interaction_id = i.id AND p.role NOT IN ('from', 'bcc')) END AS introduced,
	json_extract(w.says, '$.made') AS sentence, i.evidence
FROM introduction AS n JOIN interaction AS o ON o.kind = 'mail' AND o.evidence = n.message_id
JOIN interaction AS i ON i.group_id = o.group_id AND i.current = 1 AND i.direct = 1 AND i.direction <> ''
JOIN said AS w ON w.message_id = n.message_id
LEFT JOIN address AS f ON f.id = i.from_id LEFT JOIN address AS b ON b.id = n.by_id
GROUP BY i.id;
