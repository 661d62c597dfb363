package ledger

import (
	"cmp"
	"context"
	"slices"
	"strconv"
)

// maxDirect is how many recipients a direct message has at most, and people a
// meeting that counts (SPEC sections 2.2 and 3.4).
const maxDirect = 8

// maxSeries is how many people a recurring meeting that counts has at most.
const maxSeries = 3

// reading is a row of interaction as derive sees it: the facts of one reading
// of a message or event, and where it was found.
type reading struct {
	id          int64
	group       int64
	kind        Kind
	evidence    string
	content     string
	at          int64
	allDay      bool
	cancelled   bool
	series      bool
	people      []readPerson
	borrowed    []int64 // addresses that bcc gave it before
	answered    int     // people whose answer it knows
	named       bool    // somebody was found by name
	logged      bool    // reported by the user, and in no calendar
	unlisted    int     // people without an address
	theirs      bool    // not by my own hand
	copies      int     // in mailboxes that are not ignored
	live        int     // copies that are not gone
	sent        bool
	undelivered bool
	account     string
	folder      string
	source      any
}

type readPerson struct {
	Participant
	id int64 // of the address
}

var (
	qWorkRows = query(`SELECT i.id, i.group_id, i.kind, i.evidence, i.content, i.at, i.all_day, i.cancelled, i.series,
		coalesce(u.people, 0), coalesce(u.theirs, 0), i.evidence_type = 'note'
		FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
		LEFT JOIN unlisted AS u ON u.interaction_id = i.id`)
	qWorkPeople = query(`SELECT p.interaction_id, p.address_id, a.address, p.role, p.status, p.thing, p.name, p.pos
		FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
		CROSS JOIN participant AS p ON p.interaction_id = i.id CROSS JOIN address AS a ON a.id = p.address_id`)
	qWorkCopies = query(`SELECT c.interaction_id, c.source_id, s.account, s.name, s.sent, c.delivered, c.gone
		FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
		CROSS JOIN copy AS c ON c.interaction_id = i.id CROSS JOIN source AS s ON s.id = c.source_id`)
	qDerived = query(`UPDATE interaction SET current = 1, supersedes = ?, source_id = ?, direction = ?, direct = ?, weight = ?,
		mine = ?, ours = ?, from_id = ?, first_to = ?, to_count = ?, people = ?, stands = ?, busy = ? WHERE id = ?`)
	qSuperseded = query(`UPDATE interaction SET current = 0, supersedes = NULL, source_id = ?, mine = 0, stands = '', busy = 0
		WHERE id = ?`)
	qHidden = query(`UPDATE interaction SET current = 0, supersedes = NULL, source_id = ?, mine = 0, stands = '', busy = ?
		WHERE id = ?`)
)

// list makes the JSON array that a query takes for a table.
func list(ids map[int64]bool) string {
	b := []byte{'['}
	for id := range ids {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, ']'))
}

// derive chooses the current row of each group and works out what it means.
func (k *intake) derive(ctx context.Context, groups map[int64]bool) error {
	if len(groups) == 0 {
		return nil
	}
	rows, err := k.readings(ctx, list(groups))
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b *reading) int { return cmp.Compare(a.group, b.group) })
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r *reading) bool { return r.group != rows[0].group })
		if n < 0 {
			n = len(rows)
		}
		if err := k.deriveGroup(ctx, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (k *intake) readings(ctx context.Context, groups string) ([]*reading, error) {
	var rows []*reading
	byID := map[int64]*reading{}
	err := k.each(ctx, qWorkRows, []any{groups}, func(scan func(...any) error) error {
		r := &reading{}
		err := scan(&r.id, &r.group, &r.kind, &r.evidence, &r.content, &r.at, &r.allDay, &r.cancelled, &r.series, &r.unlisted, &r.theirs, &r.logged)
		rows, byID[r.id] = append(rows, r), r
		return err
	})
	if err != nil {
		return nil, err
	}
	err = k.each(ctx, qWorkPeople, []any{groups}, func(scan func(...any) error) error {
		var row int64
		var pos int
		var p readPerson
		if err := scan(&row, &p.id, &p.Address, &p.Role, &p.Status, &p.Thing, &p.Name, &pos); err != nil {
			return err
		}
		if p.Role == RoleBcc && pos >= bccPos {
			byID[row].borrowed = append(byID[row].borrowed, p.id)
			return nil
		}
		if p.Role == RoleNamed {
			byID[row].named = true
			return nil
		}
		byID[row].people = append(byID[row].people, p)
		if p.Status != "" && p.Status != "NEEDS-ACTION" {
			byID[row].answered++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, k.each(ctx, qWorkCopies, []any{groups}, func(scan func(...any) error) error {
		var row, source int64
		var account, folder string
		var sent, delivered, gone bool
		if err := scan(&row, &source, &account, &folder, &sent, &delivered, &gone); err != nil {
			return err
		}
		if k.lens.folders[source] {
			return nil
		}
		r := byID[row]
		r.copies++
		if !gone {
			r.live++
		}
		r.sent = r.sent || sent
		r.undelivered = r.undelivered || !delivered
		if r.source == nil || account < r.account || account == r.account && folder < r.folder {
			r.account, r.folder, r.source = account, folder, source
		}
		return nil
	})
}

// deriveGroup works on rows that tell of the same thing.
func (k *intake) deriveGroup(ctx context.Context, rows []*reading) error {
	slices.SortFunc(rows, preferred)
	best := rows[0]
	if best.kind == KindMail {
		if err := k.bcc(ctx, rows); err != nil {
			return err
		}
	}
	hidden := k.lens.hides() && (best.kind == KindMail && best.copies == 0 || k.lens.nobody(participants(best.people)))
	d := derived{source: best.source}
	present := true
	switch best.kind {
	case KindMail:
		sent, undelivered, account, folder := false, false, best.account, best.folder
		for _, r := range rows {
			sent, undelivered = sent || r.sent, undelivered || r.undelivered
			if r.source != nil && (d.source == nil || r.account < account || r.account == account && r.folder < folder) {
				account, folder, d.source = r.account, r.folder, r.source
			}
		}
		d.mail(k.lens, best, sent, undelivered)
	case KindMeeting:
		present = best.copies > 0 || best.logged
		d.meeting(k.lens, best)
		if d.stands == lonely || slices.ContainsFunc(rows, func(r *reading) bool { return r.named }) {
			if err := k.renamed(ctx); err != nil {
				return err
			}
		}
	case KindCall, KindNote:
		var err error
		if present, err = k.stands(ctx, best); err != nil {
			return err
		}
		d.direction, d.direct, d.weight, d.mine, d.ours = Out, true, 1, true, true
	}
	var supersedes any
	for _, r := range rows[1:] {
		if _, err := k.exec(ctx, qSuperseded, r.source, r.id); err != nil {
			return err
		}
		supersedes = r.id
	}
	if hidden && present {
		_, err := k.exec(ctx, qHidden, best.source, d.busy, best.id)
		return err
	}
	if !present {
		_, err := k.exec(ctx, qSuperseded, best.source, best.id)
		return err
	}
	_, err := k.exec(ctx, qDerived, supersedes, d.source, d.direction, d.direct, d.weight, d.mine, d.ours, d.from, d.firstTo,
		d.toCount, d.people, d.stands, d.busy, best.id)
	return err
}

func participants(people []readPerson) []Participant {
	out := make([]Participant, len(people))
	for i, p := range people {
		out[i] = p.Participant
	}
	return out
}

// bccPos is the pos of a recipient that a Sent copy alone knows, after all that
// the message itself names.
const bccPos = 1 << 19

var (
	qDropBcc = query(`DELETE FROM participant WHERE interaction_id = ? AND role = 'bcc' AND pos >= 524288`)
	qAddBcc  = query(`INSERT INTO participant (interaction_id, pos, address_id, role, name) VALUES (?, ?, ?, 'bcc', ?)`)
)

// bcc gives the best of the readings of a message those in Bcc of its Sent
// copies: where a relay changed the Message-ID, they are other readings.
func (k *intake) bcc(ctx context.Context, rows []*reading) error {
	best := rows[0]
	known := map[int64]bool{}
	for _, p := range best.people {
		known[p.id] = true
	}
	var more []readPerson
	for _, r := range rows[1:] {
		for _, p := range r.people {
			if r.sent && p.Role == RoleBcc && !known[p.id] {
				known[p.id], more = true, append(more, p)
			}
		}
	}
	for i, r := range rows {
		give := more
		if i > 0 {
			give = nil
		}
		if slices.EqualFunc(r.borrowed, give, func(id int64, p readPerson) bool { return id == p.id }) {
			continue
		}
		if _, err := k.exec(ctx, qDropBcc, r.id); err != nil {
			return err
		}
		for n, p := range give {
			if _, err := k.exec(ctx, qAddBcc, r.id, bccPos+n, p.id, p.Name); err != nil {
				return err
			}
		}
	}
	best.people = append(best.people, more...)
	return nil
}

// preferred orders the readings of one thing. Mail: the smallest Message-ID,
// and the Sent copy. Meetings: what a calendar still
// holds, a word that it is off, and the copy that knows most people and most of
// their answers.
func preferred(a, b *reading) int {
	if a.kind == KindMail {
		return cmp.Or(
			cmp.Compare(a.evidence, b.evidence),
			-compareBool(a.sent, b.sent),
			cmp.Compare(a.content, b.content))
	}
	if a.kind != KindMeeting {
		return -cmp.Compare(a.at, b.at)
	}
	return cmp.Or(
		-compareBool(a.live > 0, b.live > 0),
		-compareBool(a.copies > 0, b.copies > 0),
		-compareBool(a.cancelled, b.cancelled),
		-cmp.Compare(len(a.people), len(b.people)),
		-cmp.Compare(a.answered, b.answered),
		cmp.Compare(a.content, b.content))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// derived are the derived columns of a row.
type derived struct {
	source        any
	direction     Direction
	direct        bool
	weight        float64
	mine, ours    bool
	from, firstTo any
	toCount       int
	people        int
	stands        string
	busy          bool
}

// mail works out SPEC sections 2.1 (what is mine) and 3.4 (what is direct).
func (d *derived) mail(n *lens, r *reading, sent, undelivered bool) {
	recipients, to := map[string]bool{}, map[string]bool{}
	var from string
	mineIn, mineTo, others := false, false, false
	for _, p := range r.people {
		if p.Role == RoleFrom {
			if from == "" {
				from, d.from = p.Address, p.id
			}
			continue
		}
		recipients[fold(p.Address)] = true
		me := n.isMe(p.Address)
		mineIn, others = mineIn || me, others || !me
		if p.Role == RoleTo {
			to[fold(p.Address)] = true
			mineTo = mineTo || me
			if !me && d.firstTo == nil {
				d.firstTo = p.id
			}
		}
	}
	d.people, d.toCount = len(recipients), len(to)
	few := len(recipients) > 0 && len(recipients) <= maxDirect
	switch {
	case from == "":
	case n.isMe(from):
		d.mine = sent || undelivered
		if d.mine && others {
			d.direction, d.direct = Out, few
		}
	default:
		d.direction = In
		d.direct = few && (mineTo || mineIn && len(recipients) == 1)
	}
	d.ours = d.mine || from != "" && !n.isMe(from) && n.internal(from)
	if d.weight = 1; !d.direct && len(recipients) > 0 {
		d.weight = 1 / float64(len(recipients))
	}
}

// meeting works out whether a meeting counts (SPEC section 2.2), as far as it
// is the same for everybody in it.
func (d *derived) meeting(n *lens, r *reading) {
	people := map[string]bool{}
	organiser, mine := "", ""
	invited, own := false, false
	for _, p := range r.people {
		if p.Thing {
			continue
		}
		me := n.isMe(p.Address)
		if me {
			people["me"] = true
		} else {
			people[fold(p.Address)] = true
		}
		if p.Role == RoleOrganizer && organiser == "" {
			organiser, d.from, own = p.Address, p.id, me
		}
		if p.Role == RoleAttendee && me {
			invited = true
			if mine == "" || p.Status == "ACCEPTED" {
				mine = p.Status
			}
		}
	}
	people["me"] = true // it is in my calendar
	if r.logged {
		d.direction, d.people, d.mine, d.ours, d.stands, d.direct, d.weight = Mutual, len(people), true, true, "yes", true, 1
		return
	}
	count := len(people) + r.unlisted
	byHand := organiser == "" && !r.theirs
	d.direction, d.people, d.mine, d.ours = Mutual, count, own || byHand, true
	d.busy = !r.cancelled && !r.allDay && mine != "DECLINED" && (own || invited || organiser == "")
	d.stands = "no"
	small := count <= maxDirect && (!r.series || count <= maxSeries)
	if small && !r.cancelled && !r.allDay {
		switch {
		case count == 1 && (own || organiser == "") && !r.theirs && mine != "DECLINED":
			d.stands = lonely
		case count == 1:
		case own, invited && mine == "ACCEPTED", !invited && byHand:
			d.stands = "yes"
		case mine == "DECLINED", mine == "DELEGATED":
		case invited:
			d.stands = "ask"
		}
	}
	d.direct = d.stands == "yes" || d.stands == "ask"
	if d.weight = 1; !d.direct {
		d.weight = 1 / float64(max(1, count-1))
	}
}

var (
	qGroupPage = query(`SELECT DISTINCT group_id FROM interaction WHERE group_id > ? ORDER BY group_id LIMIT 1000`)
	qDirtyAll  = query(`UPDATE contact SET dirty = 1`)
)

// deriveAll assigns every address to its contact and derives every group anew;
// with relink it finds the groups and threads again as well. It does so anyway
// where mail is ignored: that has no part in them. Otherwise what was joined to
// the threads that the intake touched is joined anew.
func (k *intake) deriveAll(ctx context.Context, relink bool) error {
	if err := k.assign(ctx); err != nil {
		return err
	}
	if err := k.lens.learnMates(ctx, k.tx); err != nil {
		return err
	}
	if relink || k.lens.hides() {
		if err := k.relink(ctx); err != nil {
			return err
		}
	}
	if err := k.allGroups(ctx, k.derive); err != nil {
		return err
	}
	if err := allInvites(ctx, k.tx); err != nil {
		return err
	}
	err := k.allGroups(ctx, func(ctx context.Context, groups map[int64]bool) error {
		err := k.answers(ctx, groups, qBareIn)
		k.touched = newTouched()
		return err
	})
	if err != nil {
		return err
	}
	if err := k.renamed(ctx); err != nil {
		return err
	}
	_, err = k.exec(ctx, qDirtyAll)
	return err
}

// allGroups calls do for the groups of all rows, some at a time.
func (k *intake) allGroups(ctx context.Context, do func(context.Context, map[int64]bool) error) error {
	for last := int64(0); ; {
		page, err := k.ids(ctx, qGroupPage, last)
		if err != nil || len(page) == 0 {
			return err
		}
		groups := map[int64]bool{}
		for _, g := range page {
			groups[g] = true
		}
		if err := do(ctx, groups); err != nil {
			return err
		}
		last = page[len(page)-1]
	}
}

var (
	qMarkPeople = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
		CROSS JOIN participant AS p ON p.interaction_id = i.id CROSS JOIN address AS a ON a.id = p.address_id)`)
	qMarkThreads = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM (SELECT DISTINCT i.thread_id AS id FROM json_each(?) AS w
			CROSS JOIN interaction AS i ON i.group_id = w.value) AS h
		CROSS JOIN interaction AS m ON m.thread_id = h.id
		CROSS JOIN participant AS p ON p.interaction_id = m.id CROSS JOIN address AS a ON a.id = p.address_id)`)
	qMarkJoined = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM json_each(?) AS w CROSS JOIN interaction AS m ON m.thread_id = w.value
		CROSS JOIN participant AS p ON p.interaction_id = m.id CROSS JOIN address AS a ON a.id = p.address_id)`)
	qMarkContact = query(`UPDATE contact SET dirty = 1 WHERE id = ?`)
	// A word of mine may make meetings count that its receiver organised.
	qMarkAsked = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM interaction AS m
		CROSS JOIN address AS o ON o.id = m.from_id CROSS JOIN contact AS c ON c.id = o.contact_id AND c.dirty = 1
		CROSS JOIN participant AS p ON p.interaction_id = m.id CROSS JOIN address AS a ON a.id = p.address_id
		WHERE m.stands = 'ask')`)
	// What came of an introduction is known of all who have a part in it.
	qMarkIntroduced = query(`WITH mail AS (SELECT n.message_id, n.by_id, i.id FROM introduction AS n
			CROSS JOIN interaction AS o ON o.kind = 'mail' AND o.evidence = n.message_id
			CROSS JOIN interaction AS i ON i.group_id = o.group_id AND i.current = 1
			WHERE EXISTS (SELECT 1 FROM participant AS p CROSS JOIN address AS a ON a.id = p.address_id
				CROSS JOIN contact AS c ON c.id = a.contact_id AND c.dirty = 1 WHERE p.interaction_id = i.id))
		UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
			SELECT a.contact_id FROM mail AS n CROSS JOIN participant AS p ON p.interaction_id = n.id
				CROSS JOIN address AS a ON a.id = p.address_id
			UNION ALL SELECT a.contact_id FROM mail AS n CROSS JOIN address AS a ON a.id = n.by_id)`)
	// The same subject to many people is a mailing for each of them.
	qMarkMailing = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
			AND (i.mine = 1 OR i.id IN (SELECT interaction_id FROM calendar_mail))
		CROSS JOIN interaction AS m ON m.topic = i.topic AND m.mine = 1 AND m.current = 1
			AND m.at BETWEEN i.at - 86400 AND i.at + 86400
		CROSS JOIN address AS a ON a.id = m.first_to)`)
)

// spread marks the contacts whose summaries the batch may have changed.
func (k *intake) spread(ctx context.Context) error {
	if len(k.touched.groups) > 0 {
		groups := list(k.touched.groups)
		for _, q := range []string{qMarkPeople, qMarkThreads, qMarkMailing} {
			if _, err := k.exec(ctx, q, groups); err != nil {
				return err
			}
		}
	}
	if len(k.touched.heads) > 0 {
		if _, err := k.exec(ctx, qMarkJoined, list(k.touched.heads)); err != nil {
			return err
		}
	}
	for id := range k.touched.contacts {
		if _, err := k.exec(ctx, qMarkContact, id); err != nil {
			return err
		}
	}
	for _, q := range []string{qMarkAsked, qMarkIntroduced} {
		if _, err := k.exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}
