CREATE TABLE fate (
	message_id TEXT PRIMARY KEY,  -- of a message that waited for my word
	fate       TEXT NOT NULL,     -- answered, trash, junk: what its mailbox said of it
	at         INTEGER NOT NULL   -- when that was read
) STRICT, WITHOUT ROWID;
CREATE TABLE answer (
	interaction_id INTEGER PRIMARY KEY REFERENCES interaction, -- derived, as the whole table: a current mail
	parent_id      INTEGER NOT NULL REFERENCES interaction,    -- a reading of the message that it answers
	weak           INTEGER NOT NULL                            -- 1: by subject and people alone
) STRICT;
CREATE INDEX answer_parent ON answer (parent_id);

CREATE TABLE joined (
	thread_id INTEGER PRIMARY KEY, -- derived: a thread that weak evidence joins to others
	head      INTEGER NOT NULL     -- the one of them that stands for all
) STRICT;
CREATE INDEX joined_head ON joined (head);

DROP INDEX interaction_topic;
CREATE INDEX interaction_topic ON interaction (topic, at) WHERE topic IS NOT NULL;
CREATE INDEX interaction_bare ON interaction (topic, at) WHERE opens = 0 AND refs IS NULL AND topic IS NOT NULL;

DROP VIEW interaction_log;
CREATE VIEW interaction_log AS
SELECT i.id, datetime(i.at, 'unixepoch') AS at, i.kind, i.direction, i.direct, i.weight, i.subject,
	i.evidence_type, i.evidence, t.name AS thread, s.account, s.name AS folder,
	(SELECT group_concat(p.role || ':' || a.address, ' ') FROM participant AS p
		JOIN address AS a ON a.id = p.address_id WHERE p.interaction_id = i.id) AS people,
	i.supersedes, o.evidence AS parent, coalesce(w.weak, 0) AS weak
FROM interaction AS i
LEFT JOIN thread AS t ON t.id = i.thread_id
LEFT JOIN source AS s ON s.id = i.source_id
LEFT JOIN answer AS w ON w.interaction_id = i.id
LEFT JOIN interaction AS r ON r.id = w.parent_id
LEFT JOIN interaction AS o ON o.group_id = r.group_id AND o.current = 1
WHERE i.current = 1;
CREATE INDEX interaction_lonely ON interaction (current) WHERE stands = 'lonely';
CREATE INDEX participant_named ON participant (interaction_id, address_id) WHERE role = 'named';

CREATE TABLE unlisted (
	interaction_id INTEGER PRIMARY KEY REFERENCES interaction,  -- a meeting with more to it than its participants
	people         INTEGER NOT NULL,                            -- people without an address
	theirs         INTEGER NOT NULL                             -- 1: not by my own hand, though no organiser is known
) STRICT;

CREATE TABLE ambiguous_name (
	interaction_id INTEGER NOT NULL REFERENCES interaction,                -- derived, as the whole table: a lonely meeting
	contact_id     INTEGER NOT NULL REFERENCES contact ON DELETE CASCADE,  -- one of those whom it may name
	PRIMARY KEY (interaction_id, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ambiguous_name_contact ON ambiguous_name (contact_id);

CREATE TABLE called (
	contact_id INTEGER PRIMARY KEY REFERENCES contact ON DELETE CASCADE,  -- derived, as the whole table
	names      TEXT NOT NULL                                              -- under which events may name the contact, JSON
) STRICT;

CREATE VIEW ambiguous_names AS
SELECT datetime(i.at, 'unixepoch') AS at, i.subject AS title, i.location, i.evidence,
	(SELECT group_concat(c.name || ' (' || c.code || ')', ', ') FROM ambiguous_name AS n
		JOIN contact AS c ON c.id = n.contact_id WHERE n.interaction_id = i.id) AS contacts
FROM interaction AS i WHERE i.id IN (SELECT interaction_id FROM ambiguous_name);

-- Calendars are read anew, for the people without an address.
UPDATE source SET reached_at = NULL WHERE type = 'calendar';
CREATE TABLE titled (
	interaction_id INTEGER PRIMARY KEY REFERENCES interaction,  -- a meeting, or a message that speaks of one as calendar programs do
	title          TEXT NOT NULL                                -- hash of the meeting's title
) STRICT;
CREATE INDEX titled_title ON titled (title);

CREATE TABLE calendar_mail (
	interaction_id INTEGER PRIMARY KEY REFERENCES interaction  -- derived, as the whole table: noise, since there is such a meeting
) STRICT;

CREATE TABLE mailbox (
	source_id INTEGER PRIMARY KEY REFERENCES source,
	use       TEXT NOT NULL, -- what the server or its name says it is for: sent, all, trash, …; '' if nobody does
	sent_by   TEXT NOT NULL  -- how it was found to hold sent mail: configuration, special use, name; derived: content
) STRICT;
CREATE TABLE card (
	source_id  INTEGER NOT NULL REFERENCES source,
	href       TEXT NOT NULL,
	uid        TEXT NOT NULL,
	name       TEXT NOT NULL,  -- '' if the card gives none
	nicknames  TEXT NOT NULL,  -- JSON, as addresses and categories
	addresses  TEXT NOT NULL,  -- in the order of the card
	categories TEXT NOT NULL,
	circle     TEXT NOT NULL,  -- named in its note; '' if none
	birthday   TEXT NOT NULL,  -- 1980-05-12, or --05-12; '' if none
	wedding    TEXT NOT NULL,
	org        TEXT NOT NULL,
	title      TEXT NOT NULL,
	rev_at     INTEGER,        -- when it says it was changed last
	members    TEXT NOT NULL,  -- JSON: the UIDs of those in a group, [] for a company; null for a person
	PRIMARY KEY (source_id, href)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_uid ON card (uid);

CREATE TABLE card_address (
	source_id INTEGER NOT NULL,
	href      TEXT NOT NULL,
	folded    TEXT NOT NULL,  -- as in address
	uid       TEXT NOT NULL,  -- of the card, a person's
	PRIMARY KEY (source_id, href, folded)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_address_folded ON card_address (folded);
CREATE INDEX card_address_uid ON card_address (uid);

CREATE TABLE card_member (
	source_id INTEGER NOT NULL,
	href      TEXT NOT NULL,  -- of the group
	member    TEXT NOT NULL,  -- UID without urn:uuid:
	PRIMARY KEY (source_id, href, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX card_member_member ON card_member (member);

CREATE TABLE card_seen (
	uid   TEXT PRIMARY KEY,
	at    INTEGER NOT NULL,  -- when syncd saw it first
	there INTEGER NOT NULL   -- 1: at the first listing of an address book, so not new
) STRICT, WITHOUT ROWID;

-- Addresses that differ in nothing that counts are one person's.
CREATE INDEX address_folded ON address (folded);

DROP VIEW contact_summary;
CREATE VIEW contact_summary AS
SELECT c.code AS id, c.name, c.stage, c.mails_out AS "out", c.mails_in AS "in", c.met,
	datetime(c.first_at, 'unixepoch') AS first_at,
	datetime(c.last_out_at, 'unixepoch') AS last_out,
	datetime(c.last_in_at, 'unixepoch') AS last_in,
	datetime(c.last_met_at, 'unixepoch') AS last_met,
	(SELECT group_concat(a.address, ' ') FROM address AS a
		WHERE a.contact_id = c.id AND substr(a.address, 1, 5) <> 'card:') AS addresses
FROM contact AS c WHERE c.gate = 1;

DROP VIEW source_health;
CREATE VIEW source_health AS
SELECT s.account, s.type, s.name, s.sent, s.complete, datetime(s.ok_at, 'unixepoch') AS ok,
	datetime(s.failed_at, 'unixepoch') AS failed, s.error, datetime(s.reached_at, 'unixepoch') AS reached, s.total,
	(SELECT count(*) FROM copy AS c WHERE c.source_id = s.id AND c.interaction_id NOT IN (SELECT interaction_id FROM calendar_mail)) +
	(SELECT count(*) FROM card AS v WHERE v.source_id = s.id) AS "read",
	(SELECT count(*) FROM noise AS n WHERE n.source_id = s.id) + (SELECT count(*) FROM calendar_mail AS m
		JOIN copy AS c ON c.interaction_id = m.interaction_id AND c.source_id = s.id) AS noise,
	(SELECT count(*) FROM skipped AS k WHERE k.source_id = s.id) AS skipped, m.sent_by
FROM source AS s LEFT JOIN mailbox AS m ON m.source_id = s.id;
