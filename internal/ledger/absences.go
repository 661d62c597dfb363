package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"syncd/internal/planner"
)

var (
	qObjectAbsences = query(`SELECT first_day, last_day, known_at, person FROM absence WHERE source_id = ? AND href = ?`)
	qDropAbsences   = query(`DELETE FROM absence WHERE source_id = ? AND href = ?`)
	qAddAbsence     = query(`INSERT INTO absence (source_id, href, first_day, last_day, known_at, person) VALUES (?, ?, ?, ?, ?, ?)`)
	qAbsences       = query(`SELECT DISTINCT first_day, last_day, person FROM absence WHERE known_at <= ? ORDER BY first_day, last_day, person`)
)

// takeAbsences replaces those of an object. The old ones leave no trace: they
// said when the user means to be away, not what happened.
func (k *intake) takeAbsences(ctx context.Context, href string, now []Absence) error {
	var before []Absence
	err := k.each(ctx, qObjectAbsences, []any{k.source, href}, func(scan func(...any) error) error {
		var a Absence
		var known stamp
		err := scan(&a.From, &a.To, &known, &a.Person)
		a.KnownAt = known.Time
		before = append(before, a)
		return err
	})
	if err != nil {
		return err
	}
	now = unique(now)
	if slices.CompareFunc(unique(before), now, compareAbsence) == 0 {
		return nil
	}
	k.changed = true
	if _, err := k.exec(ctx, qDropAbsences, k.source, href); err != nil {
		return err
	}
	for _, a := range now {
		if _, err := k.exec(ctx, qAddAbsence, k.source, href, a.From, a.To, a.KnownAt.Unix(), a.Person); err != nil {
			return err
		}
	}
	return nil
}

func unique(all []Absence) []Absence {
	all = slices.SortedFunc(slices.Values(all), compareAbsence)
	return slices.CompactFunc(all, func(a, b Absence) bool { return compareAbsence(a, b) == 0 })
}

func compareAbsence(a, b Absence) int {
	return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To), cmp.Compare(a.KnownAt.Unix(), b.KnownAt.Unix()),
		strings.Compare(a.Person, b.Person))
}

// absent are the days on which the user is away, as their calendars say.
func absent(ctx context.Context, t *tx, v view) (out []planner.DateRange, err error) {
	n, err := loadLens(ctx, t)
	if err != nil {
		return nil, err
	}
	err = t.each(ctx, qAbsences, []any{v.cut.Unix()}, func(scan func(...any) error) error {
		var r planner.DateRange
		var person string
		if err := scan(&r.From, &r.To, &person); err != nil || person != "" && !n.isMe(person) {
			return err
		}
		out = append(out, r)
		return nil
	})
	return slices.Compact(out), err
}
