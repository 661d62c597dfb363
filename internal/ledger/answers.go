package ledger

import (
	"context"
)

// What a message answers is one other message, its parent: In-Reply-To if that
// is known, else the last of References that is (RFC 5322 section 3.6.4; refs
// holds In-Reply-To last). A message with neither, whose subject bears a mark
// of an answer, is taken for an answer to the nearest earlier message
//
//   - of the same topic, at most 30 days before, and among the 100 latest then;
//   - where the sender of one is in the other, and they share somebody besides
//     the user; people are told by their addresses here, whatever cards say.
//
// That is weak evidence (SPEC section 4.4), and may change when more mail
// arrives: another message may turn out to be the nearest. So the threads that
// links make, which only ever grow, are kept apart (thread_node) from what weak
// evidence joins them to (joined), which is worked out again where it changed.
// interaction.thread_id says the result.

const bareIn = `SELECT i.id FROM json_each(?1) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
	WHERE i.opens = 0 AND i.refs IS NULL AND i.topic IS NOT NULL`

var (
	// Rows of the groups that may answer by subject alone.
	qBareIn = query(bareIn)
	// The same, and those that may answer a row of the groups: of the later ones
	// a hundred, since each looks at a hundred before it.
	qBareAfter = query(bareIn + ` UNION SELECT b.id FROM json_each(?1) AS w
		CROSS JOIN interaction AS i ON i.group_id = w.value AND i.topic IS NOT NULL
		CROSS JOIN interaction AS b ON b.topic = i.topic AND b.opens = 0 AND b.refs IS NULL AND b.current = 1 AND b.direction <> ''
			AND b.at BETWEEN i.at + 1 AND min(i.at + 2592000, coalesce((SELECT n.at FROM interaction AS n
				WHERE n.topic = i.topic AND n.opens = 0 AND n.refs IS NULL AND n.current = 1 AND n.direction <> '' AND n.at > i.at
				ORDER BY n.at LIMIT 1 OFFSET 100), i.at + 2592000))`)
	qWeakParent = query(`SELECT parent_id FROM answer WHERE interaction_id = ? AND weak = 1`)
	qNearest    = query(`SELECT p.id FROM interaction AS m CROSS JOIN address AS f ON f.id = m.from_id
		CROSS JOIN interaction AS p ON p.id IN (SELECT n.id FROM interaction AS n WHERE n.topic = m.topic
			AND n.at BETWEEN m.at - 2592000 AND m.at - 1 AND n.current = 1 AND n.direction <> ''
			ORDER BY n.at DESC, n.evidence DESC LIMIT 100)
		CROSS JOIN address AS g ON g.id = p.from_id
		WHERE m.id = ? AND m.current = 1 AND m.direction <> ''
		AND NOT EXISTS (SELECT 1 FROM interaction AS o WHERE o.group_id = m.group_id AND o.refs IS NOT NULL)
		AND (EXISTS (SELECT 1 FROM participant AS x CROSS JOIN address AS a ON a.id = x.address_id
				WHERE x.interaction_id = p.id AND (a.folded = f.folded OR a.contact_id IS NULL AND f.contact_id IS NULL))
			OR EXISTS (SELECT 1 FROM participant AS x CROSS JOIN address AS a ON a.id = x.address_id
				WHERE x.interaction_id = m.id AND (a.folded = g.folded OR a.contact_id IS NULL AND g.contact_id IS NULL)))
		AND EXISTS (SELECT 1 FROM participant AS x CROSS JOIN address AS a ON a.id = x.address_id
			WHERE x.interaction_id = m.id AND a.contact_id IS NOT NULL AND a.folded IN (SELECT b.folded FROM participant AS y
				CROSS JOIN address AS b ON b.id = y.address_id WHERE y.interaction_id = p.id))
		ORDER BY p.at DESC, p.evidence DESC LIMIT 1`)
	qDropAnswer = query(`DELETE FROM answer WHERE interaction_id = ?`)
	qAddWeak    = query(`INSERT INTO answer (interaction_id, parent_id, weak) VALUES (?, ?, 1)`)
	qNodeOf     = query(`SELECT n.thread_id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.id = w.value
		CROSS JOIN thread_node AS n ON n.message_id = i.evidence`)
	qDropLinks = query(`DELETE FROM answer WHERE weak = 0 AND interaction_id IN (
		SELECT i.id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value)`)
	// Links from anywhere in the threads of the groups: a message may come
	// after those that answer it. Who answers the last it refers to is settled.
	// Mail that is ignored is in no thread, and answered by nobody.
	qAddLinks = query(`INSERT INTO answer (interaction_id, parent_id, weak)
		SELECT id, parent, 0 FROM (
			SELECT m.id AS id, (SELECT p.id FROM interaction AS o CROSS JOIN json_each(o.refs) AS r
				CROSS JOIN interaction AS p ON p.kind = 'mail' AND p.evidence = r.value AND p.thread_id IS NOT NULL
				WHERE o.group_id = m.group_id AND p.group_id <> m.group_id
				ORDER BY o.id <> m.id, o.evidence, o.content, r.key DESC LIMIT 1) AS parent
			FROM (SELECT DISTINCT i.thread_id AS id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value) AS t
			CROSS JOIN interaction AS m ON m.thread_id = t.id AND m.current = 1
			WHERE NOT EXISTS (SELECT 1 FROM answer AS a CROSS JOIN interaction AS p ON p.id = a.parent_id AND p.thread_id IS NOT NULL
				WHERE a.interaction_id = m.id AND p.evidence = json_extract(m.refs, '$[#-1]')))
		WHERE parent IS NOT NULL
		ON CONFLICT DO UPDATE SET parent_id = excluded.parent_id, weak = 0 WHERE parent_id <> excluded.parent_id`)
)

// answers finds what the rows of the groups answer, and what answers them. The
// query bare gives those that may do so by subject alone.
func (k *intake) answers(ctx context.Context, groups map[int64]bool, bare string) error {
	if len(groups) == 0 {
		return nil
	}
	these := list(groups)
	rows, err := k.ids(ctx, bare, these)
	if err != nil {
		return err
	}
	loose := map[int64]bool{}
	for _, row := range rows {
		if err := k.guess(ctx, row, loose); err != nil {
			return err
		}
	}
	if err := k.join(ctx, loose); err != nil {
		return err
	}
	for _, q := range []string{qDropLinks, qAddLinks} {
		if _, err := k.exec(ctx, q, these); err != nil {
			return err
		}
	}
	return nil
}

// guess finds the parent of a row by weak evidence, and adds to loose the
// threads that this joins or parts.
func (k *intake) guess(ctx context.Context, row int64, loose map[int64]bool) error {
	var before, parent int64
	if _, err := k.one(ctx, qWeakParent, []any{row}, &before); err != nil {
		return err
	}
	if _, err := k.one(ctx, qNearest, []any{row}, &parent); err != nil || parent == before {
		return err
	}
	if _, err := k.exec(ctx, qDropAnswer, row); err != nil {
		return err
	}
	if parent != 0 {
		if _, err := k.exec(ctx, qAddWeak, row, parent); err != nil {
			return err
		}
	}
	threads, err := k.ids(ctx, qNodeOf, list(map[int64]bool{row: true, before: true, parent: true}))
	for _, t := range threads {
		loose[t] = true
	}
	return err
}

var (
	qJoinedWith = query(`SELECT DISTINCT o.thread_id FROM json_each(?) AS w CROSS JOIN joined AS j ON j.thread_id = w.value
		CROSS JOIN joined AS o ON o.head = j.head`)
	qUnjoin = query(`DELETE FROM joined WHERE thread_id IN (SELECT value FROM json_each(?))`)
	// The threads that weak evidence joins to one, itself included.
	qAround = query(`WITH RECURSIVE part (id) AS (SELECT ?
		UNION SELECT b.thread_id FROM part CROSS JOIN thread_node AS n ON n.thread_id = part.id
			CROSS JOIN interaction AS i ON i.kind = 'mail' AND i.evidence = n.message_id
			CROSS JOIN answer AS a ON a.interaction_id = i.id AND a.weak = 1
			CROSS JOIN interaction AS p ON p.id = a.parent_id CROSS JOIN thread_node AS b ON b.message_id = p.evidence
		UNION SELECT b.thread_id FROM part CROSS JOIN thread_node AS n ON n.thread_id = part.id
			CROSS JOIN interaction AS i ON i.kind = 'mail' AND i.evidence = n.message_id
			CROSS JOIN answer AS a ON a.parent_id = i.id AND a.weak = 1
			CROSS JOIN interaction AS m ON m.id = a.interaction_id CROSS JOIN thread_node AS b ON b.message_id = m.evidence)
		SELECT t.id FROM part CROSS JOIN thread AS t ON t.id = part.id ORDER BY t.name`)
	qJoin   = query(`INSERT INTO joined (thread_id, head) SELECT value, ? FROM json_each(?)`)
	qRehome = query(`UPDATE interaction SET thread_id = ?1 WHERE kind = 'mail' AND thread_id <> ?1 AND evidence IN (
		SELECT n.message_id FROM json_each(?2) AS w CROSS JOIN thread_node AS n ON n.thread_id = w.value)`)
)

// loosen sees to it that what is joined to a thread is joined anew: the thread
// is about to become part of another.
func (k *intake) loosen(ctx context.Context, thread int64) error {
	with, err := k.ids(ctx, qJoinedWith, list(map[int64]bool{thread: true}))
	for _, t := range with {
		k.touched.threads[t] = true
	}
	return err
}

// join works out again which threads hang together by weak evidence: the given
// ones, and those among the touched that were joined before. The one of the
// smallest name stands for all.
func (k *intake) join(ctx context.Context, loose map[int64]bool) error {
	for t := range loose {
		k.touched.threads[t] = true
	}
	with, err := k.ids(ctx, qJoinedWith, list(k.touched.threads))
	if err != nil {
		return err
	}
	for _, t := range with {
		loose[t] = true
	}
	if len(loose) == 0 {
		return nil
	}
	if _, err := k.exec(ctx, qUnjoin, list(loose)); err != nil {
		return err
	}
	done := map[int64]bool{}
	for t := range loose {
		if done[t] {
			continue
		}
		if err := k.joinAround(ctx, t, done); err != nil {
			return err
		}
	}
	return nil
}

func (k *intake) joinAround(ctx context.Context, thread int64, done map[int64]bool) error {
	around, err := k.ids(ctx, qAround, thread)
	if err != nil || len(around) == 0 { // the thread became part of another
		return err
	}
	head, part := around[0], map[int64]bool{}
	for _, t := range around {
		part[t], done[t] = true, true
	}
	k.touched.heads[head] = true
	these := list(part)
	if len(around) > 1 {
		if _, err := k.exec(ctx, qUnjoin, these); err != nil {
			return err
		}
		if _, err := k.exec(ctx, qJoin, head, these); err != nil {
			return err
		}
	}
	_, err = k.exec(ctx, qRehome, head, these)
	return err
}
