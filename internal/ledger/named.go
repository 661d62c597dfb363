package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// Events that the user wrote down without inviting anybody, "Coffee w/ Susan
// Hall", are with the one contact they name (SPEC section 2.2). Which one
// depends on all contacts and their names, so it is worked out for all such
// events at once whenever one of these changed: the event then has a
// participant with RoleNamed. A contact is only who is one by other evidence:
// nobody becomes one by being named.

// lonely is what derive calls such an event in the column stands.
const lonely = "lonely"

// namedPos is the pos of a participant found by name, after all others.
const namedPos = 1 << 20

// metaNaming says, if not empty, that names, contacts or events changed since
// the events were last looked at.
const metaNaming = "naming"

var (
	qLonely = query(`SELECT i.id, i.subject, i.location, i.direct FROM interaction AS i
		WHERE i.stands = 'lonely' AND i.current = 1`)
	qNames     = query(`SELECT n.contact_id, n.names FROM called AS n CROSS JOIN contact AS o ON o.id = n.contact_id ORDER BY o.code`)
	qNamedNow  = query(`SELECT p.interaction_id, p.address_id FROM participant AS p WHERE p.role = 'named'`)
	qUnsureNow = query(`SELECT interaction_id, contact_id FROM ambiguous_name ORDER BY interaction_id, contact_id`)
	// The address that stands for a contact, last: the first one as compareNodes
	// has it.
	qFaces = query(`SELECT contact_id, id FROM address WHERE contact_id IS NOT NULL
		ORDER BY contact_id, address LIKE 'card:%' DESC, address DESC`)
	qEarlierFace = query(`SELECT 1 FROM address WHERE contact_id = ? AND address NOT LIKE 'card:%' AND address < ? LIMIT 1`)
	qDropNamed   = query(`DELETE FROM participant WHERE interaction_id = ? AND role = 'named'`)
	qAddNamed    = query(`INSERT INTO participant (interaction_id, pos, address_id, role) VALUES (?, ?, ?, 'named')`)
	qCounts      = query(`UPDATE interaction SET direct = ?, people = ? WHERE id = ? AND stands = 'lonely' AND current = 1`)
	qClearUnsure = query(`DELETE FROM ambiguous_name`)
	qAddUnsure   = query(`INSERT INTO ambiguous_name (interaction_id, contact_id) VALUES (?, ?)`)
	qMarkFace    = query(`UPDATE contact SET dirty = 1 WHERE id = (SELECT contact_id FROM address WHERE id = ?)`)
)

// naming says whom the events name: each the address of its one contact, or
// the several that it may be.
type naming struct {
	with   map[int64]int64
	unsure [][2]int64
}

// renamed notes that the events must be looked at again.
func (t *tx) renamed(ctx context.Context) error {
	if t.naming {
		return nil
	}
	t.naming = true
	return setMeta(ctx, t, metaNaming, "1")
}

// spelled notes that the events must be looked at again if the contact's new
// address stands for it from now on.
func (t *tx) spelled(ctx context.Context, contact int64, address string) error {
	var one int
	if found, err := t.one(ctx, qEarlierFace, []any{contact, address}, &one); err != nil || found {
		return err
	}
	return t.renamed(ctx)
}

// nameMeetings brings the participants found by name up to date, if that is
// due, and marks the contacts that are concerned.
func nameMeetings(ctx context.Context, t *tx) error {
	due, err := getMeta(ctx, t, metaNaming)
	if err != nil || due == "" {
		return err
	}
	now, counted, err := lookForNames(ctx, t)
	if err != nil {
		return fmt.Errorf("look for names in events: %w", err)
	}
	if err := t.putNamed(ctx, now.with, counted); err != nil {
		return fmt.Errorf("note who is named in events: %w", err)
	}
	if err := t.putUnsure(ctx, now.unsure); err != nil {
		return fmt.Errorf("note ambiguous names: %w", err)
	}
	if err := nameAdopted(ctx, t); err != nil {
		return fmt.Errorf("look for names in what the user plans: %w", err)
	}
	if err := nameReferrals(ctx, t); err != nil {
		return fmt.Errorf("look for names in introductions: %w", err)
	}
	t.naming = false
	return setMeta(ctx, t, metaNaming, "")
}

// lookForNames reads every event in question. counted are those that count now.
func lookForNames(ctx context.Context, t *tx) (out naming, counted map[int64]bool, err error) {
	out.with, counted = map[int64]int64{}, map[int64]bool{}
	type event struct {
		id              int64
		title, location string
	}
	var events []event
	err = t.each(ctx, qLonely, nil, func(scan func(...any) error) error {
		var e event
		var counts bool
		err := scan(&e.id, &e.title, &e.location, &counts)
		events = append(events, e)
		if counts {
			counted[e.id] = true
		}
		return err
	})
	if err != nil || len(events) == 0 {
		return out, counted, err
	}
	d, err := readDirectory(ctx, t, meetingWords())
	if err != nil {
		return out, nil, err
	}
	faces, err := readFaces(ctx, t)
	if err != nil {
		return out, nil, err
	}
	for _, e := range events {
		switch who := d.named(e.title, e.location); len(who) {
		case 0:
		case 1:
			out.with[e.id] = faces[who[0]]
		default:
			for _, id := range who[:min(len(who), maxBearers-1)] {
				out.unsure = append(out.unsure, [2]int64{e.id, id})
			}
		}
	}
	return out, counted, t.alive()
}

// readFaces gives the address that stands for each contact.
func readFaces(ctx context.Context, t *tx) (map[int64]int64, error) {
	faces := map[int64]int64{}
	return faces, t.each(ctx, qFaces, nil, func(scan func(...any) error) error {
		var contact, address int64
		err := scan(&contact, &address)
		faces[contact] = address
		return err
	})
}

func readDirectory(ctx context.Context, t *tx, words vocabulary) (*directory, error) {
	d := newDirectory(words)
	return d, t.each(ctx, qNames, nil, func(scan func(...any) error) error {
		var id int64
		var text []byte
		if err := scan(&id, &text); err != nil {
			return err
		}
		var names []string
		err := json.Unmarshal(text, &names)
		d.add(id, names)
		return err
	})
}

// putNamed makes the participants found by name those of with.
func (t *tx) putNamed(ctx context.Context, with map[int64]int64, counted map[int64]bool) error {
	before := map[int64]int64{}
	err := t.each(ctx, qNamedNow, nil, func(scan func(...any) error) error {
		var event, address int64
		err := scan(&event, &address)
		before[event] = address
		return err
	})
	if err != nil {
		return err
	}
	for event, address := range before {
		if with[event] == address {
			continue
		}
		if err := t.unname(ctx, event, address); err != nil {
			return err
		}
	}
	for event, address := range with {
		if before[event] == address && counted[event] {
			continue
		}
		t.changed = true
		if before[event] != address {
			if _, err := t.exec(ctx, qAddNamed, event, namedPos, address); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, qCounts, 1, 2, event); err != nil {
			return err
		}
		if _, err := t.exec(ctx, qMarkFace, address); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) unname(ctx context.Context, event, address int64) error {
	t.changed = true
	if _, err := t.exec(ctx, qDropNamed, event); err != nil {
		return err
	}
	if _, err := t.exec(ctx, qCounts, 0, 1, event); err != nil {
		return err
	}
	_, err := t.exec(ctx, qMarkFace, address)
	return err
}

func (t *tx) putUnsure(ctx context.Context, now [][2]int64) error {
	var before [][2]int64
	err := t.each(ctx, qUnsureNow, nil, func(scan func(...any) error) error {
		var p [2]int64
		err := scan(&p[0], &p[1])
		before = append(before, p)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(now, func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) })
	if slices.Equal(before, now) {
		return nil
	}
	if _, err := t.exec(ctx, qClearUnsure); err != nil {
		return err
	}
	for _, p := range now {
		if _, err := t.exec(ctx, qAddUnsure, p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

// isMyName says whether a name is the user's own: somebody of that name is more
// likely the user under an address that is not configured.
func (n *lens) isMyName(name string) bool {
	key := nameKey(name)
	return key == nameKey(n.cfg.Name) || slices.ContainsFunc(n.cfg.Addresses, func(a string) bool { return key == nameKey(readName([]string{a})) })
}

// callNames are the names under which events may speak of a contact: whatever
// anybody calls them, and what the address says, first.last. An office has none.
func (s *summary) callNames() []string {
	if !s.contact || s.Role {
		return nil
	}
	return s.names
}

var (
	qStoredNames = query(`SELECT names FROM called WHERE contact_id = ?`)
	qDropNames   = query(`DELETE FROM called WHERE contact_id = ?`)
	qPutNames    = query(`INSERT INTO called (contact_id, names) VALUES (?, ?) ON CONFLICT DO UPDATE SET names = excluded.names`)
)

// keepNames stores the names of a contact, and notes when they are other ones
// than before.
func keepNames(ctx context.Context, t *tx, id int64, names []string) error {
	now := ""
	if len(names) > 0 {
		var err error
		if now, err = toJSON(names); err != nil {
			return err
		}
	}
	var before string
	if _, err := t.one(ctx, qStoredNames, []any{id}, &before); err != nil || before == now {
		return err
	}
	var err error
	if now == "" {
		_, err = t.exec(ctx, qDropNames, id)
	} else {
		_, err = t.exec(ctx, qPutNames, id, now)
	}
	if err != nil {
		return err
	}
	return t.renamed(ctx)
}

// AmbiguousName is an event without other people whose title or place names
// several contacts, or one name that several have. It counts for nobody.
type AmbiguousName struct {
	Evidence        string // UID, or UID/RECURRENCE-ID
	At              time.Time
	Title, Location string
	Contacts        []planner.ContactID // whom it may mean, at most 20, sorted
}

var qAmbiguous = query(`SELECT i.evidence, i.at, i.subject, i.location, c.code FROM ambiguous_name AS n
	CROSS JOIN interaction AS i ON i.id = n.interaction_id CROSS JOIN contact AS c ON c.id = n.contact_id
	UNION ALL SELECT d.uid, json_extract(d.starts, '$[0]'), d.title, d.location, c.code FROM adopted_contact AS n
	CROSS JOIN adopted AS d ON d.uid = n.uid CROSS JOIN contact AS c ON c.id = n.contact_id WHERE n.sure = 0`)

// AmbiguousNames gives the events of the user's own that would count as a
// meeting, or be adopted, if it were clear who is meant, newest first.
func (l *Ledger) AmbiguousNames(ctx context.Context) (out []AmbiguousName, err error) {
	at := map[string]int{}
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, qAmbiguous, nil, func(scan func(...any) error) error {
			var a AmbiguousName
			var when stamp
			var who planner.ContactID
			if err := scan(&a.Evidence, &when, &a.Title, &a.Location, &who); err != nil {
				return err
			}
			i, again := at[a.Evidence]
			if !again {
				a.At, i = when.Time, len(out)
				at[a.Evidence] = i
				out = append(out, a)
			}
			out[i].Contacts = append(out[i].Contacts, who)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read ambiguous names: %w", err)
	}
	for _, a := range out {
		slices.Sort(a.Contacts)
	}
	slices.SortFunc(out, func(a, b AmbiguousName) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return strings.Compare(a.Evidence, b.Evidence)
	})
	return out, nil
}
