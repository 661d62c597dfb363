package ledger

import (
	"context"
	"encoding/json"
	"slices"
)

var (
	qMoveGroup = query(`UPDATE interaction SET group_id = ? WHERE group_id = ?`)

	qNode       = query(`SELECT thread_id FROM thread_node WHERE message_id = ?`)
	qAddNode    = query(`INSERT INTO thread_node (message_id, thread_id) VALUES (?, ?)`)
	qAddThread  = query(`INSERT INTO thread (name) VALUES (?)`)
	qNameThread = query(`UPDATE thread SET name = ? WHERE id = ? AND name > ?`)
	qThreadName = query(`SELECT name FROM thread WHERE id = ?`)
	qThreadSize = query(`SELECT count(*) FROM thread_node WHERE thread_id = ?`)
	qMoveNodes  = query(`UPDATE thread_node SET thread_id = ? WHERE thread_id = ?`)
	qMoveRows   = query(`UPDATE interaction SET thread_id = ? WHERE thread_id = ?`)
	qDropThread = query(`DELETE FROM thread WHERE id = ?`)
)

// group gives the group of a new row: that of the rows that tell of the same
// thing, or its own. Groups and threads are connected components, so the order
// in which rows arrive does not matter.
func (k *intake) group(ctx context.Context, row int64, groups []int64) (int64, error) {
	group := row
	if len(groups) > 0 {
		group = slices.Min(groups)
	}
	for _, g := range groups {
		if g == group {
			continue
		}
		if _, err := k.exec(ctx, qMoveGroup, group, g); err != nil {
			return 0, err
		}
		delete(k.touched.groups, g)
	}
	k.touched.groups[group] = true
	return group, nil
}

// thread gives the one thread that holds all the ids.
func (k *intake) thread(ctx context.Context, ids []string) (int64, error) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var found []int64
	var missing []string
	for _, id := range ids {
		t, known := k.nodes[id]
		if !known {
			var err error
			if known, err = k.one(ctx, qNode, []any{id}, &t); err != nil {
				return 0, err
			}
		}
		if known {
			found = append(found, t)
		} else {
			missing = append(missing, id)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	thread, err := k.merge(ctx, found, missing)
	if err != nil {
		return 0, err
	}
	for _, id := range missing {
		if _, err := k.exec(ctx, qAddNode, id, thread); err != nil {
			return 0, err
		}
	}
	if len(found) > 1 {
		clear(k.nodes) // it may name a thread that is no more
	}
	for _, id := range ids {
		k.nodes[id] = thread
	}
	k.touched.threads[thread] = true
	return thread, nil
}

// merge makes one thread of several, moving the smaller into the largest so
// that no id moves more than a few times.
func (k *intake) merge(ctx context.Context, threads []int64, added []string) (int64, error) {
	if len(threads) == 0 {
		return k.insert(ctx, qAddThread, added[0])
	}
	if len(threads) == 1 && len(added) == 0 {
		return threads[0], nil
	}
	names := added
	winner := threads[0]
	if len(threads) > 1 {
		size := 0
		for _, t := range threads {
			var n int
			if _, err := k.one(ctx, qThreadSize, []any{t}, &n); err != nil {
				return 0, err
			}
			if n > size {
				winner, size = t, n
			}
		}
	}
	for _, t := range threads {
		if t == winner {
			continue
		}
		if err := k.loosen(ctx, t); err != nil {
			return 0, err
		}
		var name string
		if _, err := k.one(ctx, qThreadName, []any{t}, &name); err != nil {
			return 0, err
		}
		names = append(names, name)
		for _, q := range []string{qMoveNodes, qMoveRows} {
			if _, err := k.exec(ctx, q, winner, t); err != nil {
				return 0, err
			}
		}
		if _, err := k.exec(ctx, qDropThread, t); err != nil {
			return 0, err
		}
	}
	smallest := slices.Min(names)
	_, err := k.exec(ctx, qNameThread, smallest, winner, smallest)
	return winner, err
}

var (
	qClearGroups  = query(`UPDATE interaction SET group_id = 0, thread_id = NULL, current = 0, supersedes = NULL`)
	qClearAnswers = query(`DELETE FROM answer`)
	qClearJoined  = query(`DELETE FROM joined`)
	qClearNodes   = query(`DELETE FROM thread_node`)
	qClearThreads = query(`DELETE FROM thread`)
	qAllRows      = query(`SELECT id, kind, evidence, coalesce(fingerprint, ''), coalesce(refs, '') FROM interaction
		WHERE id > ? ORDER BY id LIMIT 1000`)
)

// relink finds groups and threads again, from the rows alone.
func (k *intake) relink(ctx context.Context) error {
	for _, q := range []string{qClearGroups, qClearAnswers, qClearJoined, qClearNodes, qClearThreads} {
		if _, err := k.exec(ctx, q); err != nil {
			return err
		}
	}
	type row struct {
		id                int64
		kind              Kind
		evidence, fp, ref string
	}
	for last := int64(0); ; {
		var page []row
		err := k.each(ctx, qAllRows, []any{last}, func(scan func(...any) error) error {
			var r row
			err := scan(&r.id, &r.kind, &r.evidence, &r.fp, &r.ref)
			page = append(page, r)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if hidden, err := k.unlink(ctx, r.id, r.kind); err != nil || hidden {
				if err != nil {
					return err
				}
				continue
			}
			var refs []string
			if r.ref != "" {
				if err := json.Unmarshal([]byte(r.ref), &refs); err != nil {
					return err
				}
			}
			if err := k.relinkRow(ctx, r.id, r.kind, r.evidence, r.fp, refs); err != nil {
				return err
			}
		}
		last = page[len(page)-1].id
		k.touched = newTouched() // everything is derived afterwards
		clear(k.nodes)
	}
}

var (
	qLinked = query(`SELECT group_id, evidence FROM interaction WHERE kind = ? AND evidence = ? AND group_id <> 0
			AND (kind <> 'mail' OR thread_id IS NOT NULL)
		UNION ALL SELECT group_id, evidence FROM interaction WHERE fingerprint = ? AND group_id <> 0 AND thread_id IS NOT NULL`)
	qSetLinks = query(`UPDATE interaction SET group_id = ?, thread_id = ? WHERE id = ?`)
)

// unlink leaves mail that is ignored by itself: it is in no thread.
func (k *intake) unlink(ctx context.Context, row int64, kind Kind) (hidden bool, err error) {
	if kind != KindMail {
		return false, nil
	}
	if hidden, err = k.hidden(ctx, row); err != nil || !hidden {
		return false, err
	}
	_, err = k.exec(ctx, qSetLinks, row, nil, row)
	return true, err
}

func (k *intake) relinkRow(ctx context.Context, row int64, kind Kind, evidence, fingerprint string, refs []string) error {
	kin, err := k.linked(ctx, kind, evidence, fingerprint)
	if err != nil {
		return err
	}
	group, err := k.group(ctx, row, kin.groups)
	if err != nil {
		return err
	}
	var thread any
	if kind == KindMail {
		if thread, err = k.thread(ctx, slices.Concat([]string{evidence}, refs, kin.evidence)); err != nil {
			return err
		}
	}
	_, err = k.exec(ctx, qSetLinks, group, thread, row)
	return err
}

func (k *intake) linked(ctx context.Context, kind Kind, evidence, fingerprint string) (out kin, err error) {
	err = k.each(ctx, qLinked, []any{kind, evidence, null(fingerprint)}, func(scan func(...any) error) error {
		var group int64
		var evidence string
		err := scan(&group, &evidence)
		out.groups, out.evidence = append(out.groups, group), append(out.evidence, evidence)
		return err
	})
	return out, err
}
