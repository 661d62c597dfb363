package planner

import "strings"

// Fact is a line that the user wrote about a contact, in an entry or with a
// command.
type Fact struct {
	Kind     FactKind `json:",omitzero"`
	Text     string   // without the word of its kind
	Evidence Evidence // the entry it stands in, or the note
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

// Facts reads the lines of a text: "wants: a flat in Lisbon".
func Facts(text string, e Evidence) (facts []Fact) {
	for line := range strings.Lines(text) {
		if line = clean(line, factLength); line != "" {
			f := factOf(line)
			f.Evidence = e
			facts = append(facts, f)
		}
	}
	return facts
}

const factLength = 300

func factOf(line string) Fact {
	word, rest, marked := strings.Cut(strings.TrimLeft(line, "-*• "), ":")
	for _, k := range factKinds {
		if marked && strings.EqualFold(strings.TrimSpace(word), string(k)) && strings.TrimSpace(rest) != "" {
			return Fact{Kind: k, Text: strings.TrimSpace(rest)}
		}
	}
	return Fact{Text: line}
}
