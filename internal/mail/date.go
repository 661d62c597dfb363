package mail

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DateFrom says where a message's date is from, and if it is not the Date
// field, why.
type DateFrom string

// The date is the Date field's, or INTERNALDATE because of one of the others.
const (
	DateFromHeader    DateFrom = "date"
	DateMissing       DateFrom = "missing"
	DateUnparseable   DateFrom = "unparseable"
	DateBefore1990    DateFrom = "before 1990"
	DateAfterReceived DateFrom = "after received" // more than 24 h after INTERNALDATE
)

const (
	maxAhead       = 24 * time.Hour // of Date over INTERNALDATE
	maxOffset      = 15 * hour      // of a zone; UTC+14 is the most that exists
	hour           = 3600
	maxDateLength  = 100
	layoutUsual    = "Mon, 2 Jan 2006 15:04:05 -0700"
	layoutNoDay    = "2 Jan 2006 15:04:05 -0700"
	earliestYear   = 1990
	twoDigitsPivot = 50 // RFC 5322 section 4.3
)

// date decides on the date of a message. It is zero only if neither the field
// nor internal can be used.
func date(field string, internal time.Time) (time.Time, DateFrom) {
	internal = internal.UTC().Truncate(time.Second)
	if internal.Year() <= 1 {
		internal = time.Time{}
	}
	if field == "" {
		return internal, DateMissing
	}
	t, ok := parseDate(field)
	switch {
	case !ok:
		return internal, DateUnparseable
	case t.Year() < earliestYear:
		return internal, DateBefore1990
	case !internal.IsZero() && t.After(internal.Add(maxAhead)):
		return internal, DateAfterReceived
	}
	return t.UTC(), DateFromHeader
}

var (
	comments = regexp.MustCompile(`\([^()]*\)`)
	// aroundColons is the white space of RFC 5322 appendix A.6.3: "09 : 55".
	aroundColons = regexp.MustCompile(`\s*:\s*`)
	// dmy is RFC 5322 section 3.3 with what programs make of it: "Monday, 7-Feb-94 9:5".
	dmy = regexp.MustCompile(`^(?:[A-Za-z]+\.?,? ?)?(\d{1,2})[ -]([A-Za-z]{3})[a-z]*\.?,?[ -](\d{2,4}),? (\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d+)?)? ?([AaPp][Mm]\b)? ?(.*)$`)
	// mdy is asctime and its like: "Mon Feb  7 21:52:25 PST 1994", "Feb 7, 1994 9:52 PM".
	mdy = regexp.MustCompile(`^(?:[A-Za-z]+\.?,? )?([A-Za-z]{3})[a-z]*\.? (\d{1,2}),?(?: (\d{4}),?)? (\d{1,2}):(\d{1,2})(?::(\d{1,2}))? ?([AaPp][Mm]\b)? ?([A-Za-z0-9+:-]*?) ?(\d{4})?$`)
	// iso is RFC 3339, with a space for the T and without a zone too.
	iso    = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)? ?(.*)$`)
	offset = regexp.MustCompile(`^(?:GMT|UTC|UT)?\s?([+-])(\d{1,2}):?(\d{2})?\b`)
)

// zones are the names in use. time.Parse reads an unknown name, EST among
// them, as UTC, which is hours wrong. RFC 5322 section 4.3 defines the American ones.
var zones = map[string]float64{
	"UT": 0, "UTC": 0, "GMT": 0, "Z": 0, "WET": 0,
	"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"AKST": -9, "AKDT": -8, "HST": -10, "AST": -4, "ADT": -3, "NST": -3.5, "NDT": -2.5, "BRT": -3, "ART": -3,
	"BST": 1, "WEST": 1, "CET": 1, "MET": 1, "MEZ": 1, "CEST": 2, "MEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "SAST": 2, "MSK": 3, "MSD": 4,
	"IST": 5.5, "PKT": 5, "ICT": 7, "WIB": 7, "HKT": 8, "SGT": 8, "AWST": 8, "JST": 9, "KST": 9,
	"ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}

var months = map[string]time.Month{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
	"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}

// parseDate reads a Date field in its own zone, whole seconds.
func parseDate(v string) (time.Time, bool) {
	for _, layout := range []string{layoutUsual, layoutNoDay} {
		if t, err := time.Parse(layout, v); err == nil && plausible(t) {
			return t, true
		}
	}
	if len(v) > maxDateLength {
		return time.Time{}, false
	}
	v = aroundColons.ReplaceAllString(strings.Join(strings.Fields(comments.ReplaceAllString(v, " ")), " "), ":")
	if m := dmy.FindStringSubmatch(v); m != nil {
		return civil(m[3], months[strings.ToLower(m[2])], m[1], m[4:7], m[7], m[8])
	}
	if m := mdy.FindStringSubmatch(v); m != nil {
		year := m[3]
		if year == "" {
			year = m[9]
		}
		return civil(year, months[strings.ToLower(m[1])], m[2], m[4:7], m[7], m[8])
	}
	if m := iso.FindStringSubmatch(v); m != nil {
		month, err := strconv.Atoi(m[2])
		if err != nil || month > 12 {
			return time.Time{}, false
		}
		return civil(m[1], time.Month(month), m[3], m[4:7], "", m[7])
	}
	return time.Time{}, false
}

// plausible reports a zone that exists; time.Parse accepts any four digits.
func plausible(t time.Time) bool {
	_, sec := t.Zone()
	return sec > -maxOffset && sec < maxOffset
}

// civil makes a time of the parts of a date; clock is hour, minute and second.
func civil(year string, month time.Month, day string, clock []string, half, zone string) (time.Time, bool) {
	y, err := strconv.Atoi(year)
	if err != nil || month == 0 {
		return time.Time{}, false
	}
	switch { // RFC 5322 section 4.3
	case len(year) == 2 && y < twoDigitsPivot:
		y += 2000
	case len(year) <= 3:
		y += 1900
	}
	d, h, m, s := number(day), number(clock[0]), number(clock[1]), number(clock[2])
	if half != "" && h <= 12 {
		h %= 12
		if half[0] == 'p' || half[0] == 'P' {
			h += 12
		}
	}
	if s == 60 { // a leap second
		s = 59
	}
	if d < 1 || d > daysIn(y, month) || h > 24 || h == 24 && (m > 0 || s > 0) || m > 59 || s > 59 {
		return time.Time{}, false
	}
	sec, ok := zoneOffset(zone)
	return time.Date(y, month, d, h, m, s, 0, time.FixedZone("", sec)), ok
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// number reads one or two digits; an absent part is 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// zoneOffset gives the seconds east of UTC. An absent or unknown name is UTC
// (RFC 5322 section 4.3), an impossible number is an error.
func zoneOffset(zone string) (seconds int, ok bool) {
	zone = strings.ToUpper(strings.TrimSpace(zone))
	if m := offset.FindStringSubmatch(zone); m != nil {
		h, minutes := number(m[2]), number(m[3])
		seconds = h*hour + minutes*60
		if seconds >= maxOffset || minutes > 59 {
			return 0, false
		}
		if m[1] == "-" {
			seconds = -seconds
		}
		return seconds, true
	}
	name, _, _ := strings.Cut(zone, " ")
	return int(zones[name] * hour), true
}
