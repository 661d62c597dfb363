package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"syncd/internal/planner"
)

// ErrNobody says that no contact answers to a name.
var ErrNobody = errors.New("no such contact")

// errSeveral says that several contacts answer to a name.
var errSeveral = errors.New("is ambiguous")

var (
	qContactByCode    = query(`SELECT id FROM contact WHERE code = ?`)
	qContactByAddress = query(`SELECT contact_id FROM address WHERE address = ? AND contact_id IS NOT NULL`)
	qContactNicknames = query(`SELECT a.contact_id, n.value FROM card AS v CROSS JOIN json_each(v.nicknames) AS n
		CROSS JOIN address AS a ON a.address = 'card:' || v.uid
		WHERE v.members = 'null' AND v.nicknames NOT IN ('null', '[]') AND a.contact_id IS NOT NULL ORDER BY a.contact_id`)
	qContactNames    = query(`SELECT id, name, gate FROM contact WHERE name <> '' ORDER BY code`)
	qContactFacts    = query(`SELECT id, code, facts, gate, dirty, seen > 0, valid_from, valid_until FROM contact WHERE id = ?`)
	qContactTimeline = query(`SELECT DISTINCT i.id FROM address AS a CROSS JOIN participant AS p ON p.address_id = a.id
		CROSS JOIN interaction AS i ON i.id = p.interaction_id
		WHERE a.contact_id = ? AND i.current = 1 ORDER BY i.at DESC, i.id LIMIT ?`)
)

// maxTimeline is how many interactions Contact gives.
const maxTimeline = 200

// ContactDetail is one contact with what happened.
type ContactDetail struct {
	ContactRow
	AddressBook []CardRow
	Timeline    []InteractionRow // newest first, at most 200
}

// CardRow is a card of a contact as commands print it.
type CardRow struct {
	UID       string    `json:"uid"`
	Account   string    `json:"account"`
	Book      string    `json:"book"` // its URL
	Name      string    `json:"name"`
	Nicknames []string  `json:"nicknames"`
	Addresses []string  `json:"addresses"`
	Groups    []string  `json:"groups"`
	Org       string    `json:"org"`
	Title     string    `json:"title"`
	Birthday  string    `json:"birthday"`    // 1980-05-12, or --05-12; "" if none
	Wedding   string    `json:"anniversary"` // as Birthday
	SeenAt    time.Time `json:"seen_at"`     // when syncd saw it first
	New       bool      `json:"new"`         // it came after the first listing
}

func cardRows(own []ownCard) []CardRow {
	out := make([]CardRow, len(own))
	for i, c := range own {
		out[i] = CardRow{
			UID: c.UID, Account: c.account, Book: c.book, Name: c.Name, Nicknames: c.Nicknames, Addresses: c.Addresses,
			Groups: c.Groups, Org: c.Org, Title: c.Title, Birthday: dayText(c.Birthday), Wedding: dayText(c.Wedding),
			SeenAt: c.seen, New: !c.there,
		}
		for _, list := range []*[]string{&out[i].Nicknames, &out[i].Addresses, &out[i].Groups} {
			if *list == nil {
				*list = []string{}
			}
		}
	}
	return out
}

// Contact finds a contact or candidate by address, id, UID of a card, name or
// nickname. It returns
// ErrNobody where there is none, and an error that lists them where there are
// several.
func (l *Ledger) Contact(ctx context.Context, who string) (ContactDetail, error) {
	return l.find(ctx, who, strings.Contains)
}

// ContactNamed is Contact for what is to be written down: of a name only whole
// words count, in any order.
func (l *Ledger) ContactNamed(ctx context.Context, who string) (ContactDetail, error) {
	return l.find(ctx, who, hasWords)
}

// hasWords reports whether all words of who are words of a name.
func hasWords(name, who string) bool {
	all, words := nameWords(name), nameWords(who)
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(all, w) })
}

// SameName reports whether two names have the same words: "Hall, Susan" is "Susan
// Hall".
func SameName(a, b string) bool {
	return slices.Equal(slices.Sorted(slices.Values(nameWords(a))), slices.Sorted(slices.Values(nameWords(b))))
}

func nameWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// find finds a contact; like says whether a name may be the one that is meant.
func (l *Ledger) find(ctx context.Context, who string, like func(name, who string) bool) (d ContactDetail, err error) {
	who = strings.TrimSpace(who)
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		id, err := findContact(ctx, t, who, like)
		if err != nil {
			return err
		}
		found, err := contactFacts(ctx, t, qContactFacts, id)
		if err != nil {
			return err
		}
		d.ContactRow = contactRow(found[0].Contact, !found[0].contact)
		own, err := ownCards(ctx, t, d.Cards)
		if err != nil {
			return err
		}
		d.AddressBook = cardRows(own)
		ids, err := t.ids(ctx, qContactTimeline, id, maxTimeline)
		if err != nil {
			return err
		}
		d.Timeline, err = interactions(ctx, t, ids)
		return err
	})
	switch {
	case errors.Is(err, ErrNobody) || errors.Is(err, errSeveral):
		return ContactDetail{}, err
	case err != nil:
		return ContactDetail{}, fmt.Errorf("find contact: %w", err)
	}
	return d, nil
}

// maxFound is how many contacts of one name an error lists.
const maxFound = 20

func findContact(ctx context.Context, t *tx, who string, like func(name, who string) bool) (int64, error) {
	lower := cmp.Or(ASCII(who), strings.ToLower(who))
	for _, c := range []struct{ q, arg string }{
		{qContactByCode, lower},
		{qContactByAddress, lower},
		{qContactByAddress, fold(lower)},
		{qContactByAddress, cardNode(who)},
	} {
		ids, err := t.ids(ctx, c.q, c.arg)
		if err != nil {
			return 0, err
		}
		if len(ids) > 0 {
			return ids[0], nil
		}
	}
	ids, err := named(ctx, t, who, like)
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return 0, ambiguous(ctx, t, who, ids)
	}
	return 0, fmt.Errorf("%w: %q", ErrNobody, who)
}

// named finds people by their name, where nobody has it by a nickname on a card,
// and else contacts whose name is like it. SQLite knows the case of ASCII letters only, so names are compared
// here.
func named(ctx context.Context, t *tx, who string, like func(name, who string) bool) (ids []int64, err error) {
	if who == "" {
		return nil, nil
	}
	var likely []int64
	who = strings.ToLower(who)
	err = t.each(ctx, qContactNames, nil, func(scan func(...any) error) error {
		var id int64
		var name string
		var contact bool
		err := scan(&id, &name, &contact)
		switch name = strings.ToLower(name); {
		case (name == who || SameName(name, who)) && len(ids) < maxFound:
			ids = append(ids, id)
		case contact && len(likely) < maxFound && like(name, who):
			likely = append(likely, id)
		}
		return err
	})
	if err != nil || len(ids) > 0 {
		return ids, err
	}
	err = t.each(ctx, qContactNicknames, nil, func(scan func(...any) error) error {
		var id int64
		var nickname string
		err := scan(&id, &nickname)
		if strings.ToLower(nickname) == who && len(ids) < maxFound && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return err
	})
	if len(ids) == 0 {
		ids = likely
	}
	return ids, err
}

func called(c planner.Contact) string {
	return strings.Join(append(slices.Clone(c.Addresses), string(c.ID)), ", ")
}

func ambiguous(ctx context.Context, t *tx, who string, ids []int64) error {
	var names []string
	for _, id := range ids {
		found, err := contactFacts(ctx, t, qContactFacts, id)
		if err != nil {
			return err
		}
		for _, f := range found {
			names = append(names, fmt.Sprintf("%s (%s)", f.Name, called(f.Contact)))
		}
	}
	slices.Sort(names)
	return fmt.Errorf("%q %w:\n  %s", who, errSeveral, strings.Join(names, "\n  "))
}
