package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"syncd/internal/planner"
)

// A mail introduces in one of two ways (SPEC section 6.3). Its writer makes known to
// each other the two who are on it beside them, the user being one unless they are
// the writer; or it is somebody's first mail to the user, on the word of a contact
// whom it names. Who bears that name depends on all contacts, so it is looked up for
// all such mail at once when names changed, as for events (introduction.by_id).

// maxIntroductions is how many are kept for a contact.
const maxIntroductions = 20

// person is somebody on a message, with the address they have there.
type person struct {
	contact int64
	address string
}

var (
	qOnMail = query(`SELECT a.contact_id, a.address, p.role = 'from' FROM participant AS p CROSS JOIN address AS a ON a.id = p.address_id
		WHERE p.interaction_id = ? AND p.role <> 'bcc' AND a.contact_id IS NOT NULL ORDER BY p.role <> 'from', p.pos`)
	qReferrer = query(`SELECT a.contact_id, a.address FROM json_each(?) AS w CROSS JOIN introduction AS n ON n.message_id = w.value
		CROSS JOIN address AS a ON a.id = n.by_id WHERE a.contact_id IS NOT NULL ORDER BY n.message_id LIMIT 1`)
	qVouches = query(`SELECT 1 FROM address AS b CROSS JOIN introduction AS n ON n.by_id = b.id WHERE b.contact_id = ? LIMIT 1`)
	// First mails to me from people who write on the word of a contact.
	qVouchedFor = query(`SELECT i.evidence, i.at, i.subject, coalesce(s.account, ''), f.contact_id, f.address, b.address, ` + saysOf + `,
		CASE WHEN i.supersedes IS NOT NULL THEN
			(SELECT json_group_array(DISTINCT o.evidence) FROM interaction AS o WHERE o.group_id = i.group_id) END
		FROM address AS b CROSS JOIN introduction AS n ON n.by_id = b.id
		CROSS JOIN interaction AS r ON r.kind = 'mail' AND r.evidence = n.message_id
		CROSS JOIN interaction AS i ON i.group_id = r.group_id AND i.current = 1 AND i.direct = 1 AND i.direction = 'in'
		CROSS JOIN address AS f ON f.id = i.from_id AND f.contact_id <> b.contact_id
		LEFT JOIN source AS s ON s.id = i.source_id
		WHERE b.contact_id = ? AND NOT EXISTS (SELECT 1 FROM address AS a CROSS JOIN participant AS p ON p.address_id = a.id AND p.role = 'from'
			CROSS JOIN interaction AS e ON e.id = p.interaction_id AND e.kind = 'mail' AND e.current = 1 AND e.direction = 'in'
				AND (e.at, e.evidence) < (i.at, i.evidence)
			WHERE a.contact_id = f.contact_id)
		ORDER BY i.at, i.evidence`)
	// Which of them writes to the other first.
	qFirstBetween = query(`SELECT i.evidence, i.at, i.subject, coalesce(s.account, ''), f.address FROM interaction AS i
		CROSS JOIN address AS f ON f.id = i.from_id AND f.contact_id = ?
		LEFT JOIN source AS s ON s.id = i.source_id
		WHERE i.thread_id = ? AND i.current = 1 AND (i.at, i.evidence) > (?, ?) AND EXISTS (SELECT 1 FROM participant AS p
			CROSS JOIN address AS a ON a.id = p.address_id AND a.contact_id = ?
			WHERE p.interaction_id = i.id AND p.role <> 'from')
		ORDER BY i.at, i.evidence LIMIT 1`)
	qFirstTo = query(`SELECT i.evidence, i.at, i.subject, coalesce(s.account, ''), a.address FROM address AS a
		CROSS JOIN participant AS p ON p.address_id = a.id
		CROSS JOIN interaction AS i ON i.id = p.interaction_id AND i.kind = 'mail' AND i.current = 1 AND i.direct = 1
			AND i.direction = 'out' AND (i.at, i.evidence) > (?, ?)
		LEFT JOIN source AS s ON s.id = i.source_id
		WHERE a.contact_id = ? ORDER BY i.at, i.evidence, a.address LIMIT 1`)
)

// introductions finds those that the contact has a part in.
func (p *portrait) introductions(ctx context.Context) error {
	first := slices.IndexFunc(p.items, func(it item) bool { return it.kind == KindMail && it.direction == In && it.role == RoleFrom })
	for n, it := range p.items {
		var err error
		switch {
		case it.kind != KindMail || it.text == nil || !it.direct || it.direction == None:
		case it.text.Introduce:
			err = p.introduced(ctx, it)
		case it.text.Referral != "" && n == first:
			err = p.referred(ctx, it)
		}
		if err != nil {
			return fmt.Errorf("read introductions: %w", err)
		}
	}
	if err := p.vouched(ctx); err != nil {
		return fmt.Errorf("read introductions: %w", err)
	}
	slices.SortFunc(p.out.Introductions, func(a, b planner.Introduction) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
	})
	p.out.Introductions = p.out.Introductions[:min(maxIntroductions, len(p.out.Introductions))]
	return nil
}

// introduced adds what a mail of the two kinds with three people does.
func (p *portrait) introduced(ctx context.Context, it item) error {
	var writer person
	var others []person
	err := p.t.each(ctx, qOnMail, []any{it.id}, func(scan func(...any) error) error {
		var o person
		var from bool
		err := scan(&o.contact, &o.address, &from)
		switch {
		case from:
			writer = o
		case o.contact != writer.contact && !slices.ContainsFunc(others, func(q person) bool { return q.contact == o.contact }):
			others = append(others, o)
		}
		return err
	})
	wanted := 1
	if it.direction == Out {
		wanted = 2
	}
	if err != nil || len(others) != wanted {
		return err
	}
	return p.introduce(ctx, it, writer, others)
}

// referred adds that they write on the word of a contact.
func (p *portrait) referred(ctx context.Context, it item) error {
	names, err := toJSON(it.evidence.Names())
	if err != nil {
		return err
	}
	var by person
	found, err := p.t.one(ctx, qReferrer, []any{names}, &by.contact, &by.address)
	if err != nil || !found || by.contact == p.id {
		return err
	}
	return p.introduce(ctx, it, by, []person{{p.id, it.evidence.Address}})
}

// vouched adds those who wrote to me on the word of the contact.
func (p *portrait) vouched(ctx context.Context) error {
	var found []item
	var of []person
	var by []string
	var one int
	if some, err := p.t.one(ctx, qVouches, []any{p.id}, &one); err != nil || !some { // most do for nobody
		return err
	}
	err := p.t.each(ctx, qVouchedFor, []any{p.id}, func(scan func(...any) error) error {
		it := item{evidence: planner.Evidence{Type: planner.Mail}}
		var at stamp
		var o person
		var says, names []byte
		err := scan(&it.evidence.ID, &at, &it.evidence.Subject, &it.evidence.Account, &o.contact, &o.address, &it.evidence.Address, &says, &names)
		if err != nil || p.hidden(at.Time) || slices.ContainsFunc(found, func(f item) bool { return f.evidence.ID == it.evidence.ID }) {
			return err
		}
		it.evidence.At = at.Time
		if it.evidence.Also, err = otherNames(names, it.evidence.ID); err != nil {
			return err
		}
		if it.text, err = readSpeech(says); err != nil || it.text == nil || it.text.Introduce || it.text.Referral == "" {
			return err
		}
		found, of, by = append(found, it), append(of, o), append(by, it.evidence.Address)
		return nil
	})
	for i, it := range found {
		if err != nil {
			return err
		}
		p.holdsFrom(it.evidence.At)
		err = p.introduce(ctx, it, person{p.id, by[i]}, of[i:i+1])
	}
	return err
}

// introduce adds an introduction with what came of it.
func (p *portrait) introduce(ctx context.Context, it item, by person, of []person) error {
	n := planner.Introduction{Evidence: it.evidence, By: by.address, Referred: !it.text.Introduce, Sentence: it.text.Made}
	for _, o := range of {
		n.Of = append(n.Of, o.address)
		acted, err := p.firstOf(ctx, qFirstTo, it.evidence.At.Unix(), it.evidence.ID, o.contact)
		if err != nil {
			return err
		}
		if n.Acted.IsZero() || !acted.IsZero() && comesAfter(n.Acted, acted) {
			n.Acted = acted
		}
	}
	slices.Sort(n.Of)
	if len(of) == 2 {
		for i, o := range of {
			e, err := p.firstOf(ctx, qFirstBetween, o.contact, it.thread, it.evidence.At.Unix(), it.evidence.ID, of[1-i].contact)
			if err != nil {
				return err
			}
			if !e.IsZero() {
				n.Replied = append(n.Replied, e)
			}
		}
		slices.SortFunc(n.Replied, func(a, b planner.Evidence) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) })
	}
	p.out.Introductions = append(p.out.Introductions, n)
	return nil
}

// firstOf reads the first message that a query gives, zero if the view hides it.
func (p *portrait) firstOf(ctx context.Context, q string, args ...any) (e planner.Evidence, err error) {
	e.Type = planner.Mail
	var at stamp
	found, err := p.t.one(ctx, q, args, &e.ID, &at, &e.Subject, &e.Account, &e.Address)
	if err != nil || !found || p.hidden(at.Time) {
		return planner.Evidence{}, err
	}
	p.holdsFrom(at.Time)
	e.At = at.Time
	return e, nil
}

// toMe reports whether a mail introduced the holder of some addresses to the user.
func toMe(n planner.Introduction, addresses []string) bool {
	return n.By != "" && len(n.Of) == 1 && slices.Contains(addresses, n.Of[0])
}

// onlyIntroduced leaves out candidates whom no contact introduced.
func onlyIntroduced(contacts []planner.Contact) []planner.Contact {
	vouch := map[string]bool{} // addresses of those who introduced a candidate
	candidate := func(c planner.Contact) bool { return c.Candidate }
	if !slices.ContainsFunc(contacts, candidate) {
		return contacts
	}
	for _, c := range contacts {
		if !c.Candidate {
			for _, a := range c.Addresses {
				vouch[a] = true
			}
		}
	}
	return slices.DeleteFunc(contacts, func(c planner.Contact) bool {
		return c.Candidate && !slices.ContainsFunc(c.Introductions, func(n planner.Introduction) bool {
			return vouch[n.By] && toMe(n, c.Addresses)
		})
	})
}

var (
	qReferrals   = query(`SELECT message_id, name, coalesce(by_id, 0) FROM introduction WHERE name <> ''`)
	qMailFace    = query(`SELECT id FROM address WHERE id = ? AND address NOT LIKE 'card:%'`) // not of who has none
	qSetReferrer = query(`UPDATE introduction SET by_id = ? WHERE message_id = ?`)
	// Whoever is on the mail, and on whose word it was written.
	qMarkReferral = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM interaction AS o CROSS JOIN interaction AS i ON i.group_id = o.group_id
			CROSS JOIN participant AS p ON p.interaction_id = i.id CROSS JOIN address AS a ON a.id = p.address_id
			WHERE o.kind = 'mail' AND o.evidence = ?1
		UNION ALL SELECT a.contact_id FROM address AS a WHERE a.id IN (?2, ?3))`)
)

// nameReferrals looks up on whose word people write.
func nameReferrals(ctx context.Context, t *tx) error {
	type referral struct {
		id, name string
		by       int64
	}
	var all []referral
	err := t.each(ctx, qReferrals, nil, func(scan func(...any) error) error {
		var r referral
		err := scan(&r.id, &r.name, &r.by)
		all = append(all, r)
		return err
	})
	if err != nil || len(all) == 0 {
		return err
	}
	d, err := readDirectory(ctx, t, meetingWords())
	if err != nil {
		return err
	}
	faces, err := readFaces(ctx, t)
	if err != nil {
		return err
	}
	bearers := d.hashed()
	for _, r := range all {
		var by int64
		if who := bearers[r.name]; len(who) == 1 {
			if _, err := t.one(ctx, qMailFace, []any{faces[who[0]]}, &by); err != nil {
				return err
			}
		}
		if by == r.by {
			continue
		}
		t.changed = true
		var set any
		if by != 0 {
			set = by
		}
		if _, err := t.exec(ctx, qSetReferrer, set, r.id); err != nil {
			return err
		}
		if _, err := t.exec(ctx, qMarkReferral, r.id, by, r.by); err != nil {
			return err
		}
	}
	return nil
}

// hashed gives the bearers of each name by its hash.
func (d *directory) hashed() map[string][]int64 {
	all := map[string][]int64{}
	for _, names := range []map[string][]int64{d.full, d.first} {
		for name, who := range names {
			h := nameHash(name)
			all[h] = append(all[h], who...)
		}
	}
	for h, who := range all {
		slices.Sort(who)
		all[h] = slices.Compact(who)
	}
	return all
}
