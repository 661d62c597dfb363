package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"syncd/internal/planner"
	"syncd/internal/text"
)

var qNamesOf = query(`SELECT address FROM address WHERE contact_id = (
	SELECT contact_id FROM address WHERE address IN (?1, 'card:' || ?1) AND contact_id IS NOT NULL LIMIT 1) ORDER BY address`)

// everywhere is a decision about a person by all the addresses and cards they
// have now, the one it came with first: it holds for each of them, whomever they
// belong to later (SPEC I6).
func (d Decision) everywhere(ctx context.Context, t *tx) (Decision, error) {
	switch d.Type { //nolint:exhaustive // the others are about an entry, or about syncd
	case DecideMuted, DecideUnmuted, DecideCircle, DecideNoted, DecideLogged:
	default:
		return d, nil
	}
	if d.Who == "" {
		return d, nil
	}
	who := strings.Split(d.Who, "\n")
	var all []string
	err := t.each(ctx, qNamesOf, []any{who[0]}, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		if uid, card := cardUID(name); card {
			name = uid
		}
		all = append(all, name)
		return err
	})
	for _, name := range all {
		if !slices.Contains(who, name) {
			who = append(who, name)
		}
	}
	d.Who = strings.Join(who, "\n")
	return d, err
}

// sayOf sums up anew whom something was said of.
func sayOf(ctx context.Context, t *tx, who string) error {
	n, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(who, "\n") {
		if _, err := t.exec(ctx, qMarkSaid, name); err != nil {
			return err
		}
	}
	return settle(ctx, t, n)
}

var (
	qMarkSaid = query(`UPDATE contact SET dirty = 1 WHERE id IN (
		SELECT contact_id FROM address WHERE address IN (?1, 'card:' || ?1))`)
	qSaid = query(`SELECT DISTINCT d.id, d.seq, d.uid, d.type, d.at, d.to_at, d.text FROM json_each(?) AS n
		CROSS JOIN decision_who AS w ON w.who = n.value CROSS JOIN decision AS d ON d.id = w.decision_id ORDER BY d.at, d.seq`)
)

// said is what the user said of a person. Who said nothing has no evidence.
type said struct {
	muted     bool // the latest word on it
	mutedBy   planner.Evidence
	circle    string // the latest that is configured; "" for none
	circleBy  planner.Evidence
	unknown   string // a later one that is not
	unknownBy planner.Evidence
	facts     []planner.Fact

	lines, words []spoken // those of facts, and all that put them into a circle
}

// spoken is a line that the user wrote, and the place in the order of what they
// said: a second may hold several.
type spoken struct {
	planner.Fact
	seq int64
}

// said gathers the decisions about the holder of some addresses and cards.
func (p *portrait) said(ctx context.Context, who []string) (s said, err error) {
	notes := map[string][]spoken{} // by where they stand
	var order []string
	names, err := toJSON(who)
	if err != nil {
		return s, err
	}
	err = p.t.each(ctx, qSaid, []any{names}, func(scan func(...any) error) error {
		var d Decision
		var at, to stamp
		var row string
		var seq int64
		if err := scan(&row, &seq, &d.UID, &d.Type, &at, &to, &d.Text); err != nil {
			return err
		}
		d.At, d.To = at.Time, to.Time
		if p.hidden(d.At) {
			return nil
		}
		p.holdsFrom(d.At)
		by := planner.Evidence{Type: planner.Gesture, ID: d.UID, At: d.At}
		if d.UID == "" || d.Type == DecideLogged { // by a command
			by.Type, by.ID = planner.Note, row
		}
		switch d.Type { //nolint:exhaustive // the others are about an entry, or about syncd
		case DecideMuted, DecideUnmuted:
			s.muted, s.mutedBy = d.Type == DecideMuted, by
		case DecideCircle:
			s.words = append(s.words, spoken{planner.Fact{Text: d.Text, Evidence: by}, seq})
		case DecideNoted, DecideLogged: // the latest lines in an entry replace those before
			by.At = d.happened()
			if _, known := notes[by.ID]; !known {
				order = append(order, by.ID)
			}
			notes[by.ID] = dated(notes[by.ID], planner.Facts(d.Text, by), seq)
		}
		return nil
	})
	for _, id := range order {
		s.lines = append(s.lines, notes[id]...)
	}
	s.settle(p.lens)
	return s, err
}

// dated are the lines of a word; those that stood there before have the time and
// the place they had.
func dated(before []spoken, facts []planner.Fact, seq int64) []spoken {
	now := make([]spoken, len(facts))
	for i, f := range facts {
		now[i] = spoken{f, seq}
		if old := slices.IndexFunc(before, func(w spoken) bool { return f.Says(w.Fact) }); old >= 0 {
			now[i].Evidence, now[i].seq = before[old].Evidence, before[old].seq
		}
	}
	return now
}

// settle puts the lines into their order and finds the circle they name: the
// latest word that is configured, or takes them out of all.
func (s *said) settle(n *lens) {
	inOrder := func(a, b spoken) int {
		return cmp.Or(a.Evidence.At.Compare(b.Evidence.At), cmp.Compare(a.seq, b.seq))
	}
	slices.SortStableFunc(s.lines, inOrder)
	for _, f := range s.lines {
		switch f.Kind { //nolint:exhaustive // the others name no day that matters
		case planner.FactPlan, planner.FactChallenge, planner.FactPromise:
			f.On = dayIn(text.Day(f.Text, f.Evidence.At.In(n.zone)))
		}
		s.facts = append(s.facts, f.Fact)
		if f.Kind == planner.FactCircle {
			s.words = append(s.words, f)
		}
	}
	slices.SortStableFunc(s.words, inOrder)
	for _, w := range s.words {
		if c := n.circle(w.Text); c == "" && w.Text != "" {
			s.unknown, s.unknownBy = w.Text, w.Evidence
		} else {
			s.circle, s.circleBy, s.unknown, s.unknownBy = c, w.Evidence, "", planner.Evidence{}
		}
	}
	if s.circle == "" {
		s.circleBy = planner.Evidence{}
	}
	s.facts = s.facts[max(0, len(s.facts)-planner.MaxFacts):]
}
