package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Decision is what the user said, by a gesture in the calendar or a command.
// What it means for an entry or a person follows from the decisions alone.
type Decision struct {
	Type DecisionType
	UID  string    // of the entry it was said on; "" where it was on none
	Who  string    // muted to logged, and done on an event of the user's own or of several people: whom it is about, by addresses and the UIDs of cards, one a line
	At   time.Time // when it was noticed
	To   time.Time // snoozed and move: the new start; logged: when it was; paused: until, zero for ever
	Kind Kind      // logged: what it was, "" for facts alone; on an entry: ByCommand where no gesture said it
	Text string    // done: what, on an event of the user's own; edited: the new title, "" for other words; noted: all lines of the user's; circle: its name, "" for none; logged: what was said
}

// ByCommand is the Kind of a decision on an entry that was said with a command.
const ByCommand = "command"

// DecisionType is the kind of a decision.
type DecisionType string

// The decisions about an entry.
const (
	DecideDone      DecisionType = "done"
	DecideDismissed DecisionType = "dismissed"
	DecideSnoozed   DecisionType = "snoozed" // the user moved it
	DecideMove      DecisionType = "move"    // the user asked for it to be moved: reconcile has yet to do it
	DecideEdited    DecisionType = "edited"  // title or description are theirs now
	DecideTaken     DecisionType = "taken"   // moved away, recurring, or invites someone
	DecideUndone    DecisionType = "undone"  // the end they gave it is taken back
)

// The decisions about a person. The latest counts.
const (
	DecideMuted   DecisionType = "muted"
	DecideUnmuted DecisionType = "unmuted"
	DecideCircle  DecisionType = "circle"
	DecideNoted   DecisionType = "noted"  // the user's lines in an entry, all of them: the latest for a UID counts
	DecideLogged  DecisionType = "logged" // something that happened where no server saw it, or facts
)

// The decisions about syncd itself.
const (
	DecidePaused  DecisionType = "paused"
	DecideResumed DecisionType = "resumed"
	// DecideMissing ends the wait for entries that vanished together.
	DecideMissing DecisionType = "missing"
)

// keepsText reports whether the journal has the words of such a decision: they
// are nowhere else once the entry is gone.
func (t DecisionType) keepsText() bool {
	return t == DecideNoted || t == DecideCircle || t == DecideLogged || t == DecideDone
}

var (
	// A decision that the ledger has stays as it is.
	qAddDecision = query(`INSERT INTO decision (id, seq, uid, who, type, at, to_at, kind, text)
		SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM decision WHERE true ON CONFLICT DO NOTHING`)
	qAddWho = query(`INSERT INTO decision_who (who, decision_id) VALUES (?, ?) ON CONFLICT DO NOTHING`)
)

// Decide takes what the user said. The journal has it before the ledger.
// Done and Dismissed end the follow-up but leave its State, so that reconcile
// can still delete or tick the entry, and so does Muted on an entry; Done is also
// a note that the user was in touch, as reported by themselves.
func (l *Ledger) Decide(ctx context.Context, decisions []Decision) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		var lines []line
		for _, d := range decisions {
			d, err := withMembers(ctx, t, d)
			if err != nil {
				return err
			}
			if d, err = d.everywhere(ctx, t); err != nil {
				return err
			}
			fresh, err := applyDecision(ctx, t, d, d.Text != "")
			if err != nil {
				return err
			}
			if fresh {
				lines = append(lines, decisionLine(d))
				t.changed = true
			}
		}
		if err := l.journal.append(lines...); err != nil { // before the ledger commits
			return fmt.Errorf("journal: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d decisions: %w", len(decisions), err)
	}
	return nil
}

func decisionLine(d Decision) line {
	n := line{Type: lineDecision, Decision: d.Type, UID: d.UID, Who: d.Who, At: d.At, To: d.To, Kind: d.Kind}
	if d.Type.keepsText() {
		n.Text = d.Text
	} else {
		n.Retitled = d.Text != ""
	}
	return n
}

// decision is what a line of the journal says.
func (n line) decision() Decision {
	return Decision{Type: n.Decision, UID: n.UID, Who: n.Who, At: n.At, To: n.To, Kind: n.Kind, Text: n.Text}
}

// decisionID tells decisions apart. Of a new title the journal keeps only that
// there was one: retitled. What a command says counts each time, within a second
// too.
func decisionID(d Decision, retitled bool) (string, error) {
	at := d.At.Unix()
	if d.UID == "" {
		at = d.At.UnixNano()
	}
	if d.Type.keepsText() {
		return contentHash(d.UID, d.Who, d.Type, at, unix(d.To), d.Kind, d.Text)
	}
	return contentHash(d.UID, d.Who, d.Type, at, unix(d.To), retitled)
}

// applyDecision keeps a decision and lets it take effect; one that the ledger has
// is left alone, and is not fresh.
func applyDecision(ctx context.Context, t *tx, d Decision, retitled bool) (fresh bool, err error) {
	id, err := decisionID(d, retitled)
	if err != nil {
		return false, err
	}
	if fresh, err = keepDecision(ctx, t, id, d); err != nil || !fresh {
		return false, err
	}
	if d.UID != "" {
		if err := decideEntry(ctx, t, d, retitled); err != nil {
			return true, err
		}
	}
	switch d.Type { //nolint:exhaustive // the others are about an entry, or about syncd
	case DecideLogged:
		if d.Kind == "" {
			return true, sayOf(ctx, t, d.Who)
		}
		return true, addLogged(ctx, t, id, d)
	case DecideMuted, DecideUnmuted, DecideCircle, DecideNoted:
		return true, sayOf(ctx, t, d.Who)
	}
	return true, nil
}

func keepDecision(ctx context.Context, t *tx, id string, d Decision) (fresh bool, err error) {
	n, err := t.exec(ctx, qAddDecision, id, d.UID, d.Who, d.Type, d.At.Unix(), unix(d.To), d.Kind, d.Text)
	if err != nil || n == 0 || d.Who == "" {
		return n > 0, err
	}
	for who := range strings.SplitSeq(d.Who, "\n") {
		if _, err := t.exec(ctx, qAddWho, who, id); err != nil {
			return true, err
		}
	}
	return true, nil
}

// happened is when that was which the user reports.
func (d Decision) happened() time.Time {
	if d.Type == DecideLogged && !d.To.IsZero() {
		return d.To
	}
	return d.At
}

// decisionColumns are those that decisions reads.
const decisionColumns = `uid, type, at, to_at, kind, text`

var qDecisionsOn = query(`SELECT ` + decisionColumns + ` FROM decision WHERE uid = ? ORDER BY at, seq`)

// Decisions are what the user said on the entry with a UID, oldest first.
func (l *Ledger) Decisions(ctx context.Context, uid string) (out []Decision, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		out, err = decisions(ctx, t, qDecisionsOn, uid)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	return out, nil
}

func decisions(ctx context.Context, t *tx, q string, args ...any) (out []Decision, err error) {
	err = t.each(ctx, q, args, func(scan func(...any) error) error {
		var d Decision
		var at, to stamp
		err := scan(&d.UID, &d.Type, &at, &to, &d.Kind, &d.Text)
		d.At, d.To = at.Time, to.Time
		out = append(out, d)
		return err
	})
	return out, err
}
