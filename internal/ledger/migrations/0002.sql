-- For reading with plain sqlite3 (docs/ledger.md).

CREATE VIEW contact_summary AS
SELECT c.code AS id, c.name, c.stage, c.mails_out AS "out", c.mails_in AS "in", c.met,
	datetime(c.first_at, 'unixepoch') AS first_at,
	datetime(c.last_out_at, 'unixepoch') AS last_out,
	datetime(c.last_in_at, 'unixepoch') AS last_in,
	datetime(c.last_met_at, 'unixepoch') AS last_met,
	(SELECT group_concat(a.address, ' ') FROM address AS a WHERE a.contact_id = c.id) AS addresses
FROM contact AS c WHERE c.gate = 1;

CREATE VIEW interaction_log AS
SELECT i.id, datetime(i.at, 'unixepoch') AS at, i.kind, i.direction, i.direct, i.weight, i.subject,
	i.evidence_type, i.evidence, t.name AS thread, s.account, s.name AS folder,
	(SELECT group_concat(p.role || ':' || a.address, ' ') FROM participant AS p
		JOIN address AS a ON a.id = p.address_id WHERE p.interaction_id = i.id) AS people,
	i.supersedes
FROM interaction AS i
LEFT JOIN thread AS t ON t.id = i.thread_id
LEFT JOIN source AS s ON s.id = i.source_id
WHERE i.current = 1;

CREATE VIEW open_followups AS
SELECT substr(p.hash, 1, 6) AS code, substr(p.key, 1, instr(p.key, '|') - 1) AS rule, p.state,
	datetime(p.slot_at, 'unixepoch') AS slot,
	coalesce(nullif(json_extract(p.seen, '$.Summary'), ''), json_extract(p.wrote, '$.Summary')) AS title, p.uid
FROM placement AS p WHERE p.outcome = '';

CREATE VIEW outcomes AS
SELECT substr(p.hash, 1, 6) AS code, substr(p.key, 1, instr(p.key, '|') - 1) AS rule, p.outcome,
	datetime(p.created_at, 'unixepoch') AS written, datetime(p.ended_at, 'unixepoch') AS ended, p.end_why, p.uid
FROM placement AS p WHERE p.outcome <> '';

CREATE VIEW source_health AS
SELECT s.account, s.type, s.name, s.sent, s.complete, datetime(s.ok_at, 'unixepoch') AS ok,
	datetime(s.failed_at, 'unixepoch') AS failed, s.error, datetime(s.reached_at, 'unixepoch') AS reached, s.total,
	(SELECT count(*) FROM copy AS c WHERE c.source_id = s.id) AS "read",
	(SELECT count(*) FROM noise AS n WHERE n.source_id = s.id) AS noise,
	(SELECT count(*) FROM skipped AS k WHERE k.source_id = s.id) AS skipped
FROM source AS s;
