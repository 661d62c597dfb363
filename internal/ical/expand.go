package ical

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Instance is one occurrence of an event.
type Instance struct {
	UID          string
	RecurrenceID string // the original start: 20060102T150405Z, without Z if floating, or 20060102; empty if the event does not recur
	Start, End   Time
	Event        *Event // what applies: the master or an override; look at its Status
}

const (
	maxRules    = 8
	oneDay      = 24 * time.Hour
	maxShift    = 366 * oneDay
	maxMargin   = 2 * maxShift // a recurring event is not longer
	maxFollowed = 16

	instanceCost = 300 // of an instance, as measured
	checkCost    = 40  // of turning a wall clock into an instant
)

// Expand returns the instances of the events that overlap [from, to), sorted by
// start: masters, their recurrences and their overrides, each UID by itself.
// floating is the zone of times without one and of all-day dates. Cancelled
// instances are included. Of all there are the latest MaxInstances are kept. A
// rule that is malformed or too much work is ErrRule.
func Expand(events []Event, from, to time.Time, floating *time.Location) ([]Instance, error) {
	all, errs := expand(events, from, to, floating, 1, MaxInstances)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return all, nil
}

// ExpandEach is Expand for events that have nothing to do with each other: those
// of a UID that cannot be expanded are left out, and left says of how many. It
// keeps the latest MaxInstances of each rule.
func ExpandEach(events []Event, from, to time.Time, floating *time.Location) (all []Instance, left int) {
	all, errs := expand(events, from, to, floating, len(events), math.MaxInt)
	return all, len(errs)
}

// expand stops at that many errors, and keeps the latest instances up to limit.
// All UIDs share one budget.
func expand(events []Event, from, to time.Time, floating *time.Location, enough, limit int) (all []Instance, errs []error) {
	var found []occurrence
	var uids []string
	byUID := map[string][]*Event{}
	for i := range events {
		uid := events[i].UID
		if _, seen := byUID[uid]; !seen {
			uids = append(uids, uid)
		}
		byUID[uid] = append(byUID[uid], &events[i])
	}
	work := fullBudget
	for _, uid := range uids {
		s := series{from: from, to: to, loc: floating, overrides: map[string]*Event{}, seen: map[string]bool{}, work: &work}
		s.split(byUID[uid])
		if err := s.expand(); err != nil {
			if errs = append(errs, fmt.Errorf("expand event: %w", err)); len(errs) == enough {
				break
			}
			continue
		}
		found = append(found, s.out...)
		if len(found)/2 >= limit {
			found = newest(found, limit)
			if first := found[0].at; first.After(from) {
				from = first // what ends before that would not be kept
			}
		}
	}
	for _, o := range newest(found, limit) {
		all = append(all, o.Instance)
	}
	return all, errs
}

// occurrence is an instance with the instant at which it starts.
type occurrence struct {
	Instance
	at time.Time
}

// newest sorts in place, and moves the latest to the front.
func newest(all []occurrence, limit int) []occurrence {
	slices.SortStableFunc(all, func(a, b occurrence) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.RecurrenceID, b.RecurrenceID))
	})
	return append(all[:0], latest(all, limit)...)
}

// series is everything about one UID while it is expanded.
type series struct {
	from, to  time.Time
	sure      time.Time // a wall clock that certainly lies before to
	loc       *time.Location
	master    *Event
	overrides map[string]*Event // by key of RECURRENCE-ID
	following []following       // sorted
	exact     map[string]bool   // EXDATEs by key
	wholeDay  map[string]bool   // EXDATEs that name a date of a timed series
	seen      map[string]bool
	work      *budget
	out       []occurrence
}

// following is an override of an instance and all later ones.
type following struct {
	*Event
	orig Time // RECURRENCE-ID as the master is
	at   time.Time
}

func (s *series) split(events []*Event) {
	for _, e := range events {
		if e.RecurrenceID.IsZero() && (s.master == nil || e.Sequence > s.master.Sequence) {
			s.master = e
		}
	}
	for _, e := range events {
		if e.RecurrenceID.IsZero() {
			continue
		}
		key := s.key(e.RecurrenceID)
		if old := s.overrides[key]; old == nil || e.Sequence >= old.Sequence {
			s.overrides[key] = e
		}
	}
	for _, e := range s.overrides {
		if e.Following {
			orig := s.like(e.RecurrenceID)
			s.following = append(s.following, following{e, orig, orig.In(s.loc)})
		}
	}
	slices.SortFunc(s.following, func(a, b following) int { return a.at.Compare(b.at) })
	if len(s.following) > maxFollowed {
		s.following = s.following[len(s.following)-maxFollowed:]
	}
}

// key names an instance by its original start, written as Instance.RecurrenceID.
func (s *series) key(t Time) string { return s.like(t).String() }

// like reads a RECURRENCE-ID or EXDATE as what the master has, since programs
// mix them up: a date is the usual time of that day, a time without a zone is
// on the master's clock, a time in an all-day series is its day.
func (s *series) like(t Time) Time {
	if s.master == nil || t.kind == s.master.Start.kind {
		return t
	}
	m := s.master.Start
	switch {
	case t.kind == date:
		return m.withWall(t.wall.Add(m.wall.Sub(midnight(m.wall))))
	case m.kind == date:
		return Time{wall: midnight(t.wall), kind: date}
	case m.kind == floating:
		return Floating(t.In(nil).In(s.loc))
	}
	return m.withWall(t.wall)
}

func (s *series) expand() error {
	if s.master != nil {
		if err := s.expandMaster(); err != nil {
			return err
		}
	}
	for key, e := range s.overrides {
		s.add(Instance{UID: e.UID, RecurrenceID: key, Start: e.Start, End: e.End, Event: e})
	}
	return nil
}

func (s *series) expandMaster() error {
	m := s.master
	if len(m.RRules) == 0 && len(m.RDates) == 0 {
		if len(s.overrides) == 0 {
			s.add(Instance{UID: m.UID, Start: m.Start, End: m.End, Event: m})
			return nil
		}
	}
	if len(m.RRules)+len(m.ExRules) > maxRules {
		return fmt.Errorf("%w: more than %d rules", ErrRule, maxRules)
	}
	if err := s.exclusions(); err != nil {
		return err
	}
	starts, err := s.starts(m.RRules)
	if err != nil {
		return err
	}
	for _, t := range starts {
		s.instance(t, Time{})
	}
	for _, d := range m.RDates {
		end := Time{}
		if !d.End.IsZero() && d.Start.IsDate() == m.Start.IsDate() {
			end = s.like(d.End)
		}
		s.instance(s.like(d.Start), end)
	}
	if *s.work < 0 {
		return errTooMuch
	}
	return nil
}

// starts returns DTSTART and what the rules generate. RFC 5545 section 3.8.5.3:
// DTSTART is the first instance, and COUNT counts it, even where the rule would
// not generate it.
func (s *series) starts(rules []string) ([]Time, error) {
	m := s.master
	starts := []Time{m.Start}
	from, to := s.window()
	for _, text := range rules {
		r, err := parseRule(text, m.Start, s.work)
		if err != nil {
			return nil, err
		}
		r.float = s.loc
		if len(rules) == 1 && r.count > 0 && !r.generates() {
			if r.count--; r.count == 0 {
				continue
			}
		}
		walls, err := r.between(from, to, MaxInstances, s.begins)
		if err != nil {
			return nil, err
		}
		for _, w := range walls {
			starts = append(starts, m.Start.withWall(w))
		}
	}
	return starts, nil
}

// begins reports whether the instance with that wall clock begins before the
// window ends. Of a rule that generates many a day the latest would else lie
// beyond.
func (s *series) begins(wall time.Time) bool {
	if wall.Before(s.sure) {
		return true
	}
	s.work.spend(checkCost)
	t := s.master.Start.withWall(wall)
	if f := s.follows(t); f != nil {
		t = s.shift(t, f)
	}
	return t.In(s.loc).Before(s.to)
}

// window returns the wall clocks between which starts matter: wide enough for
// any zone, for the length of the event and for what moves later instances. It
// sets s.sure.
func (s *series) window() (from, to time.Time) {
	before, after := 2*oneDay, oneDay
	widen := func(e *Event, shift time.Duration) {
		longest := min(max(0, e.End.In(s.loc).Sub(e.Start.In(s.loc))), maxMargin)
		before, after = max(before, 2*oneDay+longest+shift), max(after, oneDay+shift)
	}
	widen(s.master, 0)
	for _, f := range s.following {
		widen(f.Event, min(f.Start.In(s.loc).Sub(f.at).Abs(), maxShift))
	}
	clock := s.master.Start.Zone()
	if clock == nil {
		clock = s.loc
	}
	end := At(s.to.In(clock)).wall
	s.sure = end.Add(-after)
	return s.from.UTC().Add(-before), end.Add(after)
}

func (s *series) exclusions() error {
	m := s.master
	s.exact, s.wholeDay = map[string]bool{}, map[string]bool{}
	for _, t := range m.ExDates {
		if t.IsDate() && !m.Start.IsDate() {
			s.wholeDay[t.String()] = true
			continue
		}
		s.exact[s.key(t)] = true
	}
	from, to := s.window()
	for _, text := range m.ExRules {
		r, err := parseRule(text, m.Start, s.work)
		if err != nil {
			return err
		}
		r.float = s.loc
		walls, err := r.between(from, to, MaxInstances, s.begins)
		if err != nil {
			return err
		}
		for _, w := range walls {
			s.exact[s.key(m.Start.withWall(w))] = true
		}
	}
	return nil
}

// instance adds the instance that starts at t, unless it is excluded, an
// override stands for it, or it is there already, or the budget is spent.
func (s *series) instance(t, end Time) {
	if !s.work.spend(instanceCost) {
		return
	}
	key := s.key(t)
	if s.exact[key] || len(s.wholeDay) > 0 && s.wholeDay[t.wall.Format("20060102")] || s.overrides[key] != nil || s.seen[key] {
		return
	}
	s.seen[key] = true
	i := Instance{UID: s.master.UID, RecurrenceID: key, Start: t, End: end, Event: s.master}
	if f := s.follows(t); f != nil {
		i.Event = f.Event
		i.Start = s.shift(t, f)
		i.End = Time{}
	}
	if i.End.IsZero() {
		i.End = s.endOf(i.Start, i.Event)
	}
	s.add(i)
}

// follows returns the override that stands for t and all later instances.
func (s *series) follows(t Time) *following {
	if len(s.following) == 0 {
		return nil
	}
	at := t.In(s.loc)
	for i := range slices.Backward(s.following) {
		if at.After(s.following[i].at) {
			return &s.following[i]
		}
	}
	return nil
}

// shift moves t as far as the override moved its own instance, on the wall
// clock (RFC 5545 section 3.8.4.4).
func (s *series) shift(t Time, f *following) Time {
	orig := f.orig
	if orig.kind == instant && f.Start.kind == instant {
		orig = At(orig.In(nil).In(f.Start.zone))
	}
	moved := f.Start.wall.Sub(orig.wall)
	if moved.Abs() > maxShift {
		return t
	}
	if t.kind == instant && f.Start.kind == instant {
		t = At(t.In(nil).In(f.Start.zone))
	}
	return t.add(moved)
}

// endOf gives an instance the length of its event: days for dates, the same
// exact time otherwise (RFC 5545 section 3.8.5.3).
func (s *series) endOf(start Time, e *Event) Time {
	if start.kind != instant || e.Start.kind != instant {
		return start.add(e.End.wall.Sub(e.Start.wall))
	}
	return after(start, e.End.In(nil).Sub(e.Start.In(nil)))
}

// add keeps the instance if it overlaps the window. In a zone that skips its
// start, a floating time can end before that.
func (s *series) add(i Instance) {
	start, end := i.Start.In(s.loc), i.End.In(s.loc)
	if end.Before(start) {
		i.End, end = i.Start, start
	}
	if start.Before(s.to) && (end.After(s.from) || start.Equal(end) && !start.Before(s.from)) {
		s.out = append(s.out, occurrence{i, start})
	}
}
