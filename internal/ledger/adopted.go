package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// Events that the user writes into the follow-up calendar are adopted: what they
// mean to do about a contact holds syncd's own follow-ups (SPEC section 8.3).
// The table adopted remembers what the calendar held when it was last listed.
// Whom an event names depends on all contacts and their names, and is worked out
// anew as it is for meetings; whether it is completed follows from the rows and
// the decisions whenever it is asked for.

// OwnEvent is an event of the user's in the follow-up calendar: none that syncd
// wrote, and no copy of one.
type OwnEvent struct {
	UID, Href                    string
	Title, Location, Description string   // Title without the marks that Done is of
	Bare                         string   // Title without words that may be marks of completion; "" if it bears none
	People                       []string // addresses of those invited, lower case
	// Starts are when it is, all its occurrences of the time in question, in
	// order. Without any it is not adopted: it was cancelled, or is long over.
	Starts  []time.Time
	KnownAt time.Time // when it was written, or changed; zero if it does not say
	Done    bool      // its title is marked as done, beyond doubt
}

// OwnEvents is what a complete listing of the follow-up calendar holds of them.
type OwnEvents struct {
	At     time.Time
	Events []OwnEvent
	// Unread are the hrefs of objects that could not be read; All says that any
	// object may be among them.
	Unread []string
	All    bool
	Empty  bool // the calendar holds nothing at all
	// Still reports whether the event with a UID says now what the listing, which
	// may be late, says of it. Where it is nil the listing is believed.
	Still func(ctx context.Context, uid string) bool
}

// When it is believed that an event is gone: after two listings without it so
// far apart (SPEC section 8.2), or so far where the listings are empty.
const (
	ownGoneAfter   = 10 * time.Minute
	ownEmptyFor    = 24 * time.Hour
	takeBackWithin = 30 * 24 * time.Hour // a mark that is taken away
)

var (
	qAdopted    = query(`SELECT uid, href, title, location, addresses, starts, known_at, missing_at FROM adopted ORDER BY uid`)
	qPutAdopted = query(`INSERT INTO adopted (uid, href, title, location, addresses, starts, known_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET href = excluded.href, title = excluded.title, location = excluded.location,
		addresses = excluded.addresses, starts = excluded.starts, known_at = excluded.known_at, missing_at = NULL`)
	qMissAdopted  = query(`UPDATE adopted SET missing_at = ? WHERE uid = ?`)
	qDropAdopted  = query(`DELETE FROM adopted WHERE uid = ?`)
	qNamedByTitle = query(`SELECT uid, contact_id, sure FROM adopted_contact ORDER BY uid, contact_id`)
	qForgetNamed  = query(`DELETE FROM adopted_contact`)
	qPutNamed     = query(`INSERT INTO adopted_contact (uid, contact_id, sure) VALUES (?, ?, ?)`)
	// Who holds the addresses in an event.
	qHoldersIn = query(`SELECT DISTINCT a.contact_id FROM adopted AS d, json_each(d.addresses) AS w
		CROSS JOIN address AS a ON a.folded = w.value AND a.contact_id IS NOT NULL WHERE d.uid = ?`)
	qAdoptedWith = query(`SELECT c.id, c.code FROM contact AS c WHERE c.gate = 1 AND c.id IN (
		SELECT contact_id FROM adopted_contact WHERE uid = ?1 AND sure = 1
		UNION SELECT a.contact_id FROM adopted AS d, json_each(d.addresses) AS w
			CROSS JOIN address AS a ON a.folded = w.value WHERE d.uid = ?1) ORDER BY c.code`)
	qCompletedBy = query(`SELECT i.evidence_type, i.evidence, i.at, i.subject, a.address, coalesce(s.account, '')
		FROM address AS a CROSS JOIN participant AS p ON p.address_id = a.id
		CROSS JOIN interaction AS i ON i.id = p.interaction_id AND ` + inTouch + `
		LEFT JOIN source AS s ON s.id = i.source_id
		WHERE a.contact_id = ?1 AND i.at BETWEEN ?2 AND ?3 ORDER BY i.at, i.evidence LIMIT 1`)
	qOwnWord = query(`SELECT type, at FROM decision WHERE uid = ? AND type IN ('done', 'undone') ORDER BY at DESC, type DESC LIMIT 1`)
	qFaceOf  = query(`SELECT address FROM address WHERE contact_id = ? ORDER BY address LIKE 'card:%', address LIMIT 1`)
)

// adopted is a row of the table of that name.
type adopted struct {
	uid, href, title, location, addresses string
	starts                                string // JSON, Unix times
	known, missing                        stamp
}

// Adopt takes what a listing of the follow-up calendar holds of the user's own
// events. A mark of completion in a title, and that one was taken away, is a
// decision of theirs. changed says that a plan made before may not hold.
func (l *Ledger) Adopt(ctx context.Context, list OwnEvents) (changed bool, err error) {
	changed, err = l.adopt(ctx, list)
	if err != nil {
		return false, fmt.Errorf("note %d events of the user's own: %w", len(list.Events), err)
	}
	said, err := l.ownWords(ctx, list)
	if list.Still != nil {
		said = slices.DeleteFunc(said, func(d Decision) bool { return !list.Still(ctx, d.UID) })
	}
	if err != nil || len(said) == 0 {
		return changed, err
	}
	return true, l.Decide(ctx, said)
}

func (l *Ledger) adopt(ctx context.Context, list OwnEvents) (changed bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.write(ctx, func(ctx context.Context, t *tx) error {
		before, err := readAdopted(ctx, t)
		if err != nil {
			return err
		}
		listed := map[string]bool{}
		for _, e := range list.Events {
			listed[e.UID] = true
			old, known := before[e.UID]
			title, err := e.title(ctx, t, old)
			if err != nil {
				return err
			}
			now, err := e.row(title, old, list.At)
			switch {
			case err != nil:
				return err
			case len(e.Starts) == 0 && known:
				changed = true
				_, err = t.exec(ctx, qDropAdopted, e.UID)
			case len(e.Starts) > 0 && now != old:
				changed = true
				_, err = t.exec(ctx, qPutAdopted, now.uid, now.href, now.title, now.location, now.addresses, now.starts, now.known.Unix())
			}
			if err != nil {
				return err
			}
		}
		for uid, old := range before {
			if listed[uid] || list.All || slices.Contains(list.Unread, old.href) {
				continue
			}
			gone, err := missAdopted(ctx, t, old, list)
			if err != nil {
				return err
			}
			changed = changed || gone
		}
		if !changed {
			return nil
		}
		t.changed = true
		return nameAdopted(ctx, t)
	})
	return changed, err
}

func readAdopted(ctx context.Context, t *tx) (map[string]adopted, error) {
	all := map[string]adopted{}
	return all, t.each(ctx, qAdopted, nil, func(scan func(...any) error) error {
		var a adopted
		err := scan(&a.uid, &a.href, &a.title, &a.location, &a.addresses, &a.starts, &a.known, &a.missing)
		all[a.uid] = a
		return err
	})
}

// title is what an event is called: without the words that count as marks, which
// are those it got since it was seen without them, or by which it is done already.
func (e *OwnEvent) title(ctx context.Context, t *tx, old adopted) (string, error) {
	switch {
	case e.Bare == "" || sameWords(old.title, e.Title):
		return e.Title, nil
	case sameWords(old.title, e.Bare):
		return old.title, nil
	case e.Done:
		return e.Title, nil
	}
	word, _, err := ownWord(ctx, t, e.UID)
	if word == DecideDone { // the ledger was lost since
		return e.Bare, err
	}
	return e.Title, err
}

// doneAs reports whether an event that is called so is marked as done.
func (e *OwnEvent) doneAs(title string) bool {
	return e.Done || e.Bare != "" && sameWords(title, e.Bare)
}

func sameWords(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// row is how an event is remembered. What is known of it may be older than what
// it says now.
func (e *OwnEvent) row(title string, old adopted, at time.Time) (a adopted, err error) {
	a = adopted{uid: e.UID, href: e.Href, title: title, location: e.Location}
	starts := make([]int64, len(e.Starts))
	for i, s := range e.Starts {
		starts[i] = s.Unix()
	}
	if a.starts, err = toJSON(starts); err != nil {
		return a, err
	}
	if a.addresses, err = toJSON(e.addresses()); err != nil {
		return a, err
	}
	first := at
	for _, known := range []time.Time{e.KnownAt, old.known.Time} {
		if !known.IsZero() && known.Before(first) {
			first = known
		}
	}
	return a, a.known.Scan(first.Unix())
}

// inText matches what looks like a mail address. Whether it is one, and whose,
// others know.
var inText = regexp.MustCompile(`[^\s<>()\[\]{},;:"'“”„@]+@[^\s<>()\[\]{},;:"'“”„@/?&]+`)

// addresses are those that an event holds anywhere, folded.
func (e *OwnEvent) addresses() []string {
	found := slices.Clone(e.People)
	for _, text := range []string{e.Title, e.Location, e.Description} {
		found = append(found, inText.FindAllString(text, -1)...)
	}
	all := []string{}
	for _, a := range found {
		a = ASCII(strings.TrimRight(a, ".!?…"))
		if a != "" {
			all = append(all, fold(a))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// missAdopted counts the listings without an event, and believes it once it may.
func missAdopted(ctx context.Context, t *tx, a adopted, list OwnEvents) (gone bool, err error) {
	wait := ownGoneAfter
	if list.Empty {
		wait = ownEmptyFor
	}
	switch {
	case a.missing.IsZero():
		_, err = t.exec(ctx, qMissAdopted, list.At.Unix(), a.uid)
	case !list.At.Before(a.missing.Add(wait)):
		gone = true
		_, err = t.exec(ctx, qDropAdopted, a.uid)
	}
	return gone, err
}

// nameAdopted brings up to date whom the events name.
func nameAdopted(ctx context.Context, t *tx) error {
	type row struct {
		uid     string
		contact int64
		sure    bool
	}
	var before, now []row
	err := t.each(ctx, qNamedByTitle, nil, func(scan func(...any) error) error {
		var r row
		err := scan(&r.uid, &r.contact, &r.sure)
		before = append(before, r)
		return err
	})
	if err != nil {
		return err
	}
	all, err := readAdopted(ctx, t)
	if err != nil || len(all) == 0 && len(before) == 0 {
		return err
	}
	d, err := readDirectory(ctx, t, doingWords())
	if err != nil {
		return err
	}
	for _, uid := range slices.Sorted(maps.Keys(all)) {
		a := all[uid]
		holders, err := t.ids(ctx, qHoldersIn, a.uid)
		if err != nil {
			return err
		}
		sure, unsure := d.told(holders, a.title, a.location)
		for _, id := range sure {
			if !slices.Contains(holders, id) {
				now = append(now, row{a.uid, id, true})
			}
		}
		for _, id := range unsure[:min(len(unsure), maxBearers-1)] {
			now = append(now, row{a.uid, id, false})
		}
	}
	slices.SortFunc(now, func(a, b row) int { return cmp.Or(cmp.Compare(a.uid, b.uid), cmp.Compare(a.contact, b.contact)) })
	if slices.Equal(before, now) {
		return nil
	}
	t.changed = true
	if _, err := t.exec(ctx, qForgetNamed); err != nil {
		return err
	}
	for _, r := range now {
		if _, err := t.exec(ctx, qPutNamed, r.uid, r.contact, r.sure); err != nil {
			return err
		}
	}
	return nil
}

// ownWords are the decisions that the marks in the titles of adopted events
// make. The time of the listing decides which are: what is long over, or was
// marked long ago, stays as it is.
func (l *Ledger) ownWords(ctx context.Context, list OwnEvents) (said []Decision, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		n, err := loadLens(ctx, t)
		if err != nil {
			return err
		}
		rows, err := readAdopted(ctx, t)
		if err != nil {
			return err
		}
		for _, e := range list.Events {
			word, at, err := ownWord(ctx, t, e.UID)
			if err != nil {
				return err
			}
			title := rows[e.UID].title
			marked := e.doneAs(title)
			switch done := word == DecideDone; {
			case done && !marked && len(e.Starts) > 0 && list.At.Sub(at) <= takeBackWithin:
				said = append(said, Decision{Type: DecideUndone, UID: e.UID, At: list.At})
			case !done && marked && n.counts(e.Starts, list.At):
				who, err := facesOf(ctx, t, e.UID)
				if err != nil {
					return err
				}
				if len(who) > 0 {
					said = append(said, Decision{Type: DecideDone, UID: e.UID, Who: strings.Join(who, "\n"), At: list.At, Text: title})
				}
			}
		}
		return nil
	})
	return said, err
}

// ownWord is the last the user said of an event by a mark in its title.
func ownWord(ctx context.Context, t *tx, uid string) (word DecisionType, at time.Time, err error) {
	var s stamp
	_, err = t.one(ctx, qOwnWord, []any{uid}, &word, &s)
	return word, s.Time, err
}

// counts reports whether an event that is at one of these times counts at now.
func (n *lens) counts(starts []time.Time, now time.Time) bool {
	return slices.ContainsFunc(starts, func(start time.Time) bool {
		s := planner.Adopted{Start: start}.Span(n.zone)
		return !now.Before(s.Start) && now.Before(s.End)
	})
}

// facesOf gives of each whom an event is about an address, or else the UID of a
// card.
func facesOf(ctx context.Context, t *tx, uid string) (all []string, err error) {
	with, err := adoptedWith(ctx, t, uid)
	for _, w := range with {
		var who string
		if _, err := t.one(ctx, qFaceOf, []any{w.id}, &who); err != nil {
			return nil, err
		}
		if card, is := cardUID(who); is {
			who = card
		}
		all = append(all, who)
	}
	return all, err
}

// decideOwn lets a decision about an event of the user's own take effect.
func decideOwn(ctx context.Context, t *tx, d Decision) error {
	switch {
	case d.Type == DecideUndone:
		return retell(ctx, t, KindNote, d.UID)
	case d.Type == DecideDone && d.Who != "":
		return addNote(ctx, t, KindNote, planner.Evidence{Type: planner.Gesture, ID: d.UID, At: d.At, Subject: d.Text, Address: d.Who})
	}
	return nil
}

type adoptedContact struct {
	id   int64
	code planner.ContactID
}

// adoptedWith are the contacts whom an event is about.
func adoptedWith(ctx context.Context, t *tx, uid string) (all []adoptedContact, err error) {
	err = t.each(ctx, qAdoptedWith, []any{uid}, func(scan func(...any) error) error {
		var c adoptedContact
		err := scan(&c.id, &c.code)
		all = append(all, c)
		return err
	})
	return all, err
}

// adoptions are the events of the user's own that are about contacts, an entry
// for each occurrence and contact: those that count in the view or will, the
// first to come first, with what completed them.
func adoptions(ctx context.Context, t *tx, v view) (out []planner.Adopted, err error) {
	all, err := readAdopted(ctx, t)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	n, err := loadLens(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.known.After(v.cut) {
			continue
		}
		var starts []int64
		if err := json.Unmarshal([]byte(a.starts), &starts); err != nil {
			return nil, err
		}
		with, err := adoptedWith(ctx, t, a.uid)
		if err != nil {
			return nil, err
		}
		word, at, err := ownWord(ctx, t, a.uid)
		if err != nil {
			return nil, err
		}
		if word == DecideDone && at.Before(a.known.Time) { // the ledger was lost since
			a.known.Time = at
		}
		for _, start := range starts {
			one := planner.Adopted{UID: a.uid, Title: a.title, Start: time.Unix(start, 0).UTC()}
			span := one.Span(n.zone)
			if !v.now.Before(span.End) {
				continue
			}
			for _, c := range with {
				one.Contact = c.code
				if one.Done, err = completedBy(ctx, t, v, c.id, later(span.Start, a.known.Time)); err != nil {
					return nil, err
				}
				out = append(out, one)
			}
		}
	}
	slices.SortFunc(out, func(a, b planner.Adopted) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.UID, b.UID), strings.Compare(string(a.Contact), string(b.Contact)))
	})
	return out, nil
}

// completedBy is the first word of mine to a contact, or meeting with them, since
// a moment: zero if there is none yet.
func completedBy(ctx context.Context, t *tx, v view, contact int64, since time.Time) (e planner.Evidence, err error) {
	until := v.now
	if v.cut.Before(until) {
		until = v.cut
	}
	if since.After(until) {
		return e, nil
	}
	var at stamp
	_, err = t.one(ctx, qCompletedBy, []any{contact, since.Unix(), until.Unix(), v.now.Unix()}, &e.Type, &e.ID, &at, &e.Subject, &e.Address, &e.Account)
	e.At = at.Time
	if uid, card := cardUID(e.Address); card {
		e.Address = uid
	}
	return e, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
