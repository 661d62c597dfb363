package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// maxTurns is how many waiting threads of each kind are kept for a contact.
const maxTurns = 20

// word is a message of mine in a thread.
type word struct {
	evidence planner.Evidence
	text     *speech // nil if nothing is known of it
	direct   bool
}

var qThreadWords = query(`SELECT i.evidence, i.at, i.subject, i.mine, i.ours, i.direct, coalesce(s.account, ''),
	CASE WHEN i.supersedes IS NOT NULL THEN
		(SELECT json_group_array(DISTINCT o.evidence) FROM interaction AS o WHERE o.group_id = i.group_id) END, ` + saysOf + `
	FROM interaction AS i LEFT JOIN source AS s ON s.id = i.source_id
	WHERE i.thread_id = ? AND i.current = 1 ORDER BY i.at, i.evidence`)

// course is what the messages of a thread that the view shows come to.
type course struct {
	first    string             // id of the first message
	mine     bool               // there is one of mine
	ours     planner.Evidence   // the last one of mine or a colleague's
	answered bool               // there is one that is not mine
	run      []word             // mine since the last that is not
	handed   []planner.Evidence // mine with a file, a link or words of delivery
	later    time.Time          // when the newest was written
}

// opens reports whether a message is the first of the thread.
func (c *course) opens(e planner.Evidence) bool { return c.first == e.ID }

// since reports whether a message came after the last word of mine or a
// colleague's.
func (c *course) since(e planner.Evidence) bool { return comesAfter(e, c.ours) }

// comesAfter orders messages as threads do.
func comesAfter(a, b planner.Evidence) bool {
	if c := a.At.Compare(b.At); c != 0 {
		return c > 0
	}
	return a.ID > b.ID
}

// asks reports whether a message of mine asks something; where its text was not read,
// whether it opened a thread that nobody else wrote in, with a question mark.
func (c *course) asks(w word) bool {
	if w.text.read() {
		return w.direct && w.text.wants()
	}
	return !c.answered && c.opens(w.evidence) && strings.Contains(w.evidence.Subject, "?")
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
		var names, says []byte
		var mine, ours bool
		err := scan(&w.evidence.ID, &at, &w.evidence.Subject, &mine, &ours, &w.direct, &w.evidence.Account, &names, &says)
		if err != nil || p.hidden(at.Time) {
			return err
		}
		if w.evidence.Also, err = otherNames(names, w.evidence.ID); err != nil {
			return err
		}
		if w.text, err = readSpeech(says); err != nil {
			return err
		}
		p.holdsFrom(at.Time)
		w.evidence.At, c.later = at.Time, at.Time
		if c.first == "" {
			c.first = w.evidence.ID
		}
		if ours {
			c.ours = w.evidence
		}
		if !mine {
			c.answered, c.run = true, nil
			return nil
		}
		c.mine, c.run = true, append(c.run, w)
		if w.text.delivers() {
			c.handed = append(c.handed, w.evidence)
		}
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
	wrote := map[int64]time.Time{}    // when I last wrote to them in a thread
	heard := map[int64]time.Time{}    // when they did
	wroteOf := map[string]time.Time{} // when I last wrote to them of a topic: what is passed on begins a thread of its own
	heardOf := map[string]time.Time{} // when they did
	for _, it := range p.items {
		if it.kind == KindMail && it.direction == Out {
			wrote[it.thread], wroteOf[it.topic] = it.evidence.At, it.evidence.At
		}
		if it.kind == KindMail && it.direction == In && it.role == RoleFrom {
			heard[it.thread], heardOf[it.topic] = it.evidence.At, it.evidence.At
		}
	}
	delete(wroteOf, "")
	delete(heardOf, "")
	theirs, mine := map[int64][]item{}, map[int64][]item{} // what may ask, by thread, newest first
	var order, orderMine []int64
	for _, it := range slices.Backward(p.items) {
		switch {
		case it.kind != KindMail || !it.direct || p.aside(it):
		case it.direction == In && it.mayAsk(later(wrote[it.thread], wroteOf[it.topic])):
			if theirs[it.thread] == nil {
				order = append(order, it.thread)
			}
			theirs[it.thread] = append(theirs[it.thread], it)
		case it.direction == Out && it.first && it.askedOf(later(heard[it.thread], heardOf[it.topic])):
			if mine[it.thread] == nil {
				orderMine = append(orderMine, it.thread)
			}
			mine[it.thread] = append(mine[it.thread], it)
		}
	}
	room := func(list []planner.Turn, thread int64) bool { return len(list) < maxTurns || p.pinned[thread] }
	for _, t := range order {
		if room(p.out.Unanswered, t) {
			if err := p.unanswered(ctx, t, theirs[t]); err != nil {
				return err
			}
		}
	}
	for _, t := range orderMine {
		if room(p.out.Outstanding, t) {
			if err := p.outstanding(ctx, t, mine[t]); err != nil {
				return err
			}
		}
	}
	for _, list := range [][]planner.Turn{p.out.Unanswered, p.out.Outstanding} {
		slices.SortFunc(list, func(a, b planner.Turn) int {
			return cmp.Or(b.At.Compare(a.At), strings.Compare(b.ID, a.ID))
		})
	}
	p.asked()
	return p.broadcasts(ctx, wrote)
}

// mayAsk reports whether a mail of theirs may ask me something that I have not
// answered, as far as it tells itself; wrote is when I last wrote to them there.
func (it *item) mayAsk(wrote time.Time) bool {
	if it.text.read() {
		return it.text.Asks && !it.evidence.At.Before(wrote)
	}
	return it.opens && wrote.IsZero() && (it.text == nil || !it.text.Attached) // else it brings a file
}

// askedOf reports whether a mail of mine may ask them something that is not
// answered, as far as it tells itself; heard is when they last wrote there.
func (it *item) askedOf(heard time.Time) bool {
	if it.text.read() {
		return it.text.wants() && !it.evidence.At.Before(heard)
	}
	return it.opens && heard.IsZero() && strings.Contains(it.evidence.Subject, "?")
}

// unanswered looks whether a thread waits for my word. asking are the mails of theirs
// that may ask, newest first.
func (p *portrait) unanswered(ctx context.Context, thread int64, asking []item) error {
	c, err := p.course(ctx, thread)
	if err != nil {
		return err
	}
	var turn planner.Turn
	for _, it := range slices.Backward(asking) {
		if !c.since(it.evidence) || !it.text.read() && (!c.ours.IsZero() || !c.opens(it.evidence)) {
			continue
		}
		if over, err := p.fated(ctx, it.evidence.Names()); over || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if !turn.IsZero() {
			if turn.Asks = append(turn.Asks, it.evidence); len(turn.Asks) == maxTurns {
				break
			}
			continue
		}
		turn = it.turn(c)
		if turn.Accounts, err = p.accounts(ctx, it); err != nil {
			return err
		}
	}
	if !turn.IsZero() {
		p.out.Unanswered = append(p.out.Unanswered, turn)
	}
	return nil
}

// turn is a thread that waits because of a message.
func (it *item) turn(c *course) planner.Turn {
	t := planner.Turn{Evidence: it.evidence, Recipients: it.toCount, Later: c.later}
	switch {
	case it.text.read():
		t.Read, t.Sentence, t.For = true, it.text.Ask, it.text.About
	case it.text != nil:
		t.Language = it.text.Language
	}
	return t
}

// outstanding looks whether a thread waits for their word: the first mail of mine
// that asks, after the last of somebody else, is one of those that may ask them.
func (p *portrait) outstanding(ctx context.Context, thread int64, asking []item) error {
	c, err := p.course(ctx, thread)
	if err != nil {
		return err
	}
	first := slices.IndexFunc(c.run, c.asks)
	if first < 0 {
		return nil
	}
	at := slices.IndexFunc(asking, func(it item) bool { return it.evidence.ID == c.run[first].evidence.ID })
	if at < 0 { // it asks somebody else
		return nil
	}
	it := asking[at]
	turn := it.turn(c)
	for _, w := range c.run[first+1:] {
		if w.text.read() && !w.text.Asks { // the last word there no longer waits
			return nil
		}
		w.evidence.Address = it.evidence.Address
		turn.Nudges = append(turn.Nudges, w.evidence)
	}
	if turn.Mailing, err = p.mailing(ctx, it); err != nil {
		return err
	}
	if turn.Accounts, err = p.accounts(ctx, it); err != nil {
		return err
	}
	p.out.Outstanding = append(p.out.Outstanding, turn)
	return nil
}

// maxAsked is how many mails in a row that asked something are kept.
const maxAsked = 5

// asked notes the mails of mine that asked them something since their last word.
func (p *portrait) asked() {
	for _, it := range slices.Backward(p.items) {
		theirs := it.kind == KindMail && it.direction == In && it.role == RoleFrom
		if theirs || it.kind == KindMeeting && p.over(it) || len(p.out.Asked) == maxAsked {
			break
		}
		if it.kind == KindMail && it.direction == Out && it.direct && it.first && it.askedOf(time.Time{}) {
			p.out.Asked = append(p.out.Asked, it.evidence)
		}
	}
	slices.Reverse(p.out.Asked)
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
func (p *portrait) broadcasts(ctx context.Context, wrote map[int64]time.Time) error {
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
		if !it.opens || !wrote[it.thread].IsZero() {
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
