package planner

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fact is a line that the user wrote about a contact, in an entry or with a
// command.
type Fact struct {
	Kind     FactKind `json:",omitzero"`
	Text     string   // without the word of its kind, one line of at most 300 characters
	Evidence Evidence // the entry it stands in, or the note; At is when it was first written
	On       Date     `json:",omitzero"` // the day that a plan, a challenge or a promise names; "": none
}

// Says reports whether two facts say the same, wherever they stand.
func (f Fact) Says(o Fact) bool { return f.Kind == o.Kind && f.Text == o.Text }

// Line is the fact as the user wrote it.
func (f Fact) Line() string {
	if f.Kind == "" {
		return f.Text
	}
	return string(f.Kind) + ": " + f.Text
}

// id names a line in a key. The same line in several entries is one.
func (f Fact) id() string {
	sum := sha256.Sum256([]byte(f.Line()))
	return keyEncoding.EncodeToString(sum[:10])
}

// FactKind is what a line says by its first word; "" for all others.
type FactKind string

// The kinds of facts (SPEC section 8.1).
const (
	FactWants     FactKind = "wants"
	FactOffers    FactKind = "offers"
	FactChallenge FactKind = "challenge"
	FactPlan      FactKind = "plan"
	FactPromise   FactKind = "promise"
	FactTip       FactKind = "tip"
	FactCircle    FactKind = "circle"
)

var factKinds = []FactKind{FactWants, FactOffers, FactChallenge, FactPlan, FactPromise, FactTip, FactCircle}

// Facts reads the lines of a text, at most 200: "wants: a flat in Lisbon".
func Facts(text string, e Evidence) (facts []Fact) {
	for line := range strings.Lines(text) {
		if len(facts) == MaxFacts {
			break
		}
		if line = clean(line, factLength); line != "" {
			f := factOf(line)
			f.Evidence = e
			facts = append(facts, f)
		}
	}
	return facts
}

// MaxFacts is how many lines of a text, and of all that the user wrote about a
// contact, count.
const MaxFacts = 200

const factLength = 300

// factOf reads a line, without the mark of a list before it.
func factOf(line string) Fact {
	if mark, rest, ok := strings.Cut(line, " "); ok && slices.Contains([]string{"-", "*", "•", "·"}, mark) {
		line = rest
	}
	word, rest, marked := strings.Cut(line, ":")
	for _, k := range factKinds {
		if marked && strings.EqualFold(strings.TrimSpace(word), string(k)) && strings.TrimSpace(rest) != "" {
			return Fact{Kind: k, Text: strings.TrimSpace(rest)}
		}
	}
	return Fact{Text: line}
}

// How many lines of the user's an entry shows.
const (
	noteLines    = 6
	promiseLines = 3
)

// promised is a promise that is open: in a note of the user's, or else in a mail.
type promised struct {
	Text, On string
	Noted    bool
}

// note gives the words what the user wrote about the person elsewhere: the newest
// lines, those with a word first. What stands in this very entry, or is its
// subject, is left out; a circle is for syncd alone.
func (p *pass) note(f *facts, c *candidate) {
	own := func(o Fact) bool { return c.uid != "" && o.Evidence.ID == c.uid }
	var all []Fact
	for _, o := range c.who.Facts {
		again := func(x Fact) bool { return x.Says(o) }
		here := slices.ContainsFunc(c.who.Facts, func(x Fact) bool { return own(x) && x.Says(o) })
		if o.Kind == FactCircle || here || f.Line.Text != "" && f.Line.Says(o) || f.speaksOf(o) || p.seenTo(c, o) || slices.ContainsFunc(all, again) {
			continue
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b Fact) int { return b.Evidence.At.Compare(a.Evidence.At) })
	for _, o := range all {
		switch {
		case o.Kind == FactPromise && len(f.Promised) < promiseLines:
			f.Promised = append(f.Promised, promised{o.Text, p.date(o.Evidence.At, c.Due), true})
		case o.Kind != FactPromise && len(f.Noted) < noteLines:
			f.Noted = append(f.Noted, o)
		default:
			f.Older++
		}
	}
	slices.SortStableFunc(f.Noted, func(a, b Fact) int { return cmp.Compare(rankOf(a.Kind), rankOf(b.Kind)) })
	f.Ask = c.who.who
	if !strings.Contains(f.Ask, "@") {
		f.Ask = strconv.Quote(f.Name)
	}
}

// speaksOf reports whether the words name a note as what was last said already.
func (f facts) speaksOf(o Fact) bool {
	return o.Evidence.Type == Note && o.Kind == "" && slices.ContainsFunc(f.Told, func(e Evidence) bool {
		return e.ID == o.Evidence.ID && e.Subject == o.Text && utf8.RuneCountInString(o.Text) <= subjectLength
	})
}

// rankOf is where a kind of fact stands among those shown.
func rankOf(k FactKind) int {
	if i := slices.Index(factKinds, k); i >= 0 {
		return i
	}
	return len(factKinds)
}
