package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"syncd/internal/planner"
)

// bounceSpan is how long after a mail of mine a report about it may come: servers
// try for some days.
const bounceSpan = 30 * 24 * time.Hour

var (
	qSpokenOf = query(`SELECT 1 FROM json_each(?) AS w WHERE EXISTS (SELECT 1 FROM automatic AS m WHERE m.sender = w.value)
		OR EXISTS (SELECT 1 FROM bounced AS b WHERE b.address = w.value) LIMIT 1`)
	qAutomaticOf = query(`SELECT m.message_id, m.at, s.account, w.says FROM automatic AS m
		CROSS JOIN source AS s ON s.id = m.source_id CROSS JOIN said AS w ON w.message_id = m.message_id
		WHERE m.sender = ? ORDER BY m.at, m.message_id, s.account DESC`)
	qBouncesOf = query(`SELECT m.message_id, m.at, s.account FROM bounced AS b
		CROSS JOIN automatic AS m ON m.message_id = b.message_id AND m.report = 1
		CROSS JOIN source AS s ON s.id = m.source_id
		WHERE b.address = ? ORDER BY m.at, m.message_id, s.account DESC`)
)

// away finds what automatic answers and reports say of the contact: when they are
// back, and that none of their addresses is read any more. A word from an address
// shows that it is.
func (p *portrait) away(ctx context.Context) error {
	alive := true
	var dead planner.Evidence
	addresses := foldAll(p.out.Addresses)
	slices.Sort(addresses)
	all, err := toJSON(addresses)
	if err != nil {
		return err
	}
	var one int
	if some, err := p.t.one(ctx, qSpokenOf, []any{all}, &one); err != nil || !some { // of most nothing is
		return err
	}
	for _, a := range slices.Compact(addresses) {
		over, err := p.answersOf(ctx, a)
		if err != nil {
			return fmt.Errorf("read automatic answers: %w", err)
		}
		bounced, err := p.bouncesOf(ctx, a)
		if err != nil {
			return fmt.Errorf("read reports: %w", err)
		}
		if bounced.At.After(over.At) {
			over = bounced
		}
		if over.IsZero() || p.wroteFrom(a, over.At) {
			alive = true
			break
		}
		if alive = false; dead.IsZero() || comesAfter(over, dead) {
			dead = over
		}
	}
	if !alive {
		p.out.Dead = dead
	}
	return nil
}

// answersOf reads the automatic answers from an address, and gives the last that says
// that they are gone.
func (p *portrait) answersOf(ctx context.Context, folded string) (gone planner.Evidence, err error) {
	err = p.t.each(ctx, qAutomaticOf, []any{folded}, func(scan func(...any) error) error {
		e := planner.Evidence{Type: planner.Mail, Address: folded}
		var at stamp
		var says []byte
		if err := scan(&e.ID, &at, &e.Account, &says); err != nil || p.hidden(at.Time) {
			return err
		}
		s, err := readSpeech(says)
		if err != nil || s == nil {
			return err
		}
		e.At = at.Time
		if s.Gone {
			p.holdsFrom(at.Time)
			gone = e
		}
		if s.Away != "" && !p.out.Away.At.After(e.At) {
			p.holdsFrom(at.Time)
			p.out.Away = planner.Away{Evidence: e, Until: s.Away}
		}
		return nil
	})
	return gone, err
}

// bouncesOf gives the last report that an address cannot be reached, after a mail of
// mine to it.
func (p *portrait) bouncesOf(ctx context.Context, folded string) (bounced planner.Evidence, err error) {
	err = p.t.each(ctx, qBouncesOf, []any{folded}, func(scan func(...any) error) error {
		e := planner.Evidence{Type: planner.Mail, Address: folded}
		var at stamp
		if err := scan(&e.ID, &at, &e.Account); err != nil || p.hidden(at.Time) {
			return err
		}
		e.At = at.Time
		if p.wroteTo(folded, e.At) {
			p.holdsFrom(at.Time)
			bounced = e
		}
		return nil
	})
	return bounced, err
}

// wroteFrom reports whether a mail came from an address after a time.
func (p *portrait) wroteFrom(folded string, after time.Time) bool {
	return slices.ContainsFunc(p.items, func(it item) bool {
		return it.kind == KindMail && it.role == RoleFrom && it.direction == In && it.evidence.At.After(after) && fold(it.evidence.Address) == folded
	})
}

// wroteTo reports whether a mail of mine went to an address shortly before a time.
func (p *portrait) wroteTo(folded string, before time.Time) bool {
	return slices.ContainsFunc(p.items, func(it item) bool {
		return it.kind == KindMail && it.direction == Out && !it.evidence.At.After(before) &&
			before.Sub(it.evidence.At) <= bounceSpan && fold(it.evidence.Address) == folded
	})
}

// stopped notes that their last word asks me not to write to them.
func (p *portrait) stopped() {
	for _, it := range slices.Backward(p.items) {
		if it.kind == KindMail && it.direction == In && it.role == RoleFrom {
			if it.direct && it.text != nil && it.text.Stop {
				p.out.Stop = it.evidence
			}
			return
		}
	}
}

// The kinds of what one gives.
const (
	gaveArticle      = "article"
	gaveIntroduction = "introduction"
	gaveTip          = "tip"
)

// gave notes what I gave them last.
func (p *portrait) gave() {
	var last planner.Evidence
	for _, it := range slices.Backward(p.items) {
		if it.kind != KindMail || it.direction != Out || !it.direct || !it.text.read() || !it.text.Gift {
			continue
		}
		if last, p.out.Gave = it.evidence, gaveTip; it.text.Attached || it.text.Linked {
			p.out.Gave = gaveArticle
		}
		break
	}
	for _, n := range p.out.Introductions {
		if n.By == "" && (last.IsZero() || comesAfter(n.Evidence, last)) {
			p.out.Gave = gaveIntroduction
			return
		}
	}
}

const (
	maxCommon  = 8
	commonSpan = 100 // the latest mails and meetings that are looked at
)

var qCommon = query(`SELECT min(a.address), count(DISTINCT p.interaction_id) AS n FROM json_each(?) AS w
	CROSS JOIN participant AS p ON p.interaction_id = w.value AND p.thing = 0 AND p.role NOT IN ('bcc', 'named')
	CROSS JOIN address AS a ON a.id = p.address_id AND a.contact_id IS NOT NULL AND a.contact_id <> ? AND a.list = 0
		AND a.address NOT LIKE 'card:%'
	GROUP BY a.folded ORDER BY n DESC, a.folded`)

// common finds who was most often on mail and at meetings with both of us.
func (p *portrait) common(ctx context.Context) error {
	rows := map[int64]bool{}
	for _, it := range slices.Backward(p.items) {
		others := it.kind == KindMail && it.people > 1 || it.kind == KindMeeting && it.people > 2 && !it.end.After(p.view.now)
		if others && it.direct && it.direction != None && len(rows) < commonSpan {
			rows[it.id] = true
		}
	}
	if len(rows) == 0 {
		return nil
	}
	err := p.t.each(ctx, qCommon, []any{list(rows), p.id}, func(scan func(...any) error) error {
		var a string
		var n int
		err := scan(&a, &n)
		if len(p.out.Common) < maxCommon && !p.lens.ignored(a) && !roleAddress(a) {
			p.out.Common = append(p.out.Common, a)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read people in common: %w", err)
	}
	return nil
}
