package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"html"
	"maps"
	"slices"
	"strings"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
)

// written is what a description holds that is not ours.
type written struct {
	notes  string // every line syncd didn't write
	ours   string // the lines it did write, as far as they are there
	intact bool   // all our lines are still there
}

// readNotes divides a description into our lines and the user's (SPEC section
// 8.1): every line that we did not write is theirs, wherever it stands.
func readNotes(p ledger.Placement, description string) written {
	ours, _, _ := caldav.SplitNotes(p.Wrote.Description)
	own := countLines(ours)
	last := maps.Clone(own)
	above, below, _ := caldav.SplitNotes(description)
	there := countLines(above + "\n" + below)
	w := written{intact: contains(there, own)}
	if old := previousLines(p, own); old != nil { // what stood there before was ours as well
		w.intact = w.intact || contains(there, old)
		for line, n := range old {
			own[line] = max(own[line], n)
		}
	}
	var notes, found []string
	for line := range strings.SplitSeq(above, "\n") {
		switch k := caldav.LineKey(line); {
		case k == "":
			found = append(found, "")
		case own[k] > 0:
			own[k]--
			found = append(found, line)
		case last[k] == 0 && slices.Contains(p.Earlier, lineHash(k)):
			found = append(found, line) // a program wrote an older text back
		default:
			notes = append(notes, line)
		}
	}
	if below != "" {
		notes = append(notes, below)
	}
	w.notes = strings.Join(notes, "\n")
	w.ours = strings.TrimSpace(strings.Join(found, "\n"))
	return w
}

// maxEarlier is how many lines of older texts of ours are known again: of the
// last five or more.
const maxEarlier = 64

// remembering is p with the lines of our text that a new one has no more.
func remembering(p ledger.Placement, text string) ledger.Placement {
	old, _, _ := caldav.SplitNotes(p.Wrote.Description)
	ours, _, _ := caldav.SplitNotes(text)
	now := countLines(ours)
	var gone []string
	for _, k := range sortedKeys(countLines(old)) {
		if now[k] == 0 {
			gone = append(gone, lineHash(k))
		}
	}
	kept := slices.DeleteFunc(slices.Clone(p.Earlier), func(h string) bool { return slices.Contains(gone, h) })
	p.Earlier = append(kept, gone...)
	p.Earlier = p.Earlier[max(0, len(p.Earlier)-maxEarlier):]
	return p
}

// lineHash stands for a line by its key, without saying what it says.
func lineHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}

// previousLines are our lines in what was seen before a rewrite of the text whose
// answer is not known; nil if there was none. The notes among them are in what
// was to be written.
func previousLines(p ledger.Placement, own map[string]int) map[string]int {
	if !rewriting(p) {
		return nil
	}
	above, below, _ := caldav.SplitNotes(p.Seen.Description)
	if contains(countLines(above+"\n"+below), own) { // only the title was to change
		return nil
	}
	_, kept, _ := caldav.SplitNotes(p.Wrote.Description)
	old := countLines(above + "\n" + below)
	for line, n := range countLines(kept) {
		if old[line] -= n; old[line] <= 0 {
			delete(old, line)
		}
	}
	return old
}

// rewriting reports whether a request that may change the text is under way. A
// tick and a move keep it: what is remembered of them has no alarm.
func rewriting(p ledger.Placement) bool { return p.State == ledger.Rewriting && p.Wrote.Alarm }

// withNotes is the description a rewrite under way was to write, with all that
// the user has written by now: what else was there before is known to be ours.
func withNotes(p ledger.Placement, description string) string {
	ours, _, _ := caldav.SplitNotes(p.Wrote.Description)
	notes := readNotes(p, description).notes
	if notes == "" {
		return p.Wrote.Description
	}
	return ours + "\n\n" + caldav.Marker + "\n" + notes
}

// arrived reports whether an entry as observed holds the text and the title that
// a rewrite under way was to write. What else is there is the user's and is in
// what was to be written by now, wherever it stands.
func arrived(p ledger.Placement, s ledger.Shape) bool {
	return sameLines(s.Description, p.Wrote.Description) &&
		(p.Theirs&ledger.FieldSummary != 0 || sameTitle(s.Summary, p.Wrote.Summary))
}

// superseded is p where another change takes the place of a rewrite under way:
// ours is what the entry is observed to hold, not what it was to hold.
func superseded(p ledger.Placement, s ledger.Shape) ledger.Placement {
	if !rewriting(p) {
		return p
	}
	if !sameLines(s.Description, p.Wrote.Description) {
		w := readNotes(p, s.Description)
		p.Wrote.Description = strings.TrimSpace(w.ours + "\n\n" + caldav.Marker + "\n" + w.notes)
	}
	title := s.Summary
	if !p.Open() && byUser(p) {
		title = bareOf(p, title)
	}
	if p.Theirs&ledger.FieldSummary == 0 && !sameTitle(unticked(title), p.Wrote.Summary) {
		p.Wrote.Summary = title
	}
	return p
}

func countLines(text string) map[string]int {
	n := map[string]int{}
	for line := range strings.SplitSeq(text, "\n") {
		if k := caldav.LineKey(line); k != "" {
			n[k]++
		}
	}
	return n
}

func contains(all, some map[string]int) bool {
	for line, n := range some {
		if all[line] < n {
			return false
		}
	}
	return true
}

// annotated reports whether the description holds words of the user's, or lacks
// some of ours by their hand.
func annotated(p ledger.Placement, description string) bool {
	w := readNotes(p, description)
	if p.Theirs&ledger.FieldDescription != 0 || p.Noted != "" { // noted alone where it had ended
		return w.notes != "" || !w.intact
	}
	return w.notes != "" && w.intact
}

// notes records the lines of the user's, all of them, if they are not those that
// were recorded last. Their order, spaces and mark-up say nothing.
func (d *differ) notes(p *ledger.Placement, op *Operation, e caldav.Entry) {
	says := e.Shape
	if caldav.Differ(says, p.Wrote)&ledger.FieldDescription == 0 {
		says = p.Wrote // as we wrote it, whatever the server makes of it
	}
	text := noted(readNotes(*p, says.Description).notes)
	if sameLines(text, p.Noted) {
		return
	}
	p.Noted = text
	d.say(op, ledger.Decision{Type: ledger.DecideNoted, Who: p.Key.Who, Text: text}, "the user's notes are remembered")
}

// noted is the user's lines as text to be kept.
func noted(notes string) string {
	var kept []string
	for line := range strings.SplitSeq(notes, "\n") {
		if _, _, marker := caldav.SplitNotes(line); caldav.LineKey(line) != "" && !marker {
			kept = append(kept, strings.TrimSpace(html.UnescapeString(line)))
		}
	}
	return strings.Join(kept, "\n")
}

func sameLines(a, b string) bool {
	one, other := countLines(a), countLines(b)
	return contains(one, other) && contains(other, one)
}
