package reconcile

import (
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

// rewritten is what an entry should say now that the facts may have changed,
// and what of it is to be remembered as ours. It never has another time than e;
// and an entry in which the user edited our own lines stays as it is (SPEC
// section 8.4).
func rewritten(p ledger.Placement, e ledger.Shape, f planner.FollowUp) (send, wrote ledger.Shape, changed bool) {
	send, wrote = e, e
	wrote.Summary, wrote.Description, wrote.Alarm = p.Wrote.Summary, p.Wrote.Description, true
	w := readNotes(p, e.Description)
	if !w.intact {
		return send, wrote, false
	}
	// Whether a request under way has arrived shows in the entry alone.
	last := p.Wrote
	if rewriting(p) && !arrived(p, e) {
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
