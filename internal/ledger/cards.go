package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// cardPrefix begins what stands for a card among the addresses: "card:" and its
// UID. It holds a contact together with its card, and is the one address of a
// contact without any.
const cardPrefix = "card:"

func cardNode(uid string) string { return cardPrefix + uid }

func cardNodes(uids []string) []string {
	out := make([]string, len(uids))
	for i, uid := range uids {
		out[i] = cardNode(uid)
	}
	return out
}

// cardUID gives the UID of the card that stands for an address, if one does.
func cardUID(address string) (uid string, ok bool) { return strings.CutPrefix(address, cardPrefix) }

const cardColumns = `v.href, v.uid, v.name, v.nicknames, v.addresses, v.categories, v.circle, v.birthday, v.wedding,
	v.org, v.title, v.rev_at, v.members`

var (
	qCard    = query(`SELECT ` + cardColumns + ` FROM card AS v WHERE v.source_id = ? AND v.href = ?`)
	qAddCard = query(`INSERT INTO card VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)

	qDropCard        = query(`DELETE FROM card WHERE source_id = ? AND href = ?`)
	qDropCardAddress = query(`DELETE FROM card_address WHERE source_id = ? AND href = ?`)
	qDropCardMember  = query(`DELETE FROM card_member WHERE source_id = ? AND href = ?`)
	qAddCardAddress  = query(`INSERT INTO card_address (source_id, href, folded, uid) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	qAddCardMember   = query(`INSERT INTO card_member (source_id, href, member) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`)

	qCardSeen    = query(`SELECT 1 FROM card_seen WHERE uid = ?`)
	qAddCardSeen = query(`INSERT INTO card_seen (uid, at, there) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET at = excluded.at, there = excluded.there WHERE excluded.at < at`)
)

// takeCards takes the cards of an address book. What they join is one contact
// from then on, and what no card joins any more is apart again.
func (k *intake) takeCards(ctx context.Context, wasComplete bool) error {
	start := map[string]bool{}
	for i := range k.batch.Cards {
		if err := k.takeCard(ctx, &k.batch.Cards[i], start); err != nil {
			return fmt.Errorf("card: %w", err)
		}
		if err := k.alive(); err != nil {
			return err
		}
	}
	for _, href := range k.batch.Gone {
		if _, err := k.exec(ctx, qDropObject, k.source, href); err != nil {
			return err
		}
		if err := k.dropCard(ctx, href, start); err != nil {
			return fmt.Errorf("vanished card: %w", err)
		}
	}
	if err := k.noteSeen(ctx, !wasComplete); err != nil {
		return err
	}
	return k.regroup(ctx, start)
}

// takeCard replaces what the card said before, and notes the addresses whose
// holder may be another now.
func (k *intake) takeCard(ctx context.Context, c *Card, start map[string]bool) error {
	if _, err := k.exec(ctx, qPutObject, k.source, c.Href, c.ETag); err != nil {
		return err
	}
	before, err := cards(ctx, k.tx, qCard, k.source, c.Href)
	if err != nil {
		return err
	}
	if len(before) > 0 && before[0].same(c) {
		return nil
	}
	if err := k.dropCard(ctx, c.Href, start); err != nil {
		return err
	}
	return k.addCard(ctx, c, start)
}

// same reports whether two readings of a card say the same.
func (c *Card) same(o *Card) bool {
	return c.UID == o.UID && c.Name == o.Name && slices.Equal(c.Nicknames, o.Nicknames) && slices.Equal(c.Addresses, o.Addresses) &&
		slices.Equal(c.Groups, o.Groups) && c.Circle == o.Circle && c.Birthday == o.Birthday && c.Wedding == o.Wedding &&
		c.Org == o.Org && c.Title == o.Title && c.Rev.Unix() == o.Rev.Unix() &&
		c.group() == o.group() && slices.Equal(c.Members, o.Members)
}

// group reports whether the card is of no person: most often of a group.
func (c *Card) group() bool { return c.Members != nil }

func (k *intake) dropCard(ctx context.Context, href string, start map[string]bool) error {
	before, err := cards(ctx, k.tx, qCard, k.source, href)
	if err != nil || len(before) == 0 {
		return err
	}
	k.changed = true
	if err := k.touchCard(ctx, &before[0], start); err != nil {
		return err
	}
	for _, q := range []string{qDropCard, qDropCardAddress, qDropCardMember} {
		if _, err := k.exec(ctx, q, k.source, href); err != nil {
			return err
		}
	}
	return nil
}

func (k *intake) addCard(ctx context.Context, c *Card, start map[string]bool) error {
	k.changed = true
	var text [4]string
	for i, v := range []any{c.Nicknames, c.Addresses, c.Groups, c.Members} {
		var err error
		if text[i], err = toJSON(v); err != nil {
			return err
		}
	}
	_, err := k.exec(ctx, qAddCard, k.source, c.Href, c.UID, c.Name, text[0], text[1], text[2], c.Circle,
		dayText(c.Birthday), dayText(c.Wedding), c.Org, c.Title, unix(c.Rev), text[3])
	if err != nil {
		return err
	}
	for _, m := range c.Members {
		if _, err := k.exec(ctx, qAddCardMember, k.source, c.Href, bareUID(m)); err != nil {
			return err
		}
	}
	if !c.group() {
		for _, a := range c.Addresses {
			if _, err := k.exec(ctx, qAddCardAddress, k.source, c.Href, fold(a), c.UID); err != nil {
				return err
			}
		}
	}
	return k.touchCard(ctx, c, start)
}

// touchCard notes whom a card is about: its addresses and itself, or the members
// of the group.
func (k *intake) touchCard(ctx context.Context, c *Card, start map[string]bool) error {
	if c.group() {
		for _, m := range c.Members {
			for _, uid := range []string{bareUID(m), uuidPrefix + bareUID(m)} {
				ids, err := k.ids(ctx, qFoldedHolder, cardNode(uid))
				if err != nil {
					return err
				}
				for _, id := range ids {
					k.touched.contacts[id] = true
				}
			}
		}
		return nil
	}
	for _, a := range append([]string{cardNode(c.UID)}, c.Addresses...) {
		if err := k.place(ctx, a); err != nil {
			return err
		}
		start[fold(a)] = true
	}
	return nil
}

const uuidPrefix = "urn:uuid:"

// bareUID is a UID as groups and cards name it alike.
func bareUID(uid string) string { return strings.TrimPrefix(uid, uuidPrefix) }

// noteSeen notes the cards of people that were never seen before. The journal
// has them first: no server could tell again when that was.
func (k *intake) noteSeen(ctx context.Context, there bool) error {
	var lines []line
	for i := range k.batch.Cards {
		c := &k.batch.Cards[i]
		if c.group() {
			continue
		}
		var one int
		known, err := k.one(ctx, qCardSeen, []any{c.UID}, &one)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if _, err := k.exec(ctx, qAddCardSeen, c.UID, k.batch.At.Unix(), there); err != nil {
			return err
		}
		lines = append(lines, line{Type: lineCard, UID: c.UID, At: k.batch.At, There: there})
	}
	if err := k.journal.append(lines...); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func cards(ctx context.Context, t *tx, q string, args ...any) (out []Card, err error) {
	err = t.each(ctx, q, args, func(scan func(...any) error) error {
		c, err := scanCard(scan)
		out = append(out, c)
		return err
	})
	return out, err
}

// scanCard reads the columns of cardColumns, and more if there are.
func scanCard(scan func(...any) error, more ...any) (Card, error) {
	var c Card
	var nicknames, addresses, categories, members []byte
	var birthday, wedding string
	var rev stamp
	err := scan(append([]any{
		&c.Href, &c.UID, &c.Name, &nicknames, &addresses, &categories, &c.Circle, &birthday, &wedding,
		&c.Org, &c.Title, &rev, &members,
	}, more...)...)
	if err != nil {
		return c, err
	}
	c.Rev, c.Birthday, c.Wedding = rev.Time, dayOf(birthday), dayOf(wedding)
	for _, f := range []struct {
		text []byte
		to   any
	}{{nicknames, &c.Nicknames}, {addresses, &c.Addresses}, {categories, &c.Groups}, {members, &c.Members}} {
		if err := json.Unmarshal(f.text, f.to); err != nil {
			return c, err
		}
	}
	return c, nil
}

// dayText writes a day as RFC 6350 section 4.3.1 does: 1980-05-12, --05-12.
func dayText(d planner.DayOf) string {
	switch {
	case d.IsZero():
		return ""
	case d.Year == 0:
		return fmt.Sprintf("--%02d-%02d", d.Month, d.Day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// dayOf reads what dayText wrote.
func dayOf(text string) (d planner.DayOf) {
	format := "%d-%d-%d"
	into := []any{&d.Year, &d.Month, &d.Day}
	if strings.HasPrefix(text, "--") {
		format, into = "--%d-%d", into[1:]
	}
	if _, err := fmt.Sscanf(text, format, into...); err != nil {
		return planner.DayOf{}
	}
	return d
}

// ownCard is a card of the contact a portrait is made of.
type ownCard struct {
	Card
	account, book string
	seen          time.Time
	there         bool
}

var (
	qOwnCards = query(`SELECT ` + cardColumns + `, s.account, s.name, n.at, n.there FROM card AS v
		JOIN card_seen AS n ON n.uid = v.uid JOIN source AS s ON s.id = v.source_id WHERE v.uid = ? AND v.members = 'null'`)
	qGroupsOf = query(`SELECT DISTINCT v.name FROM card_member AS m
		JOIN card AS v ON v.source_id = m.source_id AND v.href = m.href WHERE m.member = ?`)
)

// ownCards reads the cards with some UIDs, the one that says most lately first.
func ownCards(ctx context.Context, t *tx, uids []string) (out []ownCard, err error) {
	for _, uid := range uids {
		err := t.each(ctx, qOwnCards, []any{uid}, func(scan func(...any) error) error {
			var o ownCard
			var seen stamp
			c, err := scanCard(scan, &o.account, &o.book, &seen, &o.there)
			o.Card, o.seen = c, seen.Time
			out = append(out, o)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read cards: %w", err)
		}
	}
	slices.SortFunc(out, func(a, b ownCard) int {
		return cmp.Or(b.Rev.Compare(a.Rev), cmp.Compare(a.UID, b.UID), cmp.Compare(a.account, b.account),
			cmp.Compare(a.book, b.book), cmp.Compare(a.Href, b.Href))
	})
	return out, nil
}

// cards sets what the cards of the contact say, as far as they had been seen.
func (p *portrait) cards(ctx context.Context, uids []string) error {
	all, err := ownCards(ctx, p.t, uids)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c ownCard) bool { return p.hidden(c.seen) })
	if len(all) == 0 {
		return nil
	}
	c := &p.out.Contact
	c.Carded = true
	var labels []string
	for _, o := range all {
		p.holdsFrom(o.seen)
		c.Cards = append(c.Cards, o.UID)
		p.cardName = cmp.Or(p.cardName, personal(o.Name))
		for _, n := range o.Nicknames {
			p.nicknames = append(p.nicknames, personal(n))
		}
		c.Birthday, c.Wedding = firstDay(c.Birthday, o.Birthday), firstDay(c.Wedding, o.Wedding)
		p.circle = cmp.Or(p.circle, p.lens.circle(o.Circle))
		labels = append(labels, o.Groups...)
	}
	slices.Sort(c.Cards)
	c.Cards = slices.Compact(c.Cards)
	for _, uid := range c.Cards {
		err := p.t.each(ctx, qGroupsOf, []any{bareUID(uid)}, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			labels = append(labels, name)
			return err
		})
		if err != nil {
			return fmt.Errorf("read groups: %w", err)
		}
	}
	p.circle = cmp.Or(p.circle, p.lens.circle(labels...))
	p.newCard(all)
	return nil
}

func firstDay(a, b planner.DayOf) planner.DayOf {
	if a.IsZero() {
		return b
	}
	return a
}

// newCard notes the oldest of the cards as new, if it is. Who has one that was
// there from the start is nobody new.
func (p *portrait) newCard(all []ownCard) {
	o := slices.MinFunc(all, func(a, b ownCard) int {
		return cmp.Or(-compareBool(a.there, b.there), a.seen.Compare(b.seen), cmp.Compare(a.UID, b.UID), cmp.Compare(a.account, b.account))
	})
	if o.there {
		return
	}
	e := planner.Evidence{Type: planner.Card, ID: o.UID, At: o.seen, Account: o.account}
	for _, a := range o.Addresses {
		if slices.Contains(p.out.Addresses, a) && (e.Address == "" || a < e.Address) {
			e.Address = a
		}
	}
	p.out.NewCard = e
}
