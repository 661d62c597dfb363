CREATE TABLE kept AS SELECT * FROM placement;
DROP TABLE placement;
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
INSERT INTO placement (uid, key, hash, generation, state, href, etag, due_at, slot_at, created_at, sequence, wrote, seen, theirs, because, evidence,
	missing_at, ended_at, outcome, ended_by, end_why)
	SELECT uid, key, hash, generation, state, href, etag, due_at, slot_at, created_at, sequence, wrote, seen, theirs, because, evidence,
	missing_at, ended_at, outcome, ended_by, end_why FROM kept;
DROP TABLE kept;

-- The journal has all decisions.
DROP TABLE decision;
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

DROP VIEW ambiguous_names;
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

DROP VIEW outcomes;
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

DROP INDEX interaction_bare;
CREATE INDEX interaction_bare ON interaction (topic, at)
	WHERE opens = 0 AND refs IS NULL AND current = 1 AND direction <> '' AND topic IS NOT NULL;
