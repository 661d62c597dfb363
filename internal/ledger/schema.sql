-- Times are seconds since 1970 in UTC. Columns marked "derived" are worked out
-- again from the others by Rebuild; all else in interaction never changes.

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,  -- instance, me, identities, clock_at, first_run_at
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE source (
	id          INTEGER PRIMARY KEY,
	account     TEXT NOT NULL,               -- name in the configuration
	type        TEXT NOT NULL,               -- mailbox, calendar
	name        TEXT NOT NULL,               -- mailbox name or collection URL
	sent        INTEGER NOT NULL DEFAULT 0,  -- 1: holds the user's sent mail
	uidvalidity INTEGER NOT NULL DEFAULT 0,  -- cursor of a mailbox
	highest     INTEGER NOT NULL DEFAULT 0,  -- highest UID taken
	lowest      INTEGER NOT NULL DEFAULT 0,  -- every UID from here to highest was taken
	reached_at  INTEGER,                     -- oldest message taken (INTERNALDATE), or last expansion of recurrences
	sync_token  TEXT NOT NULL DEFAULT '',    -- cursor of a collection
	ctag        TEXT NOT NULL DEFAULT '',
	complete    INTEGER NOT NULL DEFAULT 0,  -- 1: read to its end at least once
	total       INTEGER NOT NULL DEFAULT 0,  -- messages or objects on the server, 0 if unknown
	ok_at       INTEGER,                     -- last success
	failed_at   INTEGER,                     -- first failure after that
	error       TEXT NOT NULL DEFAULT '',
	UNIQUE (account, type, name)
) STRICT;

CREATE TABLE mailbox (
	source_id INTEGER PRIMARY KEY REFERENCES source,
	use       TEXT NOT NULL, -- what the server or its name says it is for: sent, all, trash, …; '' if nobody does
	sent_by   TEXT NOT NULL  -- how it was found to hold sent mail: configuration, special use, name; derived: content
) STRICT;

CREATE TABLE contact (
	id          INTEGER PRIMARY KEY,
	code        TEXT NOT NULL UNIQUE,        -- public id, made from key
	key         TEXT NOT NULL UNIQUE,        -- the smallest address, folded
	gate        INTEGER NOT NULL DEFAULT 0,  -- derived; 1: a contact, 0: a candidate
	name        TEXT NOT NULL DEFAULT '',    -- derived, as the columns below
	stage       INTEGER NOT NULL DEFAULT 0,
	mails_out   INTEGER NOT NULL DEFAULT 0,  -- direct mail from me
	mails_in    INTEGER NOT NULL DEFAULT 0,  -- direct mail to me
	met         INTEGER NOT NULL DEFAULT 0,  -- meetings that count and are over
	first_at    INTEGER,
	last_out_at INTEGER,
	last_in_at  INTEGER,
	last_met_at INTEGER,
	seen        INTEGER NOT NULL DEFAULT 0,  -- interactions of any weight
	facts       TEXT NOT NULL DEFAULT '',    -- the planner's view, JSON
	valid_from  INTEGER NOT NULL DEFAULT 0,  -- facts hold from this time on …
	valid_until INTEGER NOT NULL DEFAULT 0,  -- … and before this one
	dirty       INTEGER NOT NULL DEFAULT 1   -- 1: facts are older than the rows
) STRICT;
CREATE INDEX contact_dirty ON contact (id) WHERE dirty = 1;
CREATE INDEX contact_until ON contact (valid_until) WHERE gate = 0;
CREATE INDEX contact_gate ON contact (code) WHERE gate = 1;

CREATE TABLE address (
	id         INTEGER PRIMARY KEY,
	address    TEXT NOT NULL UNIQUE,        -- lower case, A-label domain
	folded     TEXT NOT NULL,               -- without the dots Gmail ignores
	list       INTEGER NOT NULL DEFAULT 0,  -- 1: seen in List-Post
	contact_id INTEGER REFERENCES contact   -- derived; NULL: mine
) STRICT;
CREATE INDEX address_contact ON address (contact_id);
CREATE INDEX address_folded ON address (folded);

CREATE TABLE thread (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL  -- the smallest Message-ID in it, referred ones included
) STRICT;

CREATE TABLE thread_node (
	message_id TEXT PRIMARY KEY,
	thread_id  INTEGER NOT NULL REFERENCES thread
) STRICT, WITHOUT ROWID;
CREATE INDEX thread_node_thread ON thread_node (thread_id);

CREATE TABLE interaction (
	id            INTEGER PRIMARY KEY,
	kind          TEXT NOT NULL,               -- mail, meeting, call, note
	evidence_type TEXT NOT NULL,               -- mail, meeting, gesture, note
	evidence      TEXT NOT NULL,               -- Message-ID; UID or UID/RECURRENCE-ID; UID of an entry
	content       TEXT NOT NULL,               -- hash of the facts: another reading is another row
	at            INTEGER NOT NULL,            -- Date, or start
	end_at        INTEGER,                     -- meetings
	known_at      INTEGER NOT NULL,            -- when one could know of it
	all_day       INTEGER NOT NULL DEFAULT 0,
	subject       TEXT NOT NULL DEFAULT '',    -- or title
	location      TEXT NOT NULL DEFAULT '',
	cancelled     INTEGER NOT NULL DEFAULT 0,
	series        INTEGER NOT NULL DEFAULT 0,
	fingerprint   TEXT,                        -- equal for the same message under another Message-ID
	refs          TEXT,                        -- References and In-Reply-To, JSON
	opens         INTEGER NOT NULL DEFAULT 0,  -- 1: answers nothing, by references and subject
	topic         TEXT,                        -- hash of the subject without Re: and Fwd:
	group_id      INTEGER NOT NULL DEFAULT 0,  -- derived: rows that tell of the same thing
	current       INTEGER NOT NULL DEFAULT 0,  -- derived: 1 for the one row of a group that counts
	supersedes    INTEGER,                     -- derived: another row of the group
	thread_id     INTEGER REFERENCES thread,   -- derived
	source_id     INTEGER REFERENCES source,   -- derived: where it was found
	direction     TEXT NOT NULL DEFAULT '',    -- derived: out, in, mutual; '' nobody's
	direct        INTEGER NOT NULL DEFAULT 0,  -- derived: moves clocks
	weight        REAL NOT NULL DEFAULT 0,     -- derived
	mine          INTEGER NOT NULL DEFAULT 0,  -- derived: I sent or organised it
	ours          INTEGER NOT NULL DEFAULT 0,  -- derived: I or a colleague sent it
	from_id       INTEGER,                     -- derived: address of sender or organiser
	first_to      INTEGER,                     -- derived: first address in To that is not mine
	to_count      INTEGER NOT NULL DEFAULT 0,  -- derived: distinct addresses in To
	people        INTEGER NOT NULL DEFAULT 0,  -- derived: recipients, or people at the meeting
	stands        TEXT NOT NULL DEFAULT '',    -- derived: yes, no, or ask (if I had written to the organiser)
	busy          INTEGER NOT NULL DEFAULT 0,  -- derived: 1: takes my time
	UNIQUE (kind, evidence, content)
) STRICT;
CREATE INDEX interaction_fingerprint ON interaction (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX interaction_group ON interaction (group_id);
CREATE INDEX interaction_thread ON interaction (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX interaction_topic ON interaction (topic, at) WHERE topic IS NOT NULL;
CREATE INDEX interaction_bare ON interaction (topic, at)
	WHERE opens = 0 AND refs IS NULL AND current = 1 AND direction <> '' AND topic IS NOT NULL;
CREATE INDEX interaction_ask ON interaction (from_id) WHERE stands = 'ask';
CREATE INDEX interaction_busy ON interaction (end_at) WHERE busy = 1;
-- stands is 'lonely' where nobody else is invited: it counts if the title names a contact.
CREATE INDEX interaction_lonely ON interaction (current) WHERE stands = 'lonely';
-- Not by kind: each statement with kind = ? would be prepared anew for every use.
CREATE INDEX interaction_direct ON interaction (at) WHERE current = 1 AND direct = 1;

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

CREATE TABLE participant (
	interaction_id INTEGER NOT NULL REFERENCES interaction,
	pos            INTEGER NOT NULL,            -- order in the header
	address_id     INTEGER NOT NULL REFERENCES address,
	role           TEXT NOT NULL,               -- from, to, cc, bcc, organizer, attendee
	name           TEXT NOT NULL DEFAULT '',
	status         TEXT NOT NULL DEFAULT '',    -- PARTSTAT
	thing          INTEGER NOT NULL DEFAULT 0,  -- 1: room, resource or group
	PRIMARY KEY (interaction_id, pos)
) STRICT, WITHOUT ROWID;
CREATE INDEX participant_address ON participant (address_id);
-- Rows with the role 'named' are derived: whom the title of a lonely meeting names.
-- So are those with the role 'bcc' and a pos from 524288: whom another reading of
-- the message, a Sent copy, has in Bcc.
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

CREATE TABLE copy (
	interaction_id INTEGER NOT NULL REFERENCES interaction,
	source_id      INTEGER NOT NULL REFERENCES source,
	href           TEXT NOT NULL DEFAULT '',    -- of the calendar object
	uid            INTEGER,                     -- of the message; NULL after UIDVALIDITY changed
	delivered      INTEGER NOT NULL DEFAULT 0,  -- 1: bears a mark of delivery
	gone           INTEGER NOT NULL DEFAULT 0,  -- 1: vanished from the calendar after its end
	PRIMARY KEY (interaction_id, source_id, href)
) STRICT, WITHOUT ROWID;
CREATE INDEX copy_source ON copy (source_id, href);

CREATE TABLE titled (
	interaction_id INTEGER PRIMARY KEY REFERENCES interaction,  -- a meeting, or a message that speaks of one as calendar programs do
	title          TEXT NOT NULL                                -- hash of the meeting's title
) STRICT;
CREATE INDEX titled_title ON titled (title);

CREATE TABLE calendar_mail (
	interaction_id INTEGER PRIMARY KEY REFERENCES interaction  -- derived, as the whole table: noise, since there is such a meeting
) STRICT;

CREATE TABLE noise (
	message_id  TEXT NOT NULL,
	source_id   INTEGER NOT NULL REFERENCES source,
	reason      TEXT NOT NULL,
	fingerprint TEXT,
	PRIMARY KEY (message_id, source_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX noise_source ON noise (source_id, reason);

CREATE TABLE skipped (
	source_id INTEGER NOT NULL REFERENCES source,
	place     TEXT NOT NULL,  -- UID or href
	reason    TEXT NOT NULL,
	PRIMARY KEY (source_id, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE object (
	source_id INTEGER NOT NULL REFERENCES source,
	href      TEXT NOT NULL,
	etag      TEXT NOT NULL,
	PRIMARY KEY (source_id, href)
) STRICT, WITHOUT ROWID;

CREATE TABLE fate (
	message_id TEXT PRIMARY KEY,  -- of a message that waited for my word
	fate       TEXT NOT NULL,     -- answered, trash, junk: what its mailbox said of it
	at         INTEGER NOT NULL   -- when that was read
) STRICT, WITHOUT ROWID;

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

CREATE TABLE absence (
	source_id INTEGER NOT NULL REFERENCES source,
	href      TEXT NOT NULL,     -- of the calendar object
	first_day TEXT NOT NULL,     -- the first civil date
	last_day  TEXT NOT NULL,     -- the last one
	known_at  INTEGER NOT NULL,  -- when one could know of it
	person    TEXT NOT NULL,     -- address of the one in the event; '': nobody is
	PRIMARY KEY (source_id, href, first_day, last_day, known_at, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE sent_from (
	address_id INTEGER NOT NULL REFERENCES address,
	name       TEXT NOT NULL,
	n          INTEGER NOT NULL,  -- rows found in a Sent folder with this From
	PRIMARY KEY (address_id, name)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE placement (
	uid              TEXT PRIMARY KEY,
	key              TEXT NOT NULL,               -- canonical form of the follow-up's key
	hash             TEXT NOT NULL,               -- its hash; the code is the first six letters
	generation       INTEGER NOT NULL,
	state            TEXT NOT NULL,               -- intended, placed, rewriting, deleting, taken, closed
	href             TEXT NOT NULL DEFAULT '',
	etag             TEXT NOT NULL DEFAULT '',
	due_at           INTEGER,                     -- when it was due, as known when it was written
	slot_at          INTEGER,
	created_at       INTEGER,
	sequence         INTEGER NOT NULL DEFAULT 0,
	wrote            TEXT NOT NULL DEFAULT '{}',  -- JSON, what syncd last wrote
	seen             TEXT NOT NULL DEFAULT '{}',  -- JSON, what it last saw
	theirs           INTEGER NOT NULL DEFAULT 0,  -- fields the user set: 1 time, 2 summary, 4 description
	because          TEXT NOT NULL DEFAULT '[]',  -- JSON
	evidence         TEXT NOT NULL DEFAULT '[]',  -- JSON
	missing_at       INTEGER,
	earlier          TEXT NOT NULL DEFAULT '[]',  -- JSON, hashes of the lines of texts that syncd wrote before and not last
	ended_at         INTEGER,
	outcome          TEXT NOT NULL DEFAULT '',    -- '' while open
	ended_by         TEXT NOT NULL DEFAULT '{}',  -- JSON
	end_why          TEXT NOT NULL DEFAULT '',
	move_to          INTEGER,                     -- where the user asked for it to be moved
	noted            TEXT NOT NULL DEFAULT ''     -- the user's lines in it, as the latest decision about them says
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_hash ON placement (hash);
CREATE INDEX placement_ended ON placement (ended_at);

-- kind is also "command", of a decision on an entry that no gesture said.
CREATE TABLE decision (
	id    TEXT PRIMARY KEY,               -- hash of the others, but for seq
	seq   INTEGER NOT NULL,               -- order in which they were noted
	uid   TEXT NOT NULL,                  -- of the entry it was said on, '' where on none
	who   TEXT NOT NULL DEFAULT '',       -- whom it is about: addresses and UIDs of cards, one a line
	type  TEXT NOT NULL,                  -- done, dismissed, snoozed, move, edited, taken, undone; muted, unmuted, circle, noted, logged; paused, resumed, missing
	at    INTEGER NOT NULL,
	to_at INTEGER,                        -- snoozed, move: the new start; logged: when it was; paused: until
	kind  TEXT NOT NULL DEFAULT '',       -- logged: note, call or meeting
	text  TEXT NOT NULL DEFAULT ''        -- edited: the new title; noted: the lines; circle: its name; logged: what was said
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_uid ON decision (uid);

CREATE TABLE decision_who (
	who         TEXT NOT NULL,                                      -- a line of its decision's who
	decision_id TEXT NOT NULL REFERENCES decision ON DELETE CASCADE,
	PRIMARY KEY (who, decision_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE adopted (
	uid        TEXT PRIMARY KEY,      -- of an event that the user wrote into the follow-up calendar
	href       TEXT NOT NULL,
	title      TEXT NOT NULL,         -- without marks of completion
	location   TEXT NOT NULL,
	addresses  TEXT NOT NULL,         -- JSON: those in title, place and description, and of those invited, as folded in address
	starts     TEXT NOT NULL,         -- JSON: when its occurrences begin
	known_at   INTEGER NOT NULL,      -- since when it is known
	missing_at INTEGER                -- when a complete listing did not hold it
) STRICT, WITHOUT ROWID;

CREATE TABLE adopted_contact (
	uid        TEXT NOT NULL REFERENCES adopted ON DELETE CASCADE,             -- derived, as the whole table
	contact_id INTEGER NOT NULL REFERENCES contact ON DELETE CASCADE,          -- whom its title or place names
	sure       INTEGER NOT NULL,                                               -- 0: one of several whom it may name
	PRIMARY KEY (uid, contact_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX adopted_contact_contact ON adopted_contact (contact_id);

CREATE TABLE calendar_seen (
	url    TEXT PRIMARY KEY,
	shared INTEGER NOT NULL,  -- 1: it held other events when first seen
	at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- For reading with plain sqlite3 (docs/ledger.md).

CREATE VIEW contact_summary AS
SELECT c.code AS id, c.name, c.stage, c.mails_out AS "out", c.mails_in AS "in", c.met,
	datetime(c.first_at, 'unixepoch') AS first_at,
	datetime(c.last_out_at, 'unixepoch') AS last_out,
	datetime(c.last_in_at, 'unixepoch') AS last_in,
	datetime(c.last_met_at, 'unixepoch') AS last_met,
	(SELECT group_concat(a.address, ' ') FROM address AS a
		WHERE a.contact_id = c.id AND substr(a.address, 1, 5) <> 'card:') AS addresses
FROM contact AS c WHERE c.gate = 1;

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

CREATE VIEW ambiguous_names AS
SELECT datetime(i.at, 'unixepoch') AS at, i.subject AS title, i.location, i.evidence,
	(SELECT group_concat(c.name || ' (' || c.code || ')', ', ') FROM ambiguous_name AS n
		JOIN contact AS c ON c.id = n.contact_id WHERE n.interaction_id = i.id) AS contacts
FROM interaction AS i WHERE i.id IN (SELECT interaction_id FROM ambiguous_name)
UNION ALL
SELECT datetime(json_extract(d.starts, '$[0]'), 'unixepoch'), d.title, d.location, d.uid,
	(SELECT group_concat(c.name || ' (' || c.code || ')', ', ') FROM adopted_contact AS n
		JOIN contact AS c ON c.id = n.contact_id WHERE n.uid = d.uid AND n.sure = 0)
FROM adopted AS d WHERE d.uid IN (SELECT uid FROM adopted_contact WHERE sure = 0);

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

CREATE VIEW open_followups AS
SELECT substr(p.hash, 1, 6) AS code, substr(p.key, 1, instr(p.key, '|') - 1) AS rule, p.state,
	datetime(p.slot_at, 'unixepoch') AS slot,
	coalesce(nullif(json_extract(p.seen, '$.Summary'), ''), json_extract(p.wrote, '$.Summary')) AS title, p.uid
FROM placement AS p WHERE p.outcome = '';

-- What a follow-up came to (SPEC section 4.7), by the ids of the rows: an event that
-- was deleted within a day of a word to them or a meeting counts as acted, and
-- the answer is what came within 14 days of it from them, in that thread from
-- anybody but the user's side, or a meeting with them.
CREATE VIEW ending AS
WITH ended AS (
	SELECT p.uid, p.outcome, p.ended_at, json_extract(p.ended_by, '$.ID') AS evidence,
		max(unixepoch(json_extract(p.ended_by, '$.At')), 0) AS at,
		coalesce(nullif(json_extract(p.ended_by, '$.Address'), ''), replace(replace(
			json_extract('[' || replace(json_quote(p.key), '|', '","') || ']', '$[2]'), '%7C', '|'), '%25', '%')) AS who
	FROM placement AS p WHERE p.outcome <> ''
), acted AS (
	SELECT e.uid, e.outcome, e.evidence, e.who, CASE e.outcome
		WHEN 'acted' THEN coalesce(nullif(e.at, 0), e.ended_at)
		WHEN 'dismissed' THEN (SELECT at FROM (SELECT i.at, abs(i.at - e.ended_at) AS away
			FROM address AS o CROSS JOIN address AS a ON a.contact_id = o.contact_id
			CROSS JOIN participant AS p ON p.address_id = a.id
			CROSS JOIN interaction AS i ON i.id = p.interaction_id AND i.current = 1 AND i.direct = 1 AND (i.direction = 'out'
				OR i.stands IN ('yes', 'lonely') AND i.end_at <= (SELECT unixepoch(value) FROM meta WHERE key = 'clock_at'))
			WHERE o.address IN (e.who, 'card:' || e.who) AND i.at BETWEEN e.ended_at - 86400 AND e.ended_at + 86400)
			ORDER BY away, at LIMIT 1) END AS acted_at
	FROM ended AS e
)
SELECT x.uid, CASE WHEN x.acted_at IS NULL THEN x.outcome ELSE 'acted' END AS outcome, x.acted_at,
	(SELECT id FROM (
		SELECT i.id, i.at, i.evidence FROM address AS o CROSS JOIN address AS a ON a.contact_id = o.contact_id
			CROSS JOIN participant AS p ON p.address_id = a.id
			CROSS JOIN interaction AS i ON i.id = p.interaction_id AND i.current = 1 AND i.direct = 1
				AND (i.direction = 'in' AND p.role = 'from' OR i.stands IN ('yes', 'lonely') AND p.status <> 'DECLINED'
					AND i.end_at <= (SELECT unixepoch(value) FROM meta WHERE key = 'clock_at'))
			WHERE o.address IN (x.who, 'card:' || x.who) AND i.at > x.acted_at AND i.at <= x.acted_at + 1209600
		UNION ALL
		SELECT i.id, i.at, i.evidence FROM thread_node AS n LEFT JOIN joined AS j ON j.thread_id = n.thread_id
			CROSS JOIN interaction AS i ON i.thread_id = coalesce(j.head, n.thread_id) AND i.current = 1 AND i.ours = 0
			WHERE n.message_id = x.evidence AND i.at > x.acted_at AND i.at <= x.acted_at + 1209600)
		ORDER BY at, evidence LIMIT 1) AS answer_id
FROM acted AS x;

CREATE VIEW outcomes AS
SELECT substr(p.hash, 1, 6) AS code, substr(p.key, 1, instr(p.key, '|') - 1) AS rule, e.outcome,
	datetime(p.created_at, 'unixepoch') AS written, datetime(p.ended_at, 'unixepoch') AS ended, p.end_why,
	datetime(e.acted_at, 'unixepoch') AS acted, datetime(i.at, 'unixepoch') AS answered, i.evidence AS answer, p.uid
FROM placement AS p JOIN ending AS e ON e.uid = p.uid LEFT JOIN interaction AS i ON i.id = e.answer_id;

CREATE VIEW source_health AS
SELECT s.account, s.type, s.name, s.sent, s.complete, datetime(s.ok_at, 'unixepoch') AS ok,
	datetime(s.failed_at, 'unixepoch') AS failed, s.error, datetime(s.reached_at, 'unixepoch') AS reached, s.total,
	(SELECT count(*) FROM copy AS c WHERE c.source_id = s.id AND c.interaction_id NOT IN (SELECT interaction_id FROM calendar_mail)) +
	(SELECT count(*) FROM card AS v WHERE v.source_id = s.id) AS "read",
	(SELECT count(*) FROM noise AS n WHERE n.source_id = s.id) + (SELECT count(*) FROM calendar_mail AS m
		JOIN copy AS c ON c.interaction_id = m.interaction_id AND c.source_id = s.id) AS noise,
	(SELECT count(*) FROM skipped AS k WHERE k.source_id = s.id) AS skipped, m.sent_by
FROM source AS s LEFT JOIN mailbox AS m ON m.source_id = s.id;
