package ical

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// MaxInstances is how many instances of one rule are kept, and by Expand of all
// events together: the latest ones.
const MaxInstances = 5000

const (
	maxInterval    = 1000
	maxTimesPerDay = 24
	maxPart        = 2048 // bytes of one part, enough for 400 days of the year
	minYear        = 1600 // programs write VTIMEZONE rules since 1601, nobody older ones
)

// ErrRule is returned for a recurrence that is malformed or finer than daily.
var ErrRule = errors.New("recurrence rule not supported")

var errTooMuch = fmt.Errorf("%w: too much to work out", ErrRule)

// rule is an RRULE (RFC 5545 section 3.3.10) bound to its DTSTART. It works on
// wall clocks alone; zones are the business of Expand.
//
// rrule-go works out the days of each period. It is given only what it does
// right and in bounded time: what DTSTART implies is written out, it starts with
// a whole period near the window, and it sees neither COUNT and UNTIL nor
// BYWEEKNO, whose weeks it counts in calendar years.
type rule struct {
	start Time
	opt   rrule.ROption
	count int            // 0 without
	until Time           // zero without
	weeks []int          // BYWEEKNO
	never bool           // it asks for what no period has, as a ninth Monday
	float *time.Location // for UNTIL in UTC on a floating start
	work  *budget

	// Of a yearly rule with BYWEEKNO, for which rrule-go lists every week. Weeks
	// belong to the year that has most of their days.
	years  int // the interval, 0 for all other rules
	setPos []int
}

// budget bounds how many days all rules of one call may look at, together: one
// rule is cheap, an object can hold thousands.
type budget int

const fullBudget budget = 20_000_000

func (b *budget) spend(days int) bool {
	*b -= budget(days)
	return *b >= 0
}

// parseRule reads a rule in any case, with white space, a trailing semicolon or
// unknown X- parts.
func parseRule(s string, start Time, work *budget) (*rule, error) {
	if start.wall.Year() < minYear {
		return nil, fmt.Errorf("%w: begins before %d", ErrRule, minYear)
	}
	r := &rule{start: start, float: time.UTC, work: work}
	interval := 1
	var parts []string
	for part := range strings.SplitSeq(strings.ToUpper(strings.Join(strings.Fields(s), "")), ";") {
		key, value, _ := strings.Cut(part, "=")
		if value == "" || strings.HasPrefix(key, "X-") {
			continue
		}
		var err error
		switch key {
		case "INTERVAL":
			interval, err = number(value, maxInterval)
		case "COUNT":
			r.count, err = number(value, 1<<31-1)
		case "UNTIL":
			r.until, err = parseTime(value, nil)
		case "FREQ", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYHOUR", "BYMINUTE", "BYSECOND":
			parts = append(parts, part)
		default:
			// RFC 7529 with its defaults says nothing new.
			if part != "RSCALE=GREGORIAN" && part != "SKIP=OMIT" {
				err = ErrRule
			}
		}
		if err != nil || len(value) > maxPart {
			return nil, fmt.Errorf("%w: %.12q", ErrRule, key)
		}
	}
	opt, err := rrule.StrToROption(strings.Join(parts, ";"))
	if err != nil {
		return nil, fmt.Errorf("%w: %.60q", ErrRule, err.Error())
	}
	r.opt = *opt
	r.opt.Interval = interval
	return r, r.normalise()
}

func number(s string, limit int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > limit {
		return 0, ErrRule
	}
	return n, nil
}

// normalise writes out what the rule leaves to DTSTART, and takes away what
// makes rrule-go panic, loop or err.
func (r *rule) normalise() error {
	o := &r.opt
	if o.Freq > rrule.DAILY {
		return fmt.Errorf("%w: finer than daily", ErrRule)
	}
	r.clocks()
	for _, list := range []*[]int{&o.Bysetpos, &o.Bymonth, &o.Bymonthday, &o.Byyearday, &o.Byweekno, &o.Byhour, &o.Byminute, &o.Bysecond} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if len(o.Byhour)*len(o.Byminute)*len(o.Bysecond) > maxTimesPerDay {
		return fmt.Errorf("%w: more than %d times a day", ErrRule, maxTimesPerDay)
	}
	if _, err := rrule.NewRRule(*o); err != nil {
		return fmt.Errorf("%w: %.60q", ErrRule, err.Error())
	}
	r.days()
	r.weeks, o.Byweekno = o.Byweekno, nil
	if o.Freq == rrule.YEARLY && len(r.weeks) > 0 {
		r.years, o.Freq, o.Interval = o.Interval, rrule.WEEKLY, 1
		r.setPos, o.Bysetpos = o.Bysetpos, nil
	}
	r.ordinals()
	r.positions()
	return nil
}

// clocks works out the times of day. A date has none, whatever the rule says.
func (r *rule) clocks() {
	o := &r.opt
	if r.start.IsDate() {
		o.Byhour, o.Byminute, o.Bysecond = nil, nil, nil
	}
	h, m, s := r.start.wall.Clock()
	o.Byhour, o.Byminute, o.Bysecond = orElse(o.Byhour, h), orElse(o.Byminute, m), orElse(o.Bysecond, s)
	for i, s := range o.Bysecond {
		if s == 60 { // RFC 5545 section 3.3.10: without leap seconds it is second 59
			o.Bysecond[i] = 59
		}
	}
}

func orElse(list []int, n int) []int {
	if len(list) == 0 {
		return []int{n}
	}
	return list
}

var weekdays = []rrule.Weekday{rrule.SU, rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA}

// days takes from DTSTART the days that the rule does not say.
func (r *rule) days() {
	o := &r.opt
	if len(o.Byyearday) > 0 || len(o.Bymonthday) > 0 || len(o.Byweekday) > 0 {
		return
	}
	w := r.start.wall
	switch {
	case len(o.Byweekno) > 0 && o.Freq != rrule.YEARLY:
		// RFC 5545 allows BYWEEKNO in yearly rules alone: elsewhere whole weeks.
		o.Byweekday = weekdays
	case len(o.Byweekno) > 0, o.Freq == rrule.WEEKLY:
		o.Byweekday = []rrule.Weekday{weekdays[w.Weekday()]}
	case o.Freq == rrule.YEARLY:
		o.Bymonth = orElse(o.Bymonth, int(w.Month()))
		o.Bymonthday = []int{w.Day()}
	case o.Freq == rrule.MONTHLY:
		o.Bymonthday = []int{w.Day()}
	}
}

// ordinals drops the days of BYDAY that do not exist, on which rrule-go
// panics, and writes out the plain ones beside a numbered one, which it would
// take for a condition on that.
func (r *rule) ordinals() {
	o := &r.opt
	numbered := slices.ContainsFunc(o.Byweekday, func(d rrule.Weekday) bool { return d.N() != 0 })
	if !numbered || o.Freq > rrule.MONTHLY { // where an ordinal has no meaning
		return
	}
	limit := 53
	if o.Freq == rrule.MONTHLY || len(o.Bymonth) > 0 {
		limit = 5
	}
	var list []rrule.Weekday
	for _, d := range o.Byweekday {
		switch {
		case slices.Contains(list, d):
		case d.N() == 0:
			for n := range limit {
				list = append(list, d.Nth(n+1))
			}
		case max(d.N(), -d.N()) <= limit:
			list = append(list, d)
		}
	}
	o.Byweekday, r.never = list, len(list) == 0
}

// longest is how many days a period has at most.
var longest = map[rrule.Frequency]int{rrule.DAILY: 1, rrule.WEEKLY: 7, rrule.MONTHLY: 31, rrule.YEARLY: 366}

// positions drops those of BYSETPOS that no period has; rrule-go tries every one
// in every period.
func (r *rule) positions() {
	o := &r.opt
	if len(o.Bysetpos) == 0 {
		return
	}
	most := longest[o.Freq] * len(o.Byhour) * len(o.Byminute) * len(o.Bysecond)
	o.Bysetpos = slices.DeleteFunc(o.Bysetpos, func(n int) bool { return max(n, -n) > most })
	r.never = r.never || len(o.Bysetpos) == 0
}

// generates reports whether the rule itself generates its DTSTART.
func (r *rule) generates() bool {
	once := *r
	once.count, once.until = 0, Time{}
	list, err := once.between(r.start.wall, r.start.wall, 1)
	return err == nil && len(list) > 0
}

// between returns the wall clocks from from to to that the rule generates,
// sorted; at most limit, the latest. Its own DTSTART is among them only if the
// rule generates it.
func (r *rule) between(from, to time.Time, limit int) ([]time.Time, error) {
	var out []time.Time
	n := 0
	for w := range r.instances(from, to) {
		if w.Before(r.start.wall) {
			continue
		}
		if w.After(to) || !r.inUntil(w) {
			break
		}
		if !w.Before(from) {
			out = append(out, w)
		}
		if n++; n == r.count {
			break
		}
		if len(out) > 2*limit {
			out = append(out[:0], latest(out, limit)...)
		}
	}
	if *r.work < 0 {
		return nil, errTooMuch
	}
	return latest(out, limit), nil
}

func latest[T any](list []T, limit int) []T {
	return list[max(0, len(list)-limit):]
}

// instances yields what the rule generates, sorted, from a period before from,
// or from that of DTSTART if there is a COUNT, until to is passed or the budget
// spent.
func (r *rule) instances(from, to time.Time) iter.Seq[time.Time] {
	if len(r.setPos) > 0 {
		return r.pick(r.generated(from, to.AddDate(2, 0, 0)))
	}
	return r.generated(from, to)
}

// generated yields what instances does, before BYSETPOS of a yearly rule with
// BYWEEKNO.
func (r *rule) generated(from, to time.Time) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		begin := r.begin(from)
		if r.never || begin.After(to) {
			return
		}
		// A rule that matches nothing is followed to the year 9999 in one call.
		// The calendar repeats after 400 years, so let that be near.
		shift := max(0, (9999-to.Year())/400*400)
		o := r.opt
		o.Dtstart = begin.AddDate(shift, 0, 0)
		o.Until = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		lib, err := rrule.NewRRule(o)
		if err != nil {
			return // normalise has tried it
		}
		cost := 1 + (len(o.Bysetpos)+len(r.setPos)+len(o.Byyearday))/8 // of a day, as measured
		next := lib.Iterator()
		for at := o.Dtstart; ; {
			w, ok := next()
			if !ok {
				w = o.Until
			}
			if !r.work.spend(cost*(daysBetween(at, w)/o.Interval+1)) || !ok {
				return
			}
			at, w = w, w.AddDate(-shift, 0, 0)
			if w.After(to) || r.inWeeks(w) && !yield(w) {
				return
			}
		}
	}
}

// inUntil reports whether the instance is not after UNTIL. A date means the
// whole day; a time in UTC is compared with the instant of the instance.
func (r *rule) inUntil(w time.Time) bool {
	u := r.until
	switch {
	case u.IsZero():
		return true
	case r.start.IsDate() && u.kind == instant:
		// Written by programs that take an all-day series for local midnights.
		if u.wall.Hour()+u.wall.Minute()+u.wall.Second() != 0 {
			u = At(u.wall.In(r.float))
		}
		fallthrough
	case r.start.IsDate(), u.IsDate():
		return !midnight(w).After(midnight(u.wall))
	case u.kind == floating:
		return !w.After(u.wall)
	}
	return !r.start.withWall(w).In(r.float).After(u.wall)
}

func midnight(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }

// begin returns the first day of a period of the rule: that of DTSTART, or if
// there is no COUNT one shortly before from.
func (r *rule) begin(from time.Time) time.Time {
	day := midnight(r.start.wall)
	if r.count > 0 || from.Before(day) {
		from = day
	}
	if r.years > 0 {
		year, _, _ := r.weekOf(from)
		return r.firstWeek(year)
	}
	if r.opt.Freq == rrule.WEEKLY {
		day = r.weekStart(day)
	}
	n := daysBetween(day, from) / longest[r.opt.Freq] / r.opt.Interval * r.opt.Interval
	switch r.opt.Freq {
	case rrule.YEARLY:
		return time.Date(day.Year()+n, 1, 1, 0, 0, 0, 0, time.UTC)
	case rrule.MONTHLY:
		return time.Date(day.Year(), day.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	case rrule.WEEKLY:
		return day.AddDate(0, 0, 7*n)
	case rrule.DAILY, rrule.HOURLY, rrule.MINUTELY, rrule.SECONDLY:
	}
	return day.AddDate(0, 0, n)
}

// pick applies BYSETPOS to the years of a rule with BYWEEKNO.
func (r *rule) pick(all iter.Seq[time.Time]) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		var set []time.Time
		picked := func() bool {
			for i, w := range set {
				if among(r.setPos, i+1, len(set)) && !yield(w) {
					return false
				}
			}
			set = set[:0]
			return true
		}
		in := 0
		for w := range all {
			year, _, _ := r.weekOf(w)
			if year != in && !picked() {
				return
			}
			in, set = year, append(set, w)
		}
		picked()
	}
}

func daysBetween(a, b time.Time) int {
	return int((b.Unix() - a.Unix()) / 86400)
}

// weekStart returns the last day that is WKST, on or before day.
func (r *rule) weekStart(day time.Time) time.Time {
	return day.AddDate(0, 0, -((int(day.Weekday()) + 6 - r.opt.Wkst.Day()) % 7))
}

// firstWeek returns the first day of week 1: the first week with at least four
// days in the year (RFC 5545 section 3.3.10).
func (r *rule) firstWeek(year int) time.Time {
	return r.weekStart(time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC))
}

// weekOf returns the week of a day, its year, and how many weeks that year has.
func (r *rule) weekOf(day time.Time) (year, week, weeks int) {
	year = day.Year() + 1
	for day.Before(r.firstWeek(year)) {
		year--
	}
	first := r.firstWeek(year)
	return year, daysBetween(first, day)/7 + 1, daysBetween(first, r.firstWeek(year+1)) / 7
}

// inWeeks reports whether BYWEEKNO allows the day.
func (r *rule) inWeeks(day time.Time) bool {
	if len(r.weeks) == 0 {
		return true
	}
	year, week, weeks := r.weekOf(day)
	if r.years > 0 {
		if first, _, _ := r.weekOf(r.start.wall); (year-first)%r.years != 0 {
			return false
		}
	}
	return among(r.weeks, week, weeks)
}

// among looks for n of total in a list that may count from the end.
func among(list []int, n, total int) bool {
	return slices.Contains(list, n) || slices.Contains(list, n-total-1)
}
