package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// maxTurns is how many waiting threads of each kind are kept for a contact.
const maxTurns = 20

// word is a message in a thread.
type word struct {
	evidence   planner.Evidence
	mine, ours bool
}

var qThreadWords = query(`SELECT i.evidence, i.at, i.subject, i.mine, i.ours, coalesce(s.account, ''),
	CASE WHEN i.supersedes IS NOT NULL THEN
		(SELECT json_group_array(DISTINCT o.evidence) FROM interaction AS o WHERE o.group_id = i.group_id) END
	FROM interaction AS i LEFT JOIN source AS s ON s.id = i.source_id
	WHERE i.thread_id = ? AND i.current = 1 ORDER BY i.at, i.evidence`)

// course is what the messages of a thread that the view shows come to.
type course struct {
	begin    []word    // up to the first that is not mine, it included
	mine     bool      // there is one of mine
	ours     bool      // there is one of mine or a colleague's
	answered bool      // there is one that is not mine
	later    time.Time // when the newest was written
}

// opens reports whether a message is the first of the thread.
func (c *course) opens(e planner.Evidence) bool {
	return len(c.begin) > 0 && c.begin[0].evidence.ID == e.ID
}

// course reads a thread. Each is read once for a contact, however many messages
// in it seem to open it: others make threads as long as they like.
func (p *portrait) course(ctx context.Context, thread int64) (*course, error) {
	if c := p.courses[thread]; c != nil {
		return c, nil
	}
	c := &course{}
	err := p.t.each(ctx, qThreadWords, []any{thread}, func(scan func(...any) error) error {
		w := word{evidence: planner.Evidence{Type: planner.Mail}}
		var at stamp
		var names []byte
		err := scan(&w.evidence.ID, &at, &w.evidence.Subject, &w.mine, &w.ours, &w.evidence.Account, &names)
		if err != nil || p.hidden(at.Time) {
			return err
		}
		if w.evidence.Also, err = otherNames(names, w.evidence.ID); err != nil {
			return err
		}
		p.holdsFrom(at.Time)
		w.evidence.At = at.Time
		if !c.answered {
			c.begin = append(c.begin, w)
		}
		c.mine, c.ours, c.answered, c.later = c.mine || w.mine, c.ours || w.ours, c.answered || !w.mine, at.Time
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read thread: %w", err)
	}
	if p.courses == nil {
		p.courses = map[int64]*course{}
	}
	p.courses[thread] = c
	return c, nil
}

// turns finds the threads that wait for somebody's word.
func (p *portrait) turns(ctx context.Context) error {
	wrote := map[int64]bool{} // threads in which I wrote to them
	heard := map[int64]bool{} // threads in which they wrote
	for _, it := range p.items {
		if it.kind == KindMail && it.direction == Out {
			wrote[it.thread] = true
		}
		if it.kind == KindMail && it.direction == In && it.role == RoleFrom {
			heard[it.thread] = true
		}
	}
	room := func(list []planner.Turn, it item) bool { return len(list) < maxTurns || p.pinned[it.thread] }
	for _, it := range slices.Backward(p.items) {
		var err error
		switch {
		case it.kind != KindMail || !it.direct || !it.opens || p.aside(it):
		case it.direction == In && !wrote[it.thread] && room(p.out.Unanswered, it):
			err = p.unanswered(ctx, it)
		case it.direction == Out && it.first && !heard[it.thread] && room(p.out.Outstanding, it) &&
			strings.Contains(it.evidence.Subject, "?"):
			err = p.outstanding(ctx, it)
		}
		if err != nil {
			return err
		}
	}
	return p.broadcasts(ctx, wrote)
}

func (p *portrait) unanswered(ctx context.Context, opener item) error {
	thread, err := p.course(ctx, opener.thread)
	if err != nil || thread.ours || !thread.opens(opener.evidence) {
		return err
	}
	if over, err := p.fated(ctx, opener.evidence.Names()); over || err != nil {
		return err
	}
	turn := planner.Turn{Evidence: opener.evidence, Recipients: opener.toCount, Later: thread.later}
	if turn.Accounts, err = p.accounts(ctx, opener); err != nil {
		return err
	}
	p.out.Unanswered = append(p.out.Unanswered, turn)
	return nil
}

func (p *portrait) outstanding(ctx context.Context, opener item) error {
	thread, err := p.course(ctx, opener.thread)
	if err != nil || thread.answered || !thread.opens(opener.evidence) {
		return err
	}
	turn := planner.Turn{Evidence: opener.evidence, Recipients: opener.toCount, Later: thread.later}
	for _, w := range thread.begin[1:] {
		w.evidence.Address = opener.evidence.Address
		turn.Nudges = append(turn.Nudges, w.evidence)
	}
	if turn.Mailing, err = p.mailing(ctx, opener); err != nil {
		return err
	}
	if turn.Accounts, err = p.accounts(ctx, opener); err != nil {
		return err
	}
	p.out.Outstanding = append(p.out.Outstanding, turn)
	return nil
}

var qAccounts = query(`SELECT DISTINCT s.account FROM interaction AS o CROSS JOIN copy AS c ON c.interaction_id = o.id
	CROSS JOIN source AS s ON s.id = c.source_id
	WHERE o.group_id = ? AND s.id NOT IN (SELECT value FROM json_each(?)) ORDER BY s.account`)

// accounts are those in which a message was found, nil if that is one. Folders
// that are ignored do not count.
func (p *portrait) accounts(ctx context.Context, it item) ([]string, error) {
	all, err := p.t.strings(ctx, qAccounts, it.group, list(p.lens.folders))
	if len(all) < 2 {
		return nil, err
	}
	return all, err
}

// maxMailing is how many people the same subject may go to in a day before it
// is a mailing.
const maxMailing = 5

var qSameTopic = query(`SELECT DISTINCT i.at, a.folded FROM interaction AS i
	CROSS JOIN participant AS p ON p.interaction_id = i.id AND p.role IN ('to', 'cc', 'bcc')
	CROSS JOIN address AS a ON a.id = p.address_id AND a.contact_id IS NOT NULL
	WHERE i.topic = ? AND i.mine = 1 AND i.current = 1 AND i.at BETWEEN ? AND ?`)

func (p *portrait) mailing(ctx context.Context, opener item) (bool, error) {
	at := opener.evidence.At.In(p.lens.zone)
	start := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, p.lens.zone)
	end := start.AddDate(0, 0, 1)
	people := map[string]bool{}
	err := p.t.each(ctx, qSameTopic, []any{opener.topic, start.Unix(), end.Unix() - 1}, func(scan func(...any) error) error {
		var sent stamp
		var address string
		err := scan(&sent, &address)
		if err != nil || p.hidden(sent.Time) {
			return err
		}
		p.holdsFrom(sent.Time)
		people[address] = true
		return nil
	})
	return len(people) > maxMailing, err
}

// broadcasts recognises who writes to me and never with me: their last three
// mails to me answered nothing and had no answer of mine, and I have not
// written to them since the first of the three.
func (p *portrait) broadcasts(ctx context.Context, wrote map[int64]bool) error {
	left := 3
	for _, it := range slices.Backward(p.items) {
		if it.kind == KindMeeting || it.direction == None {
			continue
		}
		if it.direction == Out {
			return nil
		}
		if it.role != RoleFrom {
			continue
		}
		if !it.opens || wrote[it.thread] {
			return nil
		}
		thread, err := p.course(ctx, it.thread)
		if err != nil || thread.mine {
			return err
		}
		if left--; left == 0 {
			p.out.Broadcaster = true
			return nil
		}
	}
	return nil
}
