package ledger

import (
	"context"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// withMembers names in a decision that an event about several people is done whom
// it was about: the journal has not what the event rests on. Whom the user only
// looked through had no word.
func withMembers(ctx context.Context, t *tx, d Decision) (Decision, error) {
	if d.Type != DecideDone || d.UID == "" || d.Who != "" {
		return d, nil
	}
	found, err := placements(ctx, t, qPlacement, d.UID)
	if err != nil || len(found) == 0 || found[0].Key.Who != "" || found[0].Key.Rule == planner.CardSweep {
		return d, err
	}
	var all []string
	for _, e := range found[0].Evidence {
		who := e.Address
		if who == "" && e.Type == planner.Card {
			who = e.ID
		}
		if who != "" && !slices.Contains(all, who) {
			all = append(all, who)
		}
	}
	d.Who = strings.Join(all, "\n")
	return d, nil
}

// decideEntry lets a decision about an entry take effect on its placement.
func decideEntry(ctx context.Context, t *tx, d Decision, retitled bool) error {
	found, err := placements(ctx, t, qPlacement, d.UID)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return decideOwn(ctx, t, d)
	}
	p := found[0]
	gesture := planner.Evidence{Type: planner.Gesture, ID: d.UID, At: d.At, Address: p.Key.Who}
	switch d.Type { //nolint:exhaustive // the others say nothing of the entry
	case DecideDone:
		if err := endPlacement(ctx, t, d.UID, planner.End{Outcome: planner.Done, Evidence: gesture, Why: "you said so"}, d.At); err != nil {
			return err
		}
		if p.Key.Who == "" {
			gesture.Address = d.Who
		}
		return addNote(ctx, t, KindNote, gesture)
	case DecideDismissed:
		if err := overrulePurge(ctx, t, p); err != nil {
			return err
		}
		why := "you deleted the event"
		if d.Kind == ByCommand {
			why = "you dismissed it"
		}
		return endPlacement(ctx, t, d.UID, planner.End{Outcome: planner.Dismissed, Evidence: gesture, Why: why}, d.At)
	case DecideMuted:
		return endPlacement(ctx, t, d.UID, planner.End{Outcome: planner.Withdrawn, Evidence: gesture, Why: "you asked for quiet about them"}, d.At)
	case DecideUndone:
		return takeBack(ctx, t, p)
	case DecideMove:
		p.MoveTo = d.To
	case DecideSnoozed, DecideEdited, DecideNoted, DecideTaken:
		p.heed(d, retitled)
	}
	return putPlacement(ctx, t, p)
}

// heed changes what is remembered of an entry to what the user made of it.
func (p *Placement) heed(d Decision, retitled bool) {
	switch d.Type { //nolint:exhaustive // the others end it, or are about something else
	case DecideSnoozed:
		if length := p.Seen.End.Sub(p.Seen.Start); length > 0 {
			p.Seen.End = d.To.Add(length)
		}
		p.Seen.Start = d.To
		p.Theirs |= FieldTime
		p.MoveTo = time.Time{} // theirs is the later word
	case DecideEdited:
		if retitled {
			p.Theirs |= FieldSummary
			if d.Text != "" {
				p.Seen.Summary = d.Text
			}
		} else {
			p.Theirs |= FieldDescription
		}
	case DecideNoted:
		p.Noted = d.Text
	case DecideTaken:
		p.State = TakenOver
	}
}

var qReopen = query(`UPDATE placement SET outcome = '', ended_at = NULL, ended_by = '{}', end_why = '',
	state = CASE WHEN state IN ('closed', 'deleting') THEN 'placed' ELSE state END, missing_at = NULL, move_to = NULL WHERE uid = ?`)

// takeBack undoes the end that the user gave a follow-up: it is open, and its
// entry in the calendar, as it was before, but for a move that was
// asked for. That they were in touch is no longer so. Where the journal is applied
// it may be open already: see standing.
func takeBack(ctx context.Context, t *tx, p Placement) error {
	if _, err := t.exec(ctx, qReopen, p.UID); err != nil {
		return err
	}
	return retell(ctx, t, KindNote, p.UID)
}

var qTakenBack = query(`SELECT max(at) FROM decision WHERE uid = ? AND type = 'undone' AND at <= ?`)

// takenBack is when the user last took back the end of an entry's follow-up, as
// said by cut; zero if they did not.
func takenBack(ctx context.Context, t *tx, uid string, cut time.Time) (time.Time, error) {
	var at stamp
	_, err := t.one(ctx, qTakenBack, []any{uid, cut.Unix()}, &at)
	return at.Time, err
}

// stands reports whether the user has not taken back what they reported by a
// gesture.
func (k *intake) stands(ctx context.Context, r *reading) (bool, error) {
	undone, err := takenBack(ctx, k.tx, r.evidence, planner.Forever)
	return undone.IsZero() || undone.Unix() < r.at, err
}
