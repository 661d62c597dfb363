package ical

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxInstances is how many instances of one rule are kept, the latest ones.
const MaxInstances = 5000

const (
	maxInterval    = 1000
	maxTimesPerDay = 24
	maxDayParts    = 50
	maxList        = 400  // parts of one BY list
	minYear        = 1600 // programs write VTIMEZONE rules since 1601, nobody older ones
)

// ErrRule is returned for a recurrence that is malformed or finer than daily.
var ErrRule = errors.New("recurrence rule not supported")

type frequency uint8

const (
	daily frequency = iota
	weekly
	monthly
	yearly
)

var frequencies = map[string]frequency{"DAILY": daily, "WEEKLY": weekly, "MONTHLY": monthly, "YEARLY": yearly}

// weekday is one part of BYDAY: the nth such day, or every one if nth is 0.
type weekday struct {
	nth int
	day time.Weekday
}

// rule is an RRULE (RFC 5545 section 3.3.10) bound to its DTSTART. It works on
// wall clocks alone; zones are the business of Expand.
type rule struct {
	start    Time
	freq     frequency
	interval int
	count    int  // 0 without
	until    Time // zero without
	wkst     time.Weekday

	months, weeks, yearDays, monthDays, setPos []int
	days                                       []weekday
	clocks                                     []time.Duration // times of day, sorted
	float                                      *time.Location  // for UNTIL in UTC on a floating start
	work                                       *budget
}

// budget bounds how many days all rules of one call may look at, together: one
// rule is cheap, an object can hold thousands.
type budget int

const fullBudget budget = 10_000_000

func (b *budget) spend() bool {
	*b--
	return *b >= 0
}

// parseRule reads a rule in any case, with white space, a trailing semicolon or
// unknown X- parts.
func parseRule(s string, start Time, work *budget) (*rule, error) {
	s = strings.ToUpper(strings.Join(strings.Fields(s), ""))
	if start.wall.Year() < minYear {
		return nil, fmt.Errorf("%w: begins before %d", ErrRule, minYear)
	}
	p := ruleParser{rule: &rule{start: start, interval: 1, wkst: time.Monday, float: time.UTC, work: work}}
	for part := range strings.SplitSeq(s, ";") {
		key, value, _ := strings.Cut(part, "=")
		if value == "" || strings.HasPrefix(key, "X-") {
			continue
		}
		if err := p.part(key, value); err != nil {
			return nil, fmt.Errorf("%w: %.12q", ErrRule, key)
		}
	}
	if !p.hasFreq {
		return nil, fmt.Errorf("%w: no FREQ", ErrRule)
	}
	p.defaults()
	return p.rule, p.setClocks(p.hours, p.minutes, p.seconds)
}

// ruleParser is a rule while its parts are read.
type ruleParser struct {
	*rule
	hasFreq                 bool
	hours, minutes, seconds []int
}

func (p *ruleParser) part(key, value string) (err error) {
	switch key {
	case "FREQ":
		p.freq, p.hasFreq = frequencies[value]
		if !p.hasFreq {
			return ErrRule
		}
	case "INTERVAL":
		p.interval, err = number(value, 1, maxInterval)
	case "COUNT":
		p.count, err = number(value, 1, 1<<31-1)
	case "UNTIL":
		p.until, err = parseTime(value, nil)
	case "WKST":
		p.wkst, err = dayName(value)
	case "BYDAY":
		p.days, err = dayList(value)
	case "BYMONTH":
		p.months, err = numbers(value, 12, false)
	case "BYMONTHDAY":
		p.monthDays, err = numbers(value, 31, true)
	case "BYYEARDAY":
		p.yearDays, err = numbers(value, 366, true)
	case "BYWEEKNO":
		p.weeks, err = numbers(value, 53, true)
	case "BYSETPOS":
		p.setPos, err = numbers(value, 366*maxTimesPerDay, true)
	case "BYHOUR":
		p.hours, err = clockNumbers(value, 23)
	case "BYMINUTE":
		p.minutes, err = clockNumbers(value, 59)
	case "BYSECOND":
		p.seconds, err = clockNumbers(value, 60)
	default:
		// RFC 7529 with its defaults says nothing new.
		if key+value != "RSCALEGREGORIAN" && key+value != "SKIPOMIT" {
			return ErrRule
		}
	}
	return err
}

// defaults takes from DTSTART what the rule does not say.
func (r *rule) defaults() {
	if r.freq == yearly && len(r.weeks) > 0 || r.freq < monthly {
		for i := range r.days { // an ordinal has no meaning here
			r.days[i].nth = 0
		}
	}
	if len(r.yearDays) > 0 || len(r.monthDays) > 0 || len(r.days) > 0 {
		return
	}
	w := r.start.wall
	switch {
	case r.freq == yearly && len(r.weeks) > 0, r.freq == weekly && len(r.weeks) == 0:
		r.days = []weekday{{day: w.Weekday()}}
	case len(r.weeks) > 0:
		// RFC 5545 allows BYWEEKNO in yearly rules alone: elsewhere whole weeks.
	case r.freq == yearly:
		r.monthDays = []int{w.Day()}
		if len(r.months) == 0 {
			r.months = []int{int(w.Month())}
		}
	case r.freq == monthly:
		r.monthDays = []int{w.Day()}
	}
}

// setClocks works out the times of day. A date has none, whatever the rule says.
func (r *rule) setClocks(hours, minutes, seconds []int) error {
	h, m, s := r.start.wall.Clock()
	if r.start.IsDate() {
		hours, minutes, seconds = nil, nil, nil
	}
	hours, minutes, seconds = orElse(hours, h), orElse(minutes, m), orElse(seconds, s)
	if len(hours)*len(minutes)*len(seconds) > maxTimesPerDay {
		return fmt.Errorf("%w: more than %d times a day", ErrRule, maxTimesPerDay)
	}
	for _, h := range hours {
		for _, m := range minutes {
			for _, s := range seconds {
				r.clocks = append(r.clocks, time.Duration(h*3600+m*60+s)*time.Second)
			}
		}
	}
	slices.Sort(r.clocks)
	return nil
}

func orElse(list []int, n int) []int {
	if len(list) == 0 {
		return []int{n}
	}
	return list
}

func number(s string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < lo || n > hi {
		return 0, ErrRule
	}
	return n, nil
}

// numbers reads a list of 1 to limit, or -limit to -1 where that counts from the end.
func numbers(s string, limit int, fromEnd bool) ([]int, error) {
	var list []int
	for v := range strings.SplitSeq(s, ",") {
		n, err := number(v, -limit, limit)
		if err != nil || n == 0 || n < 0 && !fromEnd {
			return nil, ErrRule
		}
		if list = append(list, n); len(list) > maxList {
			return nil, ErrRule
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func clockNumbers(s string, limit int) ([]int, error) {
	var list []int
	for v := range strings.SplitSeq(s, ",") {
		n, err := number(v, 0, limit)
		if err != nil {
			return nil, err
		}
		if list = append(list, n); len(list) > maxList {
			return nil, ErrRule
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func dayName(s string) (time.Weekday, error) {
	i := slices.Index([]string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}, s)
	if i < 0 {
		return 0, ErrRule
	}
	return time.Weekday(i), nil
}

func dayList(s string) ([]weekday, error) {
	var list []weekday
	for v := range strings.SplitSeq(s, ",") {
		if len(v) < 2 {
			return nil, ErrRule
		}
		day, err := dayName(v[len(v)-2:])
		if err != nil {
			return nil, err
		}
		w := weekday{day: day}
		if nth := v[:len(v)-2]; nth != "" {
			if w.nth, err = number(nth, -53, 53); err != nil || w.nth == 0 {
				return nil, ErrRule
			}
		}
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
		if len(list) > maxDayParts {
			return nil, ErrRule
		}
	}
	return list, nil
}

// between returns the wall clocks the rule generates, sorted, from the period
// of from to the period of to; at most limit, the latest. Its own DTSTART is
// among them only if the rule generates it.
func (r *rule) between(from, to time.Time, limit int) ([]time.Time, error) {
	var out []time.Time
	start := r.start.wall
	n := 0
	if r.count == 0 && from.After(start) {
		n = r.periodsUntil(from)
	}
	seen := 0
	for ; ; n++ {
		first, days := r.period(n)
		if first.After(to) || first.Year() > 9999 {
			return latest(out, limit), nil
		}
		set := r.expand(first, days)
		if !r.work.spend() {
			return nil, fmt.Errorf("%w: too much to work out", ErrRule)
		}
		for _, w := range set {
			if w.Before(start) {
				continue
			}
			if !r.inUntil(w) {
				return latest(out, limit), nil
			}
			seen++
			if !w.Before(from) && !w.After(to) {
				out = append(out, w)
			}
			if r.count > 0 && seen >= r.count {
				return latest(out, limit), nil
			}
		}
		if len(out) > 2*limit {
			out = append(out[:0], latest(out, limit)...)
		}
	}
}

func latest(list []time.Time, limit int) []time.Time {
	return list[max(0, len(list)-limit):]
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

// period returns the first day of the nth period and how many days it has.
func (r *rule) period(n int) (first time.Time, days int) {
	day := midnight(r.start.wall)
	step := n * r.interval
	switch r.freq {
	case daily:
		return day.AddDate(0, 0, step), 1
	case weekly:
		return weekStart(day, r.wkst).AddDate(0, 0, 7*step), 7
	case monthly:
		first = time.Date(day.Year(), day.Month()+time.Month(step), 1, 0, 0, 0, 0, time.UTC)
		return first, first.AddDate(0, 1, -1).Day()
	case yearly:
	}
	if len(r.weeks) == 0 {
		first = time.Date(day.Year()+step, 1, 1, 0, 0, 0, 0, time.UTC)
		return first, first.AddDate(1, 0, -1).YearDay()
	}
	// Weeks belong to the year that has most of their days, so the period is
	// that year, which may begin in December.
	year, _, _ := weekOf(day, r.wkst)
	first = firstWeek(year+step, r.wkst)
	return first, daysBetween(first, firstWeek(year+step+1, r.wkst))
}

// periodsUntil returns a period shortly before t, to start from.
func (r *rule) periodsUntil(t time.Time) int {
	start := r.start.wall
	var n int
	switch r.freq {
	case daily:
		n = daysBetween(start, t)
	case weekly:
		n = daysBetween(start, t) / 7
	case monthly:
		n = (t.Year()-start.Year())*12 + int(t.Month()) - int(start.Month())
	case yearly:
		n = t.Year() - start.Year()
	}
	return max(0, n/r.interval-2)
}

func daysBetween(a, b time.Time) int {
	return int((b.Unix() - a.Unix()) / 86400)
}

// weekStart returns the last day that is wkst, on or before day.
func weekStart(day time.Time, wkst time.Weekday) time.Time {
	return day.AddDate(0, 0, -((int(day.Weekday()) - int(wkst) + 7) % 7))
}

// firstWeek returns the first day of week 1: the first week with at least four
// days in the year (RFC 5545 section 3.3.10).
func firstWeek(year int, wkst time.Weekday) time.Time {
	return weekStart(time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC), wkst)
}

// weekOf returns the week of a day, its year, and how many weeks that year has.
func weekOf(day time.Time, wkst time.Weekday) (year, week, weeks int) {
	year = day.Year() + 1
	for day.Before(firstWeek(year, wkst)) {
		year--
	}
	first := firstWeek(year, wkst)
	return year, daysBetween(first, day)/7 + 1, daysBetween(first, firstWeek(year+1, wkst)) / 7
}

// expand returns the instances of one period, sorted. It stops where the budget
// does.
func (r *rule) expand(first time.Time, days int) []time.Time {
	var set []time.Time
	for i := 0; i < days && r.work.spend(); i++ {
		day := first.AddDate(0, 0, i)
		if len(r.months) > 0 && !slices.Contains(r.months, int(day.Month())) {
			i += monthLength(day) - day.Day()
			continue
		}
		if !r.onDay(day) {
			continue
		}
		for _, c := range r.clocks {
			set = append(set, day.Add(c))
		}
	}
	if len(r.setPos) == 0 {
		return set
	}
	var picked []time.Time
	for _, pos := range r.setPos {
		if pos < 0 {
			pos += len(set) + 1
		}
		if pos >= 1 && pos <= len(set) {
			picked = append(picked, set[pos-1])
		}
	}
	slices.SortFunc(picked, time.Time.Compare)
	return slices.Compact(picked)
}

// onDay reports whether every BY part but BYMONTH allows the day. Within one period that is
// the same as the expanding and limiting of RFC 5545's table.
func (r *rule) onDay(day time.Time) bool {
	if len(r.monthDays) > 0 && !among(r.monthDays, day.Day(), monthLength(day)) {
		return false
	}
	if len(r.days) > 0 && !slices.ContainsFunc(r.days, func(w weekday) bool { return r.isNth(day, w) }) {
		return false
	}
	if len(r.yearDays) > 0 && !among(r.yearDays, day.YearDay(), yearLength(day)) {
		return false
	}
	if len(r.weeks) > 0 {
		_, week, weeks := weekOf(day, r.wkst)
		return among(r.weeks, week, weeks)
	}
	return true
}

// among looks for n of total in a list that may count from the end.
func among(list []int, n, total int) bool {
	return slices.Contains(list, n) || slices.Contains(list, n-total-1)
}

func monthLength(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func yearLength(day time.Time) int {
	return time.Date(day.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
}

// isNth reports whether day is the nth such weekday of its month, or of its
// year in a yearly rule without BYMONTH.
func (r *rule) isNth(day time.Time, w weekday) bool {
	switch {
	case day.Weekday() != w.day:
		return false
	case w.nth == 0:
		return true
	}
	at, total := day.Day(), monthLength(day)
	if r.freq == yearly && len(r.months) == 0 {
		at, total = day.YearDay(), yearLength(day)
	}
	return (at-1)/7+1 == w.nth || -((total-at)/7+1) == w.nth
}
