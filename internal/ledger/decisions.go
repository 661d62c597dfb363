package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// Decision is what the user said, by a gesture in the calendar or a command.
// What it means for an entry or a person follows from the decisions alone.
type Decision struct {
	Type DecisionType
	UID  string    // of the entry it was said on; "" where it was on none
	Who  string    // muted to logged, and done on an event of the user's own or of several people: whom it is about, by addresses and the UIDs of cards, one a line
	At   time.Time // when it was noticed
	To   time.Time // snoozed and move: the new start; logged: when it was; paused: until, zero for ever
	Kind Kind      // logged: what it was
	Text string    // done: what, on an event of the user's own; edited: the new title, "" for other words; noted: all lines of the user's; circle: its name, "" for none; logged: what was said
}

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
	DecideLogged  DecisionType = "logged" // something that happened where no server saw it
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
	qHasDecision = query(`SELECT 1 FROM decision WHERE id = ?`)
	qAddDecision = query(`INSERT INTO decision (id, seq, uid, who, type, at, to_at, kind, text)
		SELECT ?, coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM decision`)
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
		var fresh []Decision
		var lines []line
		for _, d := range decisions {
			d, err := withMembers(ctx, t, d)
			if err == nil {
				d, err = d.everywhere(ctx, t)
			}
			if err != nil {
				return err
			}
			known, err := hasDecision(ctx, t, d, d.Text != "")
			if err != nil {
				return err
			}
			if known {
				continue
			}
			fresh = append(fresh, d)
			lines = append(lines, decisionLine(d))
		}
		if err := l.journal.append(lines...); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		for _, d := range fresh {
			if err := applyDecision(ctx, t, d, d.Text != ""); err != nil {
				return err
			}
		}
		t.changed = t.changed || len(fresh) > 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d decisions: %w", len(decisions), err)
	}
	return nil
}

// withMembers names in a decision that an event about several people is done whom
// it was about: the journal has not what the event rests on.
func withMembers(ctx context.Context, t *tx, d Decision) (Decision, error) {
	if d.Type != DecideDone || d.UID == "" || d.Who != "" {
		return d, nil
	}
	found, err := placements(ctx, t, qPlacement, d.UID)
	if err != nil || len(found) == 0 || found[0].Key.Who != "" {
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

func hasDecision(ctx context.Context, t *tx, d Decision, retitled bool) (bool, error) {
	id, err := decisionID(d, retitled)
	if err != nil {
		return false, err
	}
	var one int
	return t.one(ctx, qHasDecision, []any{id}, &one)
}

// applyDecision keeps a decision and lets it take effect; one that the ledger has
// is left alone.
func applyDecision(ctx context.Context, t *tx, d Decision, retitled bool) error {
	known, err := hasDecision(ctx, t, d, retitled)
	if err != nil || known {
		return err
	}
	id, err := decisionID(d, retitled)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, qAddDecision, id, d.UID, d.Who, d.Type, d.At.Unix(), unix(d.To), d.Kind, d.Text); err != nil {
		return err
	}
	if d.Who != "" {
		for who := range strings.SplitSeq(d.Who, "\n") {
			if _, err := t.exec(ctx, qAddWho, who, id); err != nil {
				return err
			}
		}
	}
	if d.UID != "" {
		if err := decideEntry(ctx, t, d, retitled); err != nil {
			return err
		}
	}
	switch d.Type { //nolint:exhaustive // the others are about an entry, or about syncd
	case DecideLogged:
		who, _, _ := strings.Cut(d.Who, "\n") // one person, once
		e := planner.Evidence{Type: planner.Note, ID: id, At: d.happened(), Address: who}
		if said := planner.Facts(d.Text, e); len(said) > 0 {
			e.Subject = said[0].Line()
		}
		if err := advanceClock(ctx, t, d.At); err != nil { // what was logged is over
			return err
		}
		return addNoteAt(ctx, t, d.Kind, e, d.At)
	case DecideMuted, DecideUnmuted, DecideCircle, DecideNoted:
		return sayOf(ctx, t, d.Who)
	}
	return nil
}

// happened is when that was which the user reports.
func (d Decision) happened() time.Time {
	if d.Type == DecideLogged && !d.To.IsZero() {
		return d.To
	}
	return d.At
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
		return endPlacement(ctx, t, d.UID, planner.End{Outcome: planner.Dismissed, Evidence: gesture, Why: "you deleted the event"}, d.At)
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
// asked for. That they were in touch is no longer so.
func takeBack(ctx context.Context, t *tx, p Placement) error {
	if p.Open() {
		return nil
	}
	if _, err := t.exec(ctx, qReopen, p.UID); err != nil {
		return err
	}
	return retell(ctx, t, KindNote, p.UID)
}

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
	qTakenBack = query(`SELECT max(at) FROM decision WHERE uid = ? AND type = 'undone' AND at <= ?`)
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

var qSilence = query(`SELECT type, to_at, at FROM decision WHERE type IN ('paused', 'resumed') AND at <= ? ORDER BY at DESC, seq DESC LIMIT 1`)

// silence is until when the user paused the writing, as said by cut; zero: they
// did not.
func silence(ctx context.Context, t *tx, cut time.Time) (time.Time, error) {
	var kind DecisionType
	var to, at stamp
	found, err := t.one(ctx, qSilence, []any{cut.Unix()}, &kind, &to, &at)
	switch {
	case err != nil || !found || kind == DecideResumed:
		return time.Time{}, err
	case to.IsZero():
		return planner.Forever, nil
	}
	return to.Time, nil
}

// stands reports whether the user has not taken back what they reported by a
// gesture.
func (k *intake) stands(ctx context.Context, r *reading) (bool, error) {
	undone, err := takenBack(ctx, k.tx, r.evidence, planner.Forever)
	return undone.IsZero() || undone.Unix() < r.at, err
}

var qDecisionsOn = query(`SELECT uid, type, at, to_at, text FROM decision WHERE uid = ? ORDER BY at, seq`)

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
		err := scan(&d.UID, &d.Type, &at, &to, &d.Text)
		d.At, d.To = at.Time, to.Time
		out = append(out, d)
		return err
	})
	return out, err
}

// takenBack is when the user last took back the end of an entry's follow-up, as
// said by cut; zero if they did not.
func takenBack(ctx context.Context, t *tx, uid string, cut time.Time) (time.Time, error) {
	var at stamp
	_, err := t.one(ctx, qTakenBack, []any{uid, cut.Unix()}, &at)
	return at.Time, err
}

var qMissing = query(`SELECT max(at) FROM decision WHERE type = 'missing'`)

// Vanished is when the user last said that what had vanished from the calendar
// by then was deleted by them; zero if they never did.
func (l *Ledger) Vanished(ctx context.Context) (at time.Time, err error) {
	var last stamp
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.one(ctx, qMissing, nil, &last)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("read decisions: %w", err)
	}
	return last.Time, nil
}
