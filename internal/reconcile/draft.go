package reconcile

import (
	"html"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Limits of SPEC section 7.
const (
	length     = 15 * time.Minute
	maxSummary = 60
	maxText    = 1500
)

// shape is what the entry of a new follow-up says.
func (d *differ) shape(f planner.FollowUp) ledger.Shape {
	s := ledger.Shape{
		Start: f.Slot, End: f.Slot.Add(length),
		Summary: summary(f.Title), Description: compose(f.Text, ""),
		Status: "CONFIRMED", Alarm: true,
	}
	if d.in.Policy.AllDay {
		y, m, day := f.Slot.In(d.in.Zone).Date()
		s.AllDay = true
		s.Start = time.Date(y, m, day, 0, 0, 0, 0, d.in.Zone)
		s.End = time.Date(y, m, day+1, 0, 0, 0, 0, d.in.Zone)
	}
	return s
}

func (d *differ) draft(uid string, s ledger.Shape, evidence []planner.Evidence, sequence int) caldav.Draft {
	return caldav.Draft{
		UID: uid, Shape: s, Zone: d.in.Zone, URL: d.link(evidence),
		Sequence: sequence, Stamp: d.in.Now,
	}
}

// link points at the first mail among the evidence: a mid: URL (RFC 2392), or
// what the user configured.
func (d *differ) link(evidence []planner.Evidence) string {
	i := slices.IndexFunc(evidence, func(e planner.Evidence) bool { return e.Type == planner.Mail })
	if i < 0 {
		return ""
	}
	template := d.in.Policy.Link
	if template == "" {
		template = "mid:{message_id}"
	}
	return strings.ReplaceAll(template, "{message_id}", url.PathEscape(evidence[i].ID))
}

// summary cuts a title to its limit.
func summary(title string) string {
	title = oneLine(title)
	if utf8.RuneCountInString(title) <= maxSummary {
		return title
	}
	return strings.TrimSpace(string([]rune(title)[:maxSummary-1])) + "…"
}

// compose builds a description: our text, the marker, the user's notes. Where it
// would grow too long our own lines give way, from the middle, since who and why
// come first and the code last; notes are never cut.
func compose(text, notes string) string {
	tail := "\n\n" + caldav.Marker
	// SplitNotes trims, and what is read back must compose to the same.
	if notes = strings.TrimSpace(notes); notes != "" {
		tail += "\n" + notes
	}
	ours, _, _ := caldav.SplitNotes(plain(text))
	lines := strings.Split(ours, "\n")
	room := maxText - utf8.RuneCountInString(tail)
	for cut := false; len(lines) > 3 && utf8.RuneCountInString(strings.Join(lines, "\n")) > room; {
		i := len(lines) / 2
		if !cut {
			lines[i], cut = "…", true
			continue
		}
		if i = slices.Index(lines, "…"); i+1 < len(lines)-i {
			i++
		} else {
			i--
		}
		lines = slices.Delete(lines, i, i+1)
	}
	return strings.Join(lines, "\n") + tail
}

// plain keeps a line that begins with a stranger's words from passing for the
// marker.
func plain(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if _, _, marked := caldav.SplitNotes(line); marked {
			lines[i] = "· " + line
		}
	}
	return strings.Join(lines, "\n")
}

// written is what a description holds that is not ours.
type written struct {
	notes  string // every line syncd didn't write
	intact bool   // all our lines are still there
}

// readNotes divides a description into our lines and the user's (SPEC section
// 8.1): every line that we did not write is theirs, wherever it stands.
func readNotes(p ledger.Placement, description string) written {
	ours, _, _ := caldav.SplitNotes(p.Wrote.Description)
	own := countLines(ours)
	above, below, _ := caldav.SplitNotes(description)
	there := countLines(above + "\n" + below)
	w := written{intact: contains(there, own)}
	if old := previousLines(p, own); old != nil { // what stood there before was ours as well
		w.intact = w.intact || contains(there, old)
		for line, n := range old {
			own[line] = max(own[line], n)
		}
	}
	var notes []string
	for line := range strings.SplitSeq(above, "\n") {
		if k := lineKey(line); k == "" {
			continue
		} else if own[k] > 0 {
			own[k]--
		} else {
			notes = append(notes, line)
		}
	}
	if below != "" {
		notes = append(notes, below)
	}
	w.notes = strings.Join(notes, "\n")
	return w
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
// tick keeps it.
func rewriting(p ledger.Placement) bool {
	return p.State == ledger.Rewriting && (p.Open() || p.Wrote.Alarm)
}

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

func countLines(text string) map[string]int {
	n := map[string]int{}
	for line := range strings.SplitSeq(text, "\n") {
		if k := lineKey(line); k != "" {
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

// lineKey is a line as far as its meaning goes; "" for an empty one.
func lineKey(line string) string { return oneLine(html.UnescapeString(line)) }

// annotated reports whether the description holds words of the user's.
func annotated(p ledger.Placement, description string) bool {
	w := readNotes(p, description)
	return w.notes != "" && (w.intact || p.Theirs&ledger.FieldDescription != 0)
}

// rewritten is what an entry should say now that the facts may have changed,
// and what of it is to be remembered as ours. It never has another time than e;
// and an entry in which the user edited our own lines stays as it is (SPEC
// section 8.4).
func rewritten(p ledger.Placement, e ledger.Shape, f planner.FollowUp) (send, wrote ledger.Shape, changed bool) {
	send, wrote = e, e
	wrote.Summary, wrote.Description = p.Wrote.Summary, p.Wrote.Description
	w := readNotes(p, e.Description)
	if !w.intact {
		return send, wrote, false
	}
	// Whether a request under way has arrived shows in the entry alone.
	last := p.Wrote
	if p.State == ledger.Rewriting {
		last = e
	}
	if p.Theirs&ledger.FieldSummary == 0 && oneLine(last.Summary) != summary(f.Title) {
		send.Summary, wrote.Summary, changed = summary(f.Title), summary(f.Title), true
	}
	// The text as it would have been written with the notes of then.
	_, then, _ := caldav.SplitNotes(last.Description)
	known := last
	known.Description = compose(f.Text, then)
	if caldav.Differ(last, known)&ledger.FieldDescription != 0 {
		send.Description = compose(f.Text, w.notes)
		wrote.Description, changed = send.Description, true
	}
	return send, wrote, changed
}
