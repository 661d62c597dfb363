package text

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Day finds the day that a line names, as one that is still to come when it was
// written; the zero time if it names none. It is midnight in the zone of written.
func Day(line string, written time.Time) time.Time {
	for _, l := range languages() {
		if day := l.due(l.phrase(line), written); !day.IsZero() {
			return day
		}
	}
	return time.Time{}
}

// due finds the first day that a sentence names as one that is still to come, seen
// from when it was written; "by" before a date makes it come first. A span is its
// last day: "next week" is its Friday, "this weekend" its Sunday. What is no date
// ("the 31st of February") or could be two (3/4, unless the zone's place writes the
// month first or last) gives none. The day is midnight in the zone of now.
func (l *language) due(p phrase, now time.Time) time.Time {
	var first time.Time
	if now.IsZero() {
		return first // not known when it was written
	}
	d := dates{language: l, words: p.words, now: midnight(now)}
	for i := range d.words {
		day, ok := d.at(i)
		before := d.word(i - 1)
		if slices.Contains(l.list["date.the"], before) {
			before = d.word(i - 2)
		}
		if !ok || day.Before(d.now) || slices.Contains(l.list["date.no"], before) {
			continue
		}
		if slices.Contains(l.list["date.by"], before) {
			return day
		}
		if first.IsZero() {
			first = day
		}
	}
	return first
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

type dates struct {
	*language
	words []string
	now   time.Time // midnight of the day it was written
}

// at is the day whose name begins at word i.
func (d dates) at(i int) (time.Time, bool) {
	for _, read := range []func(int) (time.Time, bool){d.phrase, d.in, d.monthDay, d.dayMonth, d.numeric, d.weekDay, d.ordinal} {
		if day, ok := read(i); ok {
			return day, true
		}
	}
	return time.Time{}, false
}

func (d dates) word(i int) string {
	if i < 0 || i >= len(d.words) {
		return ""
	}
	return d.words[i]
}

// phrase reads "tomorrow", "end of the month": lines "words = span" of the data file.
func (d dates) phrase(i int) (time.Time, bool) {
	rest := strings.Join(d.words[i:min(len(d.words), i+6)], " ") + " "
	for _, line := range d.list["date"] {
		words, span, _ := strings.Cut(line, "=")
		if strings.HasPrefix(rest, strings.TrimSpace(words)+" ") {
			return d.span(strings.TrimSpace(span))
		}
	}
	return time.Time{}, false
}

// span is the last day of one that the data file names: day N, week N, weekend N,
// month N, year N, N of them from now.
func (d dates) span(name string) (time.Time, bool) {
	unit, count, _ := strings.Cut(name, " ")
	n, _ := strconv.Atoi(count)
	monday := d.now.AddDate(0, 0, -(int(d.now.Weekday())+6)%7)
	switch unit {
	case "day":
		return d.now.AddDate(0, 0, n), true
	case "week":
		return monday.AddDate(0, 0, 7*n+4), true
	case "weekend":
		return monday.AddDate(0, 0, 7*n+6), true
	case "month":
		return d.date(d.now.Year(), int(d.now.Month())+n+1, 0), true
	case "year":
		return d.date(d.now.Year()+n, 12, 31), true
	}
	return time.Time{}, false
}

// in reads "in two weeks", "within 3 days".
func (d dates) in(i int) (time.Time, bool) {
	if !slices.Contains(d.list["date.in"], d.word(i)) {
		return time.Time{}, false
	}
	n, ok := d.number[d.word(i+1)]
	if !ok {
		var err error
		if n, err = strconv.Atoi(d.word(i + 1)); err != nil || n > 366 {
			return time.Time{}, false
		}
	}
	unit := d.word(i + 2)
	for _, line := range d.list["date.unit"] {
		words, days, _ := strings.Cut(line, "=")
		if !slices.Contains(strings.Fields(words), unit) {
			continue
		}
		switch days = strings.TrimSpace(days); days {
		case "month":
			return d.date(d.now.Year(), int(d.now.Month())+n, min(d.now.Day(), 28)), true
		default:
			each, _ := strconv.Atoi(days)
			return d.now.AddDate(0, 0, n*each), true
		}
	}
	return time.Time{}, false
}

// monthDay reads "May 12th", "May 12, 2026".
func (d dates) monthDay(i int) (time.Time, bool) {
	month, ok := d.month[d.word(i)]
	if !ok {
		return time.Time{}, false
	}
	next := i + 1
	if d.word(next) == "." {
		next++
	}
	day, ok := dayNumber(d.word(next))
	if !ok {
		return time.Time{}, false
	}
	return d.dated(day, month, d.year(next+1))
}

// dayMonth reads "12 May", "the 12th of May 2026".
func (d dates) dayMonth(i int) (time.Time, bool) {
	day, ok := dayNumber(d.word(i))
	if !ok {
		return time.Time{}, false
	}
	next := i + 1
	if slices.Contains(d.list["date.of"], d.word(next)) {
		next++
	}
	month, ok := d.month[d.word(next)]
	if !ok {
		return time.Time{}, false
	}
	return d.dated(day, month, d.year(next+1))
}

func (d dates) year(i int) int {
	if d.word(i) == "," {
		i++
	}
	if n, err := strconv.Atoi(d.word(i)); err == nil && n >= 1970 && n < 2200 {
		return n
	}
	return 0
}

// numeric reads 2026-05-12, 12.5.2026, 12.5. and, where the order is known, 5/12.
func (d dates) numeric(i int) (time.Time, bool) {
	w := d.word(i)
	for _, separator := range []string{"-", ".", "/"} {
		parts := strings.Split(w, separator)
		if len(parts) < 2 || len(parts) > 3 {
			continue
		}
		var n [3]int
		for k, part := range parts {
			var err error
			if n[k], err = strconv.Atoi(part); err != nil || len(part) > 4 {
				return time.Time{}, false
			}
		}
		switch {
		case len(parts[0]) == 4 && len(parts) == 3 && separator != ".":
			return d.dated(n[2], n[1], n[0])
		case separator == "-" || len(parts) == 2 && separator == ".":
			return time.Time{}, false // a range, a version or a price
		case separator == ".":
			return d.dated(n[0], n[1], century(n[2]))
		}
		day, month, ok := d.order(n[0], n[1])
		if !ok {
			return time.Time{}, false
		}
		return d.dated(day, month, century(n[2]))
	}
	return time.Time{}, false
}

func century(year int) int {
	if year > 0 && year < 100 {
		return 2000 + year
	}
	return year
}

// order tells which of two numbers is the day. An offset alone is no place.
func (d dates) order(a, b int) (day, month int, ok bool) {
	zone := d.now.Location().String()
	switch {
	case a == b || a > 12:
		return a, b, true
	case b > 12:
		return b, a, true
	case slices.Contains(monthFirst, zone):
		return b, a, true
	case strings.HasPrefix(zone, "Europe/"), strings.HasPrefix(zone, "Australia/"), strings.HasPrefix(zone, "Africa/"):
		return a, b, true
	}
	return 0, 0, false
}

// monthFirst are the zones of the United States, where 3/4 is in March.
var monthFirst = []string{
	"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix",
	"America/Anchorage", "America/Detroit", "America/Boise", "Pacific/Honolulu",
	"America/Indiana/Indianapolis", "America/Kentucky/Louisville",
	"US/Eastern", "US/Central", "US/Mountain", "US/Pacific",
}

// weekDay reads "Friday", "next Friday": the next one after the mail, and with
// "next" the one of the week after it was written.
func (d dates) weekDay(i int) (time.Time, bool) {
	skip := 0
	next := slices.Contains(d.list["date.next"], d.word(i))
	if next {
		skip = 1
	}
	day, ok := d.weekday[d.word(i+skip)]
	if !ok || !next && slices.Contains(d.list["date.next"], d.word(i-1)) {
		return time.Time{}, false
	}
	ahead := (day-int(d.now.Weekday())+6)%7 + 1
	if monday := (int(d.now.Weekday()) + 6) % 7; next && monday+ahead < 7 {
		ahead += 7
	}
	return d.now.AddDate(0, 0, ahead), true
}

// ordinal reads "the 12th": of this month, or of the next if it has passed.
func (d dates) ordinal(i int) (time.Time, bool) {
	w := d.word(i)
	day, ok := dayNumber(w)
	if !ok || w == strconv.Itoa(day) || !slices.Contains(d.list["date.the"], d.word(i-1)) ||
		slices.Contains(d.list["date.of"], d.word(i+1)) {
		return time.Time{}, false
	}
	month := int(d.now.Month())
	if day < d.now.Day() {
		month++
	}
	at := d.date(d.now.Year(), month, day)
	return at, at.Day() == day
}

// dayNumber reads 12 and 12th.
func dayNumber(w string) (int, bool) {
	for _, suffix := range []string{"st", "nd", "rd", "th"} {
		w = strings.TrimSuffix(w, suffix)
	}
	n, err := strconv.Atoi(w)
	return n, err == nil && n >= 1 && n <= 31 && len(w) <= 2
}

// dated is a day of a year, if the calendar has it; without one, of the next if it is more
// than two months past: a day just past is spoken of, not waited for.
func (d dates) dated(day, month, year int) (time.Time, bool) {
	given := year != 0
	if !given {
		year = d.now.Year()
	}
	at := d.date(year, month, day)
	if !given && at.Before(d.now.AddDate(0, -2, 0)) {
		at = d.date(year+1, month, day)
	}
	return at, at.Day() == day && int(at.Month()) == month && year < 2200
}

func (d dates) date(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, d.now.Location())
}
