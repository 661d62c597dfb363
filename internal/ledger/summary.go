package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// view is a point in time to look from: what is dated or known after cut is
// hidden, and what ended by now is over.
type view struct{ cut, now time.Time }

// forever is later than anything; the cut of a view that hides nothing.
var forever = planner.Forever

// item is an interaction as one contact was part of it.
type item struct {
	id         int64
	kind       Kind
	evidence   planner.Evidence
	end, known time.Time
	direction  Direction
	direct     bool
	role       Role
	declined   bool
	name       string
	group      int64
	parent     int64 // group of the message that this one answers, 0 if none is known
	thread     int64
	topic      string
	opens      bool
	stands     string
	organised  bool
	organiser  int64 // address
	people     int
	toCount    int
	first      bool    // the contact is the first in To
	text       *speech // what its text says; nil if nothing is known of it
}

// summary is what the ledger works out about a contact.
type summary struct {
	planner.Contact
	contact     bool     // passed the gate; else a candidate
	names       []string // under which events may speak of them
	seen        int
	from, until time.Time // the summary holds from, and before
	next        time.Time // when the view shows more of what there is
}

// portrait gathers what is needed to sum up one contact.
type portrait struct {
	t     *tx
	lens  *lens
	view  view
	id    int64
	items []item
	out   summary
	lists map[string]bool  // addresses of mailing lists
	byID  map[int64]string // addresses by their rows
	// cardName and circle are what the cards say.
	cardName, circle string
	nicknames        []string
	courses          map[int64]*course // the threads read so far
	// pinned are threads that stay among the turns, however many there are.
	pinned map[int64]bool
}

var (
	qContactAddresses = query(`SELECT c.code, a.id, a.address, a.list FROM contact AS c JOIN address AS a ON a.contact_id = c.id
		WHERE c.id = ? ORDER BY a.address`)
	qItems = query(`SELECT i.id, i.kind, i.evidence_type, i.evidence, i.at, i.end_at, i.known_at, i.subject, i.direction,
		i.direct, coalesce(i.topic, ''), i.opens, i.stands, i.mine, coalesce(i.from_id, 0), i.people, i.to_count,
		coalesce(i.first_to = a.id, 0), coalesce(i.thread_id, 0), p.role, p.status, p.thing, p.name, a.id, coalesce(s.account, ''),
		i.group_id, coalesce((SELECT r.group_id FROM answer AS w CROSS JOIN interaction AS r ON r.id = w.parent_id
			WHERE w.interaction_id = i.id), 0),
		CASE WHEN i.supersedes IS NOT NULL THEN
			(SELECT json_group_array(DISTINCT o.evidence) FROM interaction AS o WHERE o.group_id = i.group_id) END, ` + saysOf + `
		FROM address AS a CROSS JOIN participant AS p ON p.address_id = a.id
		CROSS JOIN interaction AS i ON i.id = p.interaction_id
		LEFT JOIN source AS s ON s.id = i.source_id
		WHERE a.contact_id = ? AND i.current = 1`)
)

// summarise works out everything the planner knows about a contact, from the
// rows, as seen from v.
func summarise(ctx context.Context, t *tx, n *lens, id int64, v view) (summary, error) {
	return summariseWith(ctx, t, n, id, v, nil)
}

func summariseWith(ctx context.Context, t *tx, n *lens, id int64, v view, pinned map[int64]bool) (summary, error) {
	p := &portrait{t: t, lens: n, view: v, id: id, pinned: pinned, lists: map[string]bool{}, byID: map[int64]string{}}
	p.out.until, p.out.next = forever, forever
	uids, err := p.addresses(ctx)
	if err != nil {
		return summary{}, err
	}
	if err := p.cards(ctx, uids); err != nil {
		return summary{}, err
	}
	spoken := p.spokenOf(uids)
	if err := p.read(ctx); err != nil {
		return summary{}, err
	}
	c := &p.out.Contact
	nodes := slices.Concat(c.Addresses, cardNodes(uids))
	who, configured := n.configured(nodes)
	said, err := p.said(ctx, slices.Concat(c.Addresses, uids))
	if err != nil {
		return summary{}, err
	}
	c.Facts, c.Apart = said.facts, n.others(nodes)
	p.heed(who, said)
	c.Internal = p.all(n.internal)
	p.named(who.Name)
	if err := p.meetings(ctx, configured || c.Carded); err != nil {
		return summary{}, err
	}
	p.clocks()
	p.pace()
	p.exchanges()
	for _, find := range []func(context.Context) error{p.turns, p.promises, p.introductions, p.away, p.common} {
		if err := find(ctx); err != nil {
			return summary{}, err
		}
	}
	p.stopped()
	p.gave()
	nobody := who.Ignored || p.all(n.ignored) || len(c.Addresses) == 0 && !c.Carded && !spoken // their only card is gone
	p.out.contact = (configured || said.circle != "" || c.Out > 0 || c.Met > 0 || c.Reported || c.Carded) && !p.all(p.list) && !nobody
	if nobody {
		p.out.seen = 0
	}
	c.Role = c.Role || !p.out.contact && mechanical(p.items)
	c.Candidate = !p.out.contact && !nobody && !c.Role &&
		slices.ContainsFunc(c.Introductions, func(n planner.Introduction) bool { return toMe(n, c.Addresses) })
	return p.out, nil
}

// heed settles circle and quiet: what the configuration says counts before the
// latest word of the user, and that before a card (SPEC section 5.1).
func (p *portrait) heed(who Person, s said) {
	c := &p.out.Contact
	switch {
	case who.Circle != "":
		c.Circle = who.Circle
	case s.circle != "":
		c.Circle, c.CircleBy = s.circle, s.circleBy
	case p.circle != "":
		c.Circle, c.CircleBy = p.circle, planner.Evidence{Type: planner.Card, ID: c.Cards[0]}
	}
	c.CircleUnknown, c.CircleUnknownBy = s.unknown, s.unknownBy
	switch {
	case who.Muted:
		c.Muted = true
	case s.muted:
		c.Muted, c.MutedBy = true, s.mutedBy
	}
}

// all reports whether there are addresses and something is true of each.
func (p *portrait) all(of func(address string) bool) bool {
	return len(p.out.Addresses) > 0 && !slices.ContainsFunc(p.out.Addresses, func(a string) bool { return !of(a) })
}

// list reports whether an address is that of a mailing list.
func (p *portrait) list(address string) bool { return p.lists[address] }

// addresses reads those of the contact, and the UIDs of its cards.
func (p *portrait) addresses(ctx context.Context) (uids []string, err error) {
	err = p.t.each(ctx, qContactAddresses, []any{p.id}, func(scan func(...any) error) error {
		var id int64
		var a string
		var list bool
		err := scan(&p.out.ID, &id, &a, &list)
		p.byID[id] = a
		if uid, card := cardUID(a); card {
			uids = append(uids, uid)
			return err
		}
		p.lists[a] = list
		p.out.Addresses = append(p.out.Addresses, a)
		return err
	})
	return uids, err
}

// read loads the contact's interactions that the view shows, each once, oldest
// first.
func (p *portrait) read(ctx context.Context) error {
	var it item
	var at, end, known stamp
	var kind, evidence, direction, role, status string
	var thing bool
	var address int64
	var names, says []byte
	e := &it.evidence
	into := []any{
		&it.id, &kind, &evidence, &e.ID, &at, &end, &known, &e.Subject, &direction, &it.direct, &it.topic,
		&it.opens, &it.stands, &it.organised, &it.organiser, &it.people, &it.toCount, &it.first, &it.thread,
		&role, &status, &thing, &it.name, &address, &e.Account, &it.group, &it.parent, &names,
		&says,
	}
	err := p.t.each(ctx, qItems, []any{p.id}, func(scan func(...any) error) (err error) {
		if err := scan(into...); err != nil {
			return err
		}
		if e.Also, err = otherNames(names, e.ID); err != nil {
			return err
		}
		if thing || p.hidden(known.Time) {
			return nil
		}
		if it.text, err = readSpeech(says); err != nil {
			return err
		}
		e.Address = p.byID[address]
		if uid, card := cardUID(e.Address); card {
			e.Address = uid
		}
		p.holdsFrom(known.Time)
		it.kind, e.Type, it.direction, it.role = Kind(kind), planner.EvidenceType(evidence), Direction(direction), Role(role)
		e.At, it.end, it.known = at.Time, end.Time, known.Time
		e.Named = it.role == RoleNamed
		it.declined = status == "DECLINED"
		p.items = append(p.items, it)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read interactions: %w", err)
	}
	slices.SortFunc(p.items, compareItems)
	// Who is in To and Cc, or organises and attends, was there once: the part
	// that says more comes first.
	p.items = slices.CompactFunc(p.items, func(a, b item) bool { return a.id == b.id })
	if p.out.seen = len(p.items); p.out.seen > 0 {
		p.out.SeenAt = p.items[0].evidence.At
	}
	return nil
}

// otherNames reads the ids under which the copies of a message are known, and
// leaves out its own.
func otherNames(text []byte, id string) (names []string, err error) {
	if len(text) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == id })
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	return names, nil
}

var roleOrder = map[Role]int{RoleFrom: 0, RoleOrganizer: 1, RoleAttendee: 2, RoleTo: 3, RoleCc: 4, RoleBcc: 5}

func compareItems(a, b item) int {
	if c := a.evidence.At.Compare(b.evidence.At); c != 0 {
		return c
	}
	if c := strings.Compare(string(a.evidence.Type)+a.evidence.ID, string(b.evidence.Type)+b.evidence.ID); c != 0 {
		return c
	}
	if a.declined != b.declined {
		return compareBool(b.declined, a.declined) // who declined with one address did not come
	}
	if a.first != b.first {
		return -compareBool(a.first, b.first)
	}
	if c := roleOrder[a.role] - roleOrder[b.role]; c != 0 {
		return c
	}
	return strings.Compare(a.evidence.Address+" "+a.name, b.evidence.Address+" "+b.name)
}

// holdsFrom notes that the summary rests on something dated at.
func (p *portrait) holdsFrom(at time.Time) {
	if at.After(p.out.from) {
		p.out.from = at
	}
}

// hidden reports whether something dated at is hidden by the view, and notes when
// it no longer will be.
func (p *portrait) hidden(at time.Time) bool {
	if !at.After(p.view.cut) {
		return false
	}
	p.out.next = earlier(p.out.next, at)
	return true
}

// named settles name and role (SPEC section 3.2).
func (p *portrait) named(configured string) {
	uses := make([]nameUse, 0, len(p.items))
	by := map[string][]nameUse{} // by folded address
	var newest time.Time
	for _, it := range p.items {
		if it.kind == KindMail || it.kind == KindMeeting && it.role != RoleNamed {
			u := nameUse{name: personal(it.name), at: it.known, own: it.role == RoleFrom}
			uses = append(uses, u)
			if a := fold(it.evidence.Address); u.own {
				by[a] = append(by[a], u)
			}
			if it.known.After(newest) {
				newest = it.known
			}
		}
	}
	c := &p.out.Contact
	c.Role = p.all(func(a string) bool { return p.list(a) || roleAddress(a) || shared(by[fold(a)]) })
	names := []string{configured, p.cardName, mostUsed(uses, newest), readName(c.Addresses)}
	c.Name = cmp.Or(names...)
	c.NameRead = c.Name != "" && cmp.Or(names[:3]...) == ""
	for _, name := range append(names, p.nicknames...) {
		if name != "" && !p.lens.isMyName(name) && !slices.Contains(p.out.names, name) {
			p.out.names = append(p.out.names, name)
		}
	}
}

var qFirstWord = query(`SELECT min(i.at) FROM address AS o CROSS JOIN address AS a ON a.contact_id = o.contact_id
	CROSS JOIN participant AS p ON p.address_id = a.id
	CROSS JOIN interaction AS i ON i.id = p.interaction_id AND i.current = 1 AND i.direction = 'out' AND i.direct = 1
	WHERE o.id = ?`)

// meetings drops the meetings that do not count for the contact, and notes
// those that do. certain says that they are a contact whatever happened.
func (p *portrait) meetings(ctx context.Context, certain bool) error {
	kept := p.items[:0]
	for _, it := range p.items {
		if it.kind != KindMeeting {
			kept = append(kept, it)
			continue
		}
		counts, err := p.counts(ctx, it)
		if err != nil {
			return err
		}
		if counts {
			kept = append(kept, it)
		}
	}
	p.items = kept
	if !certain && !slices.ContainsFunc(p.items, p.proves) {
		p.items = slices.DeleteFunc(p.items, func(it item) bool { return it.role == RoleNamed })
	}
	p.retold()
	for _, it := range p.items {
		if it.kind != KindMeeting {
			continue
		}
		p.out.Meetings = append(p.out.Meetings,
			planner.Encounter{Evidence: it.evidence, End: it.end, People: it.people, Organised: it.organised})
		if it.end.After(p.view.now) {
			if it.end.Before(p.out.until) {
				p.out.until = it.end
			}
			continue
		}
		p.holdsFrom(it.end)
	}
	p.recentMeetings()
	return nil
}

// retold drops what the user logged of a day on which a calendar has a meeting with
// them, or another note of one: it is the same meeting.
func (p *portrait) retold() {
	met := map[planner.Date]bool{}
	logged := func(it item) bool { return it.kind == KindMeeting && it.evidence.Type == planner.Note }
	for _, it := range p.items {
		if it.kind == KindMeeting && !logged(it) {
			met[p.day(it.evidence.At)] = true
		}
	}
	p.items = slices.DeleteFunc(p.items, func(it item) bool {
		day := p.day(it.evidence.At)
		again := logged(it) && met[day]
		met[day] = met[day] || logged(it)
		return again
	})
}

// proves says whether an item makes a contact: being named in an event does not.
func (p *portrait) proves(it item) bool {
	return p.over(it) && it.role != RoleNamed && it.direction != In
}

func (p *portrait) counts(ctx context.Context, it item) (bool, error) {
	if it.declined || it.stands == "no" {
		return false, nil
	}
	if it.stands == "yes" || it.stands == lonely {
		return true, nil
	}
	// Providers add strangers' invitations by themselves: one that I did not
	// answer counts if I had written to the organiser before.
	var word stamp
	if _, err := p.t.one(ctx, qFirstWord, []any{it.organiser}, &word); err != nil {
		return false, err
	}
	if word.IsZero() || !word.Before(it.evidence.At) || p.hidden(word.Time) {
		return false, nil
	}
	p.holdsFrom(word.Time)
	return true, nil
}

// recentMeetings keeps the first meeting ever and those of the 400 days before
// the newest thing known of the contact, and all after it.
func (p *portrait) recentMeetings() {
	m := p.out.Meetings
	if len(m) == 0 {
		return
	}
	var newest time.Time
	for _, it := range p.items {
		if at := it.evidence.At; at.After(newest) && !at.After(p.view.now) {
			newest = at
		}
	}
	since := newest.Add(-400 * 24 * time.Hour)
	p.out.Meetings = slices.DeleteFunc(slices.Clone(m), func(e planner.Encounter) bool {
		return e.At.Before(since) && e.ID != m[0].ID
	})
}

// over reports whether the item moved a clock: it is direct and, if a meeting,
// has ended.
func (p *portrait) over(it item) bool {
	return it.direct && it.direction != None && (it.kind != KindMeeting || !it.end.After(p.view.now)) && !p.aside(it)
}

// aside reports whether the contact only stands by: in a mail from somebody
// else, or in the To of a mail of theirs.
func (p *portrait) aside(it item) bool {
	return it.kind == KindMail && (it.direction == In) != (it.role == RoleFrom)
}

// pace measures how fast they answer: from a direct mail of mine to the first
// direct one of theirs that answers it.
func (p *portrait) pace() {
	waiting := map[int64]time.Time{} // my mails without an answer so far, by group
	var took []time.Duration
	for _, it := range p.items {
		if it.kind != KindMail || !p.over(it) {
			continue
		}
		if it.direction == Out {
			waiting[it.group] = it.evidence.At
		} else if at, ok := waiting[it.parent]; ok {
			took = append(took, it.evidence.At.Sub(at))
			delete(waiting, it.parent)
		}
	}
	p.out.Answers, p.out.AnswerTime = len(took), median(took)
}

// median gives zero for nothing. It sorts what it is given.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	mid := len(d) / 2
	if len(d)%2 == 0 {
		return (d[mid-1] + d[mid]) / 2
	}
	return d[mid]
}

const halfLife = 365 * 24 * time.Hour

// maxTogether is how many people a mail may go to that shows two of them in touch, if
// a third wrote it.
const maxTogether = 30

// clocks sets the three clocks, the counts and the warmth.
func (p *portrait) clocks() {
	c := &p.out.Contact
	threads := map[int64]bool{}
	days := map[planner.Date]bool{}
	for _, it := range p.items {
		if it.kind == KindMail && it.direction != None && (it.people <= maxTogether || it.role == RoleFrom) {
			c.TogetherAt = it.evidence.At
		}
		if !p.over(it) {
			continue
		}
		e := it.evidence
		if c.FirstAt.IsZero() {
			c.FirstAt = e.At
		}
		c.WarmthAt = e.At
		days[p.day(e.At)] = true
		switch {
		case it.kind == KindMeeting:
			c.Met++
			c.LastMet = e
		case it.direction == Out:
			c.LastOut, c.Reported = e, it.kind != KindMail
			if it.kind == KindMail {
				c.Out++
			}
		case it.direction == In:
			c.In++
			c.LastIn = e
		}
		if it.kind == KindMail {
			threads[it.thread] = true
		}
	}
	c.Threads = len(threads)
	for d := range days {
		c.DirectDays = append(c.DirectDays, d)
	}
	slices.Sort(c.DirectDays)
	slices.Reverse(c.DirectDays)
	c.DirectDays = c.DirectDays[:min(40, len(c.DirectDays))]
	p.warmth()
}

// warmth sums over at most the newest thing known, so it does not depend on the
// present time. The order of the sum is that of the items.
func (p *portrait) warmth() {
	c := &p.out.Contact
	for _, it := range p.items {
		if !p.over(it) {
			continue
		}
		decay := math.Exp2(-float64(c.WarmthAt.Sub(it.evidence.At)) / float64(halfLife))
		switch {
		case it.kind == KindMeeting:
			c.Warmth += 3 * decay
		case it.direction == Out:
			c.Warmth += 2 * decay
		case it.direction == In:
			c.Heard += decay
		}
	}
}

func (p *portrait) day(at time.Time) planner.Date {
	return planner.Date(at.In(p.lens.zone).Format(time.DateOnly))
}

// exchangeSpan is how far apart the two messages of an exchange may be.
const exchangeSpan = 30 * 24 * time.Hour

// exchanges counts the days on which a direct message met one of the other side
// from the 30 days before, or on which we met (SPEC section 3.4).
func (p *portrait) exchanges() {
	var lastOut, lastIn time.Time
	var days []planner.Date
	var dates []time.Time
	x := &p.out.Exchanges
	for _, it := range p.items {
		if !p.over(it) {
			continue
		}
		at := it.evidence.At
		hit := false
		switch it.direction {
		case Out:
			hit, lastOut = !lastIn.IsZero() && at.Sub(lastIn) <= exchangeSpan, at
		case In:
			hit, lastIn = !lastOut.IsZero() && at.Sub(lastOut) <= exchangeSpan, at
		case Mutual:
			hit = true
		case None:
		}
		if !hit {
			continue
		}
		x.Last = it.evidence
		if d := p.day(at); len(days) == 0 || days[len(days)-1] != d {
			days, dates = append(days, d), append(dates, at)
		}
	}
	p.measure(days, dates)
}

// measure sets the figures that follow from the days of the exchanges.
func (p *portrait) measure(days []planner.Date, dates []time.Time) {
	x := &p.out.Exchanges
	if x.Count = len(days); x.Count == 0 {
		return
	}
	x.First, x.LastDay = dates[0], days[len(days)-1]
	weeks := map[[2]int]bool{}
	gaps := make([]time.Duration, 0, len(days))
	for i, at := range dates {
		if at.Sub(x.First) < exchangeSpan {
			x.Early++
		}
		y, w := at.In(p.lens.zone).ISOWeek()
		weeks[[2]int{y, w}] = true
		if i > 0 {
			gaps = append(gaps, civil(days[i]).Sub(civil(days[i-1])))
		}
	}
	x.Weeks = len(weeks)
	if len(days) >= 4 {
		x.Rhythm = median(gaps)
	}
	p.out.Stage = 1
	if x.Weeks >= 4 || p.out.Met >= 2 {
		p.out.Stage = 2
	}
}

// civil is midnight UTC of a date, for differences in whole days.
func civil(d planner.Date) time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{} // day wrote it
	}
	return t
}

var (
	qPutIntroduced  = query(`INSERT INTO introduced (contact_id) VALUES (?) ON CONFLICT DO NOTHING`)
	qDropIntroduced = query(`DELETE FROM introduced WHERE contact_id = ?`)

	qDirty    = query(`SELECT id FROM contact WHERE dirty = 1 LIMIT 500`)
	qSetFacts = query(`UPDATE contact SET gate = ?, name = ?, stage = ?, mails_out = ?, mails_in = ?, met = ?, first_at = ?,
		last_out_at = ?, last_in_at = ?, last_met_at = ?, seen = ?, facts = ?, valid_from = ?, valid_until = ?, dirty = 0
		WHERE id = ?`)
)

// Settle brings the summaries up to date that Append left marked, once the
// sources of an account have been looked at.
func (l *Ledger) Settle(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := loadLens(ctx, t)
		if err != nil {
			return err
		}
		return settle(ctx, t, n)
	})
	if err != nil {
		return fmt.Errorf("sum up contacts: %w", err)
	}
	return nil
}

// settle brings the summaries of all marked contacts up to date, and then those
// of the contacts whom events name. That changes nobody's name or gate.
func settle(ctx context.Context, t *tx, n *lens) error {
	if err := sumUp(ctx, t, n); err != nil {
		return err
	}
	if err := nameMeetings(ctx, t); err != nil {
		return err
	}
	return sumUp(ctx, t, n)
}

func sumUp(ctx context.Context, t *tx, n *lens) error {
	clock, err := getMetaTime(ctx, t, metaClock)
	if err != nil {
		return err
	}
	for {
		ids, err := t.ids(ctx, qDirty)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			s, err := summarise(ctx, t, n, id, view{cut: forever, now: clock})
			if err != nil {
				return fmt.Errorf("sum up contact: %w", err)
			}
			if err := storeSummary(ctx, t, id, s); err != nil {
				return err
			}
		}
		if err := t.alive(); err != nil {
			return err
		}
	}
}

func storeSummary(ctx context.Context, t *tx, id int64, s summary) error {
	facts, err := json.Marshal(s.Contact)
	if err != nil {
		return err
	}
	if err := keepNames(ctx, t, id, s.callNames()); err != nil {
		return err
	}
	introduced := qDropIntroduced
	if s.Candidate {
		introduced = qPutIntroduced
	}
	if _, err := t.exec(ctx, introduced, id); err != nil {
		return err
	}
	_, err = t.exec(ctx, qSetFacts, s.contact, s.Name, s.Stage, s.Out, s.In, s.Met, unix(s.FirstAt), unix(s.LastOut.At),
		unix(s.LastIn.At), unix(s.LastMet.At), s.seen, string(facts), s.from.Unix(), s.until.Unix(), id)
	return err
}
