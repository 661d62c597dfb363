package ical

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxInstances is how many instances of one rule are kept, and by Expand of all
// events together: the latest ones.
const MaxInstances = 5000

const (
	maxNumber  = 366       // in a BYxxx part, from either end
	maxCount   = 1<<31 - 1 // and interval
	maxPart    = 2048      // bytes of one part, enough for 400 days of the year
	minYear    = 1600      // programs write VTIMEZONE rules since 1601, nobody older ones
	daySeconds = 24 * 60 * 60
)

// ErrRule is returned for a recurrence that is malformed or too much work.
var ErrRule = errors.New("recurrence rule not supported")

var errTooMuch = fmt.Errorf("%w: too much to work out", ErrRule)

// rule is an RRULE (RFC 5545 section 3.3.10) bound to its DTSTART. It works on
// wall clocks alone; zones are the business of Expand.
//
// Whether the RFC's table says that a BYxxx part expands or limits, its days are
// those that all parts allow, once what DTSTART implies is written out (see
// imply). So each period is a run of days that are looked at one by one, from
// the latest back where there is no COUNT. A rule finer than daily has days for
// periods, and for the times of each those that its steps reach.
type rule struct {
	start    Time
	freq     frequency
	interval int
	count    int  // 0 without
	until    Time // zero without
	wkst     int  // 0 is Monday

	months, monthDays, yearDays, weeks numbers
	days                               [7]numbers // BYDAY by weekday, 0 is Monday; 0 in it is every such day
	hours, minutes, seconds            numbers

	positions []int // BYSETPOS, nil without
	inside    []int // seconds from the begin of a day, or of one step if that is finer
	fixed     bool  // the times are the same every day
	times     []int // seconds of the day, if they are fixed

	float *time.Location // for UNTIL in UTC on a floating start
	work  *budget
}

type frequency int

const (
	yearly frequency = iota
	monthly
	weekly
	daily
	hourly
	minutely
	secondly
)

var frequencies = map[string]frequency{
	"YEARLY": yearly, "MONTHLY": monthly, "WEEKLY": weekly, "DAILY": daily, "HOURLY": hourly, "MINUTELY": minutely, "SECONDLY": secondly,
}

// unit is how many seconds the steps of a rule are apart that is finer than
// daily, and a day for all others.
func (f frequency) unit() int {
	switch f {
	case hourly:
		return 3600
	case minutely:
		return 60
	case secondly:
		return 1
	case yearly, monthly, weekly, daily:
	}
	return daySeconds
}

// budget bounds what all rules of one call may do, together: one rule is cheap,
// an object can hold thousands. It counts in the time that one step of the
// simplest kind takes, about 5 ns.
type budget int

const (
	fullBudget budget = 20_000_000
	zoneBudget budget = 5_000_000 // of the zones that one object defines
	yieldCost         = 8         // of one time of a rule
	dayCost           = 8         // of looking at a day
	weekCost          = 16        // of finding its week, too
)

func (b *budget) spend(n int) bool {
	*b -= budget(n)
	return *b >= 0
}

// numbers is a set of numbers from -maxNumber to maxNumber.
type numbers struct {
	some bool
	bits [(2*maxNumber + 64) / 64]uint64
}

func (s *numbers) add(n int) {
	s.some = true
	s.bits[(n+maxNumber)/64] |= 1 << ((n + maxNumber) % 64)
}

func (s *numbers) has(n int) bool {
	return s.bits[(n+maxNumber)/64]&(1<<((n+maxNumber)%64)) != 0
}

// allows reports whether n of total is in the set, counted from either end. The
// empty set is no limit.
func (s *numbers) allows(n, total int) bool {
	return !s.some || s.has(n) || s.has(n-total-1)
}

// list returns the set sorted, or alone if it is empty.
func (s *numbers) list(alone int) []int {
	if !s.some {
		return []int{alone}
	}
	var list []int
	for n := -maxNumber; n <= maxNumber; n++ {
		if s.has(n) {
			list = append(list, n)
		}
	}
	return list
}

// parseRule reads a rule in any case, with white space, a trailing semicolon or
// unknown X- parts.
func parseRule(s string, start Time, work *budget) (*rule, error) {
	if start.wall.Year() < minYear {
		return nil, fmt.Errorf("%w: begins before %d", ErrRule, minYear)
	}
	r := &rule{start: start, freq: -1, interval: 1, float: time.UTC, work: work}
	for part := range strings.SplitSeq(strings.ToUpper(strings.Join(strings.Fields(s), "")), ";") {
		key, value, _ := strings.Cut(part, "=")
		if value == "" || strings.HasPrefix(key, "X-") {
			continue
		}
		if len(value) > maxPart || r.part(key, value) != nil {
			return nil, fmt.Errorf("%w: %.12q", ErrRule, key)
		}
	}
	switch {
	case r.freq < 0:
		return nil, fmt.Errorf("%w: no frequency", ErrRule)
	case r.freq > daily && start.IsDate():
		return nil, fmt.Errorf("%w: finer than daily on all-day dates", ErrRule)
	}
	r.imply()
	r.clock()
	return r, nil
}

func (r *rule) part(key, value string) (err error) {
	switch key {
	case "FREQ":
		f, ok := frequencies[value]
		if r.freq = f; !ok {
			return ErrRule
		}
	case "INTERVAL":
		r.interval, err = number(value)
	case "COUNT":
		r.count, err = number(value)
	case "UNTIL":
		r.until, err = parseTime(value, nil)
	case "WKST":
		if r.wkst = weekday(value); r.wkst < 0 {
			return ErrRule
		}
	case "BYDAY", "BYWEEKDAY": // the latter as python-dateutil has it
		return r.byDay(value)
	case "BYMONTH":
		return r.months.parse(value, 1, 12)
	case "BYMONTHDAY":
		return r.monthDays.parse(value, -31, 31)
	case "BYYEARDAY":
		return r.yearDays.parse(value, -366, 366)
	case "BYWEEKNO":
		return r.weeks.parse(value, -53, 53)
	case "BYHOUR":
		return r.hours.parse(value, 0, 23)
	case "BYMINUTE":
		return r.minutes.parse(value, 0, 59)
	case "BYSECOND":
		return r.seconds.parse(value, 0, 60)
	case "BYSETPOS":
		var set numbers
		err = set.parse(value, -maxNumber, maxNumber)
		r.positions = set.list(0)
	default:
		// RFC 7529 with its defaults says nothing new.
		if s := key + "=" + value; s != "RSCALE=GREGORIAN" && s != "SKIP=OMIT" {
			return ErrRule
		}
	}
	return err
}

func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxCount {
		return 0, ErrRule
	}
	return n, nil
}

// parse adds a list of numbers. Where they may be negative, 0 is none.
func (s *numbers) parse(value string, least, most int) error {
	for v := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most || n == 0 && least < 0 {
			return ErrRule
		}
		s.add(n)
	}
	return nil
}

func weekday(s string) int {
	return slices.Index([]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}, s)
}

func (r *rule) byDay(value string) error {
	for v := range strings.SplitSeq(value, ",") {
		if len(v) < 2 {
			return ErrRule
		}
		day := weekday(v[len(v)-2:])
		if day < 0 {
			return ErrRule
		}
		if v = v[:len(v)-2]; v == "" {
			r.days[day].add(0)
		} else if err := r.days[day].parse(v, -53, 53); err != nil {
			return err
		}
	}
	return nil
}

// anyDay reports whether there is no BYDAY.
func (r *rule) anyDay() bool {
	return !slices.ContainsFunc(r.days[:], func(s numbers) bool { return s.some })
}

// imply writes out what the rule leaves to DTSTART, and drops what has no
// meaning: the times of a date, the ordinals of BYDAY in weeks or days.
func (r *rule) imply() {
	if r.freq > monthly || r.weeks.some {
		for i := range r.days {
			if r.days[i].some {
				r.days[i].add(0)
			}
		}
	}
	if r.start.IsDate() {
		r.hours, r.minutes, r.seconds = numbers{}, numbers{}, numbers{}
	}
	if r.yearDays.some || r.monthDays.some || !r.anyDay() {
		return
	}
	w := r.start.wall
	switch {
	case r.freq == yearly && !r.weeks.some:
		if !r.months.some {
			r.months.add(int(w.Month()))
		}
		r.monthDays.add(w.Day())
	case r.freq == monthly && !r.weeks.some:
		r.monthDays.add(w.Day())
	case r.freq == yearly, r.freq == weekly && !r.weeks.some:
		r.days[weekdayOf(w)].add(0)
	}
	// RFC 5545 allows BYWEEKNO in yearly rules alone: elsewhere it is whole weeks.
}

func weekdayOf(day time.Time) int { return (int(day.Weekday()) + 6) % 7 }

// clock works out the times of day, or those inside one step.
func (r *rule) clock() {
	h, m, s := r.start.wall.Clock()
	hours, minutes, seconds := []int{0}, []int{0}, []int{0}
	if r.seconds.some && r.seconds.has(60) { // RFC 5545 section 3.3.10: without leap seconds it is second 59
		r.seconds.add(59)
	}
	switch r.freq {
	case yearly, monthly, weekly, daily:
		hours = r.hours.list(h)
		fallthrough
	case hourly:
		minutes = r.minutes.list(m)
		fallthrough
	case minutely:
		seconds = r.seconds.list(s)
	case secondly:
	}
	for _, h := range hours {
		for _, m := range minutes {
			for _, s := range seconds {
				if s < 60 {
					r.inside = append(r.inside, h*3600+m*60+s)
				}
			}
		}
	}
	r.work.spend(len(r.inside))
	if r.freq <= daily {
		r.times, r.fixed = r.inside, true
		return
	}
	if r.positions != nil {
		var picked []int
		for _, i := range r.picked(len(r.inside)) {
			picked = append(picked, r.inside[i])
		}
		r.inside, r.positions = picked, nil
	}
	if daySeconds%(r.interval*r.freq.unit()) == 0 {
		r.times, r.fixed = r.steps(r.start.wall), true
	}
}

// steps returns the times of the day that a rule finer than daily reaches.
func (r *rule) steps(day time.Time) []int {
	var times []int
	unit := r.freq.unit()
	step := r.interval * unit
	ahead := secondNumber(r.start.wall)/unit - dayNumber(day)*(daySeconds/unit)
	for at := (ahead%r.interval + r.interval) % r.interval * unit; at < daySeconds && r.work.spend(1); {
		var next int
		switch {
		case r.hours.some && !r.hours.has(at/3600):
			next = (at/3600 + 1) * 3600
		case unit < 3600 && r.minutes.some && !r.minutes.has(at/60%60):
			next = (at/60 + 1) * 60
		case unit == 1 && r.seconds.some && !r.seconds.has(at%60):
			next = at + 1
		default:
			for _, s := range r.inside {
				times = append(times, at+s)
			}
			r.work.spend(len(r.inside))
			next = at + 1
		}
		at += (next - at + step - 1) / step * step
	}
	return times
}

// picked applies BYSETPOS to a set of that size and returns the indices, sorted.
func (r *rule) picked(total int) []int {
	var list []int
	for _, n := range r.positions {
		if n < 0 {
			n += total + 1
		}
		if n > 0 && n <= total {
			list = append(list, n-1)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// generates reports whether the rule itself generates its DTSTART.
func (r *rule) generates() bool {
	once := *r
	once.count, once.until = 0, Time{}
	list, err := once.between(r.start.wall, r.start.wall, 1, anyTime)
	return err == nil && len(list) > 0
}

func anyTime(time.Time) bool { return true }

// between returns the wall clocks from from to to that the rule generates and
// keep accepts, sorted; at most limit, the latest. Its own DTSTART is among them
// only if the rule generates it.
func (r *rule) between(from, to time.Time, limit int, keep func(time.Time) bool) ([]time.Time, error) {
	if last := r.until.wall.Add(2 * oneDay); !r.until.IsZero() && last.Before(to) {
		to = last // any zone's clock is past UNTIL then
	}
	begin := r.start.wall
	if begin.After(from) {
		from = begin
	}
	if to.Before(from) {
		return nil, nil
	}
	var out []time.Time
	most := (int(to.Unix()-begin.Unix())/r.freq.unit() + 2) * len(r.inside)
	if r.count > 0 && r.count < most { // else COUNT is no limit
		out = r.counted(from, to, limit, keep)
	} else {
		out = r.backwards(from, to, limit, keep)
	}
	if *r.work < 0 {
		return nil, errTooMuch
	}
	return out, nil
}

// counted returns what between does for a rule with COUNT.
func (r *rule) counted(from, to time.Time, limit int, keep func(time.Time) bool) []time.Time {
	var out []time.Time
	n := 0
	for w := range r.walk(r.start.wall, to, false) {
		if w.Before(r.start.wall) {
			continue
		}
		if w.After(to) || !r.inUntil(w) {
			break
		}
		if !w.Before(from) && keep(w) {
			out = append(out, w)
		}
		if n++; n == r.count {
			break
		}
		if len(out) > 2*limit {
			out = append(out[:0], latest(out, limit)...)
		}
	}
	return latest(out, limit)
}

// backwards returns what between does for a rule without COUNT.
func (r *rule) backwards(from, to time.Time, limit int, keep func(time.Time) bool) []time.Time {
	var out []time.Time
	for w := range r.walk(from, to, true) {
		if w.Before(from) || len(out) == limit {
			break
		}
		if !w.After(to) && r.inUntil(w) && keep(w) {
			out = append(out, w)
		}
	}
	slices.Reverse(out)
	return out
}

func latest[T any](list []T, limit int) []T {
	return list[max(0, len(list)-limit):]
}

// walk yields what the rule generates in the periods from that of from, which is
// not before DTSTART, to that of to; or the same backwards. It ends early when
// the budget is spent.
func (r *rule) walk(from, to time.Time, back bool) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		if r.fixed && len(r.times) == 0 || len(r.inside) == 0 {
			return
		}
		step := r.interval
		if r.freq > daily {
			step = 1
		}
		base := r.base()
		n := base + (r.period(from)-base)/step*step
		end := base + (r.period(to)-base)/step*step
		if back {
			n, end, step = end, n, -step
		}
		for ; (end-n)*step >= 0; n += step {
			if !r.within(n, back, yield) {
				return
			}
		}
	}
}

// base returns a period of the rule, from which INTERVAL counts: that of DTSTART.
// A day that belongs to a week of another year counts there only if the rule
// generates it, as libical has it; RFC 5545 does not say.
func (r *rule) base() int {
	day := r.start.wall
	if r.freq == yearly && r.weeks.some && !r.allows(midnight(day)) {
		return day.Year()
	}
	return r.period(day)
}

// within yields what the rule generates in one period.
func (r *rule) within(n int, back bool, yield func(time.Time) bool) bool {
	days := r.daysOf(n)
	if len(days) == 0 {
		return *r.work >= 0
	}
	times := r.times
	if !r.fixed {
		times = r.steps(days[0])
	}
	total := len(days) * len(times)
	var picked []int
	if r.positions != nil {
		r.work.spend(len(r.positions))
		picked = r.picked(total)
		total = len(picked)
	}
	for i := range total {
		if back {
			i = total - 1 - i
		}
		if picked != nil {
			i = picked[i]
		}
		w := days[i/len(times)].Add(time.Duration(times[i%len(times)]) * time.Second)
		if !r.work.spend(yieldCost) || !yield(w) {
			return false
		}
	}
	return *r.work >= 0
}

// dayNumber counts days from Monday, 1 January of the year 1.
func dayNumber(t time.Time) int { return secondNumber(t) / daySeconds }

func secondNumber(t time.Time) int { return int(t.Unix() - time.Time{}.Unix()) }

func numberedDay(n int) time.Time { return time.Unix(int64(n)*daySeconds+time.Time{}.Unix(), 0).UTC() }

// period numbers the periods, and returns that of the day.
func (r *rule) period(day time.Time) int {
	switch r.freq {
	case yearly:
		if r.weeks.some {
			year, _, _ := r.weekOf(day)
			return year
		}
		return day.Year()
	case monthly:
		return day.Year()*12 + int(day.Month()) - 1
	case weekly:
		return (dayNumber(day) - r.wkst + 7) / 7
	case daily, hourly, minutely, secondly:
	}
	return dayNumber(day)
}

// begin returns the first day of a period.
func (r *rule) begin(n int) time.Time {
	switch r.freq {
	case yearly:
		if r.weeks.some {
			return numberedDay(r.firstWeek(n))
		}
		return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC)
	case monthly:
		return time.Date(n/12, time.Month(n%12+1), 1, 0, 0, 0, 0, time.UTC)
	case weekly:
		return numberedDay(n*7 - 7 + r.wkst)
	case daily, hourly, minutely, secondly:
	}
	return numberedDay(n)
}

// daysOf returns the days of a period that the rule allows.
func (r *rule) daysOf(n int) []time.Time {
	cost := dayCost
	if r.weeks.some {
		cost += weekCost
	}
	var days []time.Time
	next := r.begin(n + 1)
	for d := r.begin(n); d.Before(next) && r.work.spend(cost); {
		year, month, _ := d.Date()
		if r.months.some && !r.months.has(int(month)) {
			d = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		}
		if r.allows(d) {
			days = append(days, d)
		}
		d = d.Add(oneDay)
	}
	return days
}

// allows reports whether all parts but BYMONTH allow the day.
func (r *rule) allows(d time.Time) bool {
	day, of := d.Day(), monthLength(d)
	if !r.monthDays.allows(day, of) {
		return false
	}
	if r.yearDays.some || r.freq == yearly && !r.months.some {
		// An ordinal of BYDAY counts in the year too, if there is no month.
		inYear, days := d.YearDay(), time.Date(d.Year(), 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
		if !r.yearDays.allows(inYear, days) {
			return false
		}
		if r.freq == yearly && !r.months.some {
			day, of = inYear, days
		}
	}
	if r.weeks.some {
		if _, week, weeks := r.weekOf(d); !r.weeks.allows(week, weeks) {
			return false
		}
	}
	set := &r.days[weekdayOf(d)]
	return set.has(0) || set.has((day+6)/7) || set.has(-(of-day+7)/7) || r.anyDay()
}

// firstWeek returns the number of the first day of week 1: the first week with
// at least four days in the year (RFC 5545 section 3.3.10).
func (r *rule) firstWeek(year int) int {
	day := dayNumber(time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC))
	return day - (day-r.wkst+7)%7
}

// weekOf returns the week of a day, its year, and how many weeks that year has.
// It is the year that has most of its days.
func (r *rule) weekOf(day time.Time) (year, week, weeks int) {
	n := dayNumber(day)
	for year = day.Year() + 1; n < r.firstWeek(year); {
		year--
	}
	first := r.firstWeek(year)
	return year, (n-first)/7 + 1, (r.firstWeek(year+1) - first) / 7
}

// inUntil reports whether the instance is not after UNTIL. A date means the
// whole day; a time in UTC is compared with the instant of the instance.
func (r *rule) inUntil(w time.Time) bool {
	u := r.until
	switch {
	case u.IsZero(), w.Before(u.wall.Add(-2 * oneDay)): // on any clock
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
	r.work.spend(checkCost)
	return !r.start.withWall(w).In(r.float).After(u.wall)
}

func midnight(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }
