package ledger

import (
	"context"
	"strings"
	"time"

	"syncd/internal/planner"
)

var qRowsOf = query(`SELECT DISTINCT group_id FROM interaction WHERE kind = ? AND evidence = ?`)

// retell works out anew what the rows of some evidence say.
func retell(ctx context.Context, t *tx, kind Kind, evidence string) error {
	groups, err := t.ids(ctx, qRowsOf, kind, evidence)
	if err != nil || len(groups) == 0 {
		return err
	}
	n, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	k := newIntake(t, n)
	for _, g := range groups {
		k.touched.groups[g] = true
	}
	return k.sumUp(ctx)
}

// sumUp derives what was touched and sums up those it is about.
func (k *intake) sumUp(ctx context.Context) error {
	if err := k.derive(ctx, k.touched.groups); err != nil {
		return err
	}
	if err := k.spread(ctx); err != nil {
		return err
	}
	return settle(ctx, k.tx, k.lens)
}

var qAddNote = query(`INSERT INTO interaction (kind, evidence_type, evidence, content, at, end_at, known_at, subject)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)

// addLogged notes what the user reported with a command, with the first line of
// their words.
func addLogged(ctx context.Context, t *tx, id string, d Decision) error {
	who, _, _ := strings.Cut(d.Who, "\n") // one person, once
	e := planner.Evidence{Type: planner.Note, ID: id, At: d.happened(), Address: who}
	if said := planner.Facts(d.Text, e); len(said) > 0 {
		e.Subject = said[0].Line()
	}
	if err := advanceClock(ctx, t, d.At); err != nil { // what was logged is over
		return err
	}
	return addNoteAt(ctx, t, d.Kind, e, d.At)
}

// addNote notes what the user reported as it happened: they were in touch with
// the address, or with several, one a line.
func addNote(ctx context.Context, t *tx, kind Kind, e planner.Evidence) error {
	return addNoteAt(ctx, t, kind, e, e.At)
}

// addNoteAt notes what the user reported at a time. A meeting counts as one that
// they arranged, with the others alone.
func addNoteAt(ctx context.Context, t *tx, kind Kind, e planner.Evidence, known time.Time) error {
	var people []Participant
	for who := range strings.SplitSeq(e.Address, "\n") {
		address, err := present(ctx, t, who)
		if err != nil {
			return err
		}
		if address != "" {
			people = append(people, Participant{Address: address, Role: RoleTo})
		}
	}
	if len(people) == 0 {
		return nil
	}
	n, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	content, err := contentHash(e.At.Unix(), e.Address)
	if err != nil {
		return err
	}
	var row int64
	found, err := t.one(ctx, qFindRow, []any{kind, e.ID, content}, &row)
	if err != nil || found {
		return err
	}
	var end any
	if kind == KindMeeting {
		end = e.At.Unix()
	}
	if row, err = t.insert(ctx, qAddNote, kind, e.Type, e.ID, content, e.At.Unix(), end, known.Unix(), e.Subject); err != nil {
		return err
	}
	k := newIntake(t, n)
	if err := k.addPeople(ctx, row, people); err != nil {
		return err
	}
	if err := k.relinkRow(ctx, row, kind, e.ID, "", nil); err != nil {
		return err
	}
	return k.sumUp(ctx)
}

// present gives the address of the one a key names: a card, or the name the user
// gave, stands for who has none. It is "" for a key of several people.
func present(ctx context.Context, t *tx, who string) (string, error) {
	var one int
	seen, err := t.one(ctx, qCardSeen, []any{who}, &one)
	_, spoken := namedPerson(who)
	switch {
	case err != nil:
		return "", err
	case seen || spoken:
		return cardNode(who), nil
	case !strings.Contains(who, "@"):
		return "", nil
	}
	return who, nil
}
