package carddav

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-vcard"

	"syncd/internal/ical"
	"syncd/internal/ledger"
)

// Bounds of what is kept of a card.
const (
	maxUID     = 1000   // octets
	maxMany    = 100    // addresses, nicknames, categories, parts of a name
	maxEmail   = 4096   // octets
	maxMembers = 10_000 // of a group
)

// Read reads the card in an object (RFC 6350, and vCard 3.0 and 2.1 before it),
// as much as there is. lost says in a few words what could not be read, each
// once, without anything that stands there. Only an object that holds no card is
// an error.
func Read(data []byte) (card ledger.Card, lost []string, err error) {
	defer func() {
		if recover() != nil { // of the library
			card, lost, err = ledger.Card{}, nil, errors.New("the card could not be read")
		}
	}()
	text, lost, err := clean(data)
	if err != nil {
		return ledger.Card{}, nil, err
	}
	decoded, err := vcard.NewDecoder(strings.NewReader(text)).Decode()
	if err != nil {
		return ledger.Card{}, nil, err
	}
	r := reading{cleaner: cleaner{lost: lost}, from: decoded}
	card = r.card()
	return card, r.lost, nil
}

// reading is a card on its way from the library.
type reading struct {
	cleaner
	from vcard.Card
}

func (r *reading) card() ledger.Card {
	c := ledger.Card{
		UID:       identifier(r.first("UID")),
		Nicknames: r.list("NICKNAME"),
		Addresses: r.addresses(),
		Groups:    r.list("CATEGORIES"),
		Circle:    r.circle(),
		Org:       r.org(),
		Title:     r.line("TITLE"),
		Rev:       r.revised(),
		Members:   r.members(),
	}
	c.Name = r.name(c.Addresses)
	for _, f := range r.from["BDAY"] {
		if y, m, d, ok := r.dayOf(f); ok {
			c.Birthday.Year, c.Birthday.Month, c.Birthday.Day = y, m, d
			break
		}
	}
	for _, f := range r.weddings() {
		if y, m, d, ok := r.dayOf(f); ok {
			c.Wedding.Year, c.Wedding.Month, c.Wedding.Day = y, m, d
			break
		}
	}
	return c
}

// first is the first value of a property that is not empty, trimmed.
func (r *reading) first(name string) string {
	for _, f := range r.from[name] {
		if v := strings.TrimSpace(unescape(f.Value)); v != "" {
			return v
		}
	}
	return ""
}

// line is the first value of a property that says anything, on one line.
func (r *reading) line(name string) string { return ical.Line(r.first(name)) }

// list is what stands in a property of many values, each once.
func (r *reading) list(name string) []string {
	var all []string
	seen := map[string]bool{}
	for _, f := range r.from[name] {
		for _, v := range split(f.Value, ',') {
			if v = ical.Line(v); v != "" && !seen[v] && len(all) < maxMany {
				seen[v] = true
				all = append(all, v)
			}
		}
	}
	return all
}

// name is FN, else made of N. Programs that know no name put the address there.
func (r *reading) name(addresses []string) string {
	isName := func(s string) bool {
		for _, a := range addresses {
			if ledger.ASCII(s) == a {
				return false
			}
		}
		return s != ""
	}
	for _, f := range r.from["FN"] {
		if name := ical.Line(unescape(f.Value)); isName(name) {
			return name
		}
	}
	for _, f := range r.from["N"] {
		var parts []string
		list := split(f.Value, ';') // family, given, additional, prefixes, suffixes
		for _, i := range []int{1, 2, 0} {
			if i < len(list) {
				parts = append(parts, list[i])
			}
		}
		if name := ical.Line(strings.Join(parts, " ")); isName(name) {
			return name
		}
	}
	return ""
}

// addresses are those in EMAIL, in the order of the card.
func (r *reading) addresses() []string {
	var all []string
	seen := map[string]bool{}
	for _, f := range r.from["EMAIL"] {
		value := unescape(f.Value[:min(len(f.Value), maxEmail)])
		found := false
		for _, v := range strings.FieldsFunc(bare(value), func(c rune) bool { return strings.ContainsRune(",; \t\r\n", c) }) {
			address := ledger.ASCII(v)
			if found = found || address != ""; address == "" || seen[address] || len(all) == maxMany {
				continue
			}
			seen[address] = true
			all = append(all, address)
		}
		if !found && strings.TrimSpace(value) != "" {
			r.lose("an EMAIL that holds no address")
		}
	}
	return all
}

// bare is an address without what people and programs put around it: mailto:,
// or a name before angle brackets.
func bare(value string) string {
	value = strings.TrimSpace(value)
	if i := strings.LastIndexByte(value, '<'); i >= 0 {
		value, _, _ = strings.Cut(value[i+1:], ">")
	}
	const scheme = "mailto:"
	if len(value) < len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return value
	}
	value, _, _ = strings.Cut(value[len(scheme):], "?") // RFC 6068 section 2
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}

// circle is what a line "syncd: network" in a note names (SPEC section 2.3).
func (r *reading) circle() string {
	for _, f := range r.from["NOTE"] {
		for line := range strings.Lines(unescape(f.Value)) {
			const key = "syncd:"
			line = strings.TrimSpace(line)
			if len(line) < len(key) || !strings.EqualFold(line[:len(key)], key) {
				continue
			}
			if circle := strings.ToLower(ical.Line(line[len(key):])); circle != "" {
				return circle
			}
		}
	}
	return ""
}

// org is an organisation with its units.
func (r *reading) org() string {
	for _, f := range r.from["ORG"] {
		var parts []string
		for _, v := range split(f.Value, ';') {
			if v = ical.Line(v); v != "" {
				parts = append(parts, v)
			}
		}
		if len(parts) > 0 {
			return ical.Line(strings.Join(parts, ", "))
		}
	}
	return ""
}

// person reports whether the card is of a person: not of a group, a company, a
// place or a thing (RFC 6350 section 6.1.4, and what Apple writes in vCard 3.0).
func (r *reading) person() bool {
	for _, name := range []string{"KIND", "X-ADDRESSBOOKSERVER-KIND", "X-ABSHOWAS"} {
		switch strings.ToLower(r.first(name)) {
		case "group", "org", "company", "location", "device", "application":
			return false
		}
	}
	return true
}

// members are the UIDs in a group of cards, as RFC 6350 section 6.6.5 has it and
// as Apple has it in vCard 3.0: none of what is neither a group nor a person, nil
// of a person.
func (r *reading) members() []string {
	if r.person() {
		return nil
	}
	all := []string{}
	for _, name := range []string{"MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"} {
		for _, f := range r.from[name] {
			if uid := identifier(unescape(f.Value)); uid != "" && len(all) < maxMembers {
				all = append(all, uid)
			}
		}
	}
	return all
}

// identifier is a UID. Members of a group are named by URN (RFC 9562 section 4),
// their own cards often say the same without it.
func identifier(s string) string {
	s = strings.TrimSpace(s)
	const urn = "urn:uuid:"
	if len(s) > len(urn) && strings.EqualFold(s[:len(urn)], urn) {
		s = s[len(urn):]
	}
	if len(s) > maxUID {
		return ""
	}
	return s
}

// weddings are ANNIVERSARY and what programs used before there was one.
func (r *reading) weddings() []*vcard.Field {
	all := slices.Concat(r.from["ANNIVERSARY"], r.from["X-ANNIVERSARY"], r.from["X-EVOLUTION-ANNIVERSARY"])
	labels := map[string]string{}
	for _, f := range r.from["X-ABLABEL"] {
		labels[f.Group] = strings.ToLower(f.Value)
	}
	for _, f := range r.from["X-ABDATE"] { // Apple's dates with a label
		if f.Group != "" && strings.Contains(labels[f.Group], "anniversary") {
			all = append(all, f)
		}
	}
	return all
}

// dayOf reads a date (RFC 6350 section 4.3.1, and as vCard 3.0 wrote it), of a
// date and time its date. year is 0 where the card leaves it out, which Apple
// says with a year of its own choice.
func (r *reading) dayOf(f *vcard.Field) (year int, month time.Month, day int, ok bool) {
	const what = "a date that is none"
	v := strings.TrimSpace(unescape(f.Value))
	if v == "" {
		return 0, 0, 0, false
	}
	if f.Params.Get("VALUE") == "TEXT" {
		r.lose("a date in words")
		return 0, 0, 0, false
	}
	if i := strings.IndexAny(v, "Tt "); i > 0 {
		v = v[:i]
	}
	var numbers [3]int
	digits := strings.ReplaceAll(v, "-", "")
	rest, yearless := strings.CutPrefix(v, "--")
	switch parts := strings.Split(rest, "-"); {
	case yearless && len(digits) == 4:
		numbers = [3]int{0, number(digits[:2]), number(digits[2:])}
	case !yearless && len(parts) == 3:
		numbers = [3]int{number(parts[0]), number(parts[1]), number(parts[2])}
	case !yearless && len(v) == 8:
		numbers = [3]int{number(v[:4]), number(v[4:6]), number(v[6:])}
	default:
		r.lose(what)
		return 0, 0, 0, false
	}
	year, month, day = numbers[0], time.Month(numbers[1]), numbers[2]
	if omit := f.Params.Get("X-APPLE-OMIT-YEAR"); omit == strconv.Itoa(year) || year == appleNoYear {
		year = 0
	}
	leap := year
	if year == 0 {
		leap = appleNoYear
	}
	if year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 ||
		time.Date(leap, month, day, 0, 0, 0, 0, time.UTC).Day() != day {
		r.lose(what)
		return 0, 0, 0, false
	}
	return year, month, day, true
}

// appleNoYear is a leap year before all that is known.
const appleNoYear = 1604

// number reads digits; -1 if there is anything else.
func number(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// revised is REV (RFC 6350 section 6.7.4), which vCard 3.0 writes with hyphens.
func (r *reading) revised() time.Time {
	v := strings.ToUpper(r.first("REV"))
	for _, layout := range []string{
		"20060102T150405Z0700", "2006-01-02T15:04:05Z07:00", "20060102T150405", "2006-01-02T15:04:05", "20060102", time.DateOnly,
	} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// unescape resolves what RFC 6350 section 3.4 escapes. A backslash before
// anything else is one.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escapes.Replace(s)
}

var escapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\:`, ":")

// split divides a value at a separator that is not escaped, and unescapes the
// parts.
func split(s string, separator byte) []string {
	var all []string
	start := 0
	for i := 0; i < len(s) && len(all) < maxMany; i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			all = append(all, unescape(s[start:i]))
			start = i + 1
		}
	}
	return append(all, unescape(s[start:]))
}
