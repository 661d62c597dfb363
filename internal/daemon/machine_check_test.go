package daemon_test

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// judge looks at what a pass asked of the server: I2, I3, I5 and I7.
func (m *machine) judge(before map[string]string) {
	now := map[string]string{} // UIDs by name, as the requests leave them
	for name, data := range before {
		now[name] = uidOf(data)
	}
	for _, r := range m.server.Writes() {
		if !strings.HasPrefix(r.Path, m.server.Path(follow, "")) {
			m.Fatalf("I2: a write outside the follow-up calendar: %s", r)
		}
		m.allowed(r, before)
		switch r.Method {
		case http.MethodPut:
			m.judgePut(r, now)
		case http.MethodDelete:
			m.judgeDelete(r, now, before)
		default:
			m.Fatalf("I2: neither PUT nor DELETE: %s", r)
		}
	}
	m.server.Forget()
}

// allowed demands that nothing is written while the user paused that, but what
// they had removed.
func (m *machine) allowed(r caldavtest.Request, before map[string]string) {
	uid := strings.TrimSuffix(path.Base(r.Path), ".ics")
	if data, there := before[path.Base(r.Path)]; there {
		uid = uidOf(data)
	}
	if m.pausedAt(m.clock) && !m.purged[uid] {
		m.Fatalf("I6: %s is written while the user paused: %s", uid, r)
	}
}

func (m *machine) judgePut(r caldavtest.Request, now map[string]string) {
	uid, name := uidOf(r.Body), path.Base(r.Path)
	there := holds(now, uid)
	m.ours("PUT", uid)
	if old := now[name]; old != "" && old != uid {
		m.Fatalf("I3: %s overwrites %s: %s", uid, old, r)
	}
	if r.Status == http.StatusMultiStatus || r.Status >= 300 {
		return
	}
	if _, done := m.entries()[uid]; r.Status == 0 && m.refuses && !done {
		return
	}
	if r.IfNoneMatch == "" && r.IfMatch != "" || m.created[uid] != (time.Time{}) && r.IfNoneMatch == "" {
		m.count["PUT again"]++
		if !there {
			m.Fatalf("I7: a rewrite brings %s back: %s", uid, r)
		}
		return
	}
	if m.existed[uid] && (r.Status != 0 || !there) {
		m.Fatalf("I7: %s existed and is created again: %s", uid, r)
	}
	m.count["PUT new"]++
	m.existed[uid] = true
	now[name] = uid
	if m.final[strings.Split(uid, "-")[2]] {
		m.Fatalf("I6: what had ended for good is created: %s", r)
	}
	if !m.created[uid].IsZero() {
		return
	}
	m.created[uid] = m.clock
	m.starts[uid] = event(m.T, r.Body).Start.In(berlin)
	m.begun(uid, r.Body)
	day := m.clock.Format(time.DateOnly)
	if m.days[day]++; m.days[day] > perDay {
		m.Fatalf("I5: %d events created on %s", m.days[day], day)
	}
	m.crowded(uid)
}

// crowded is about what else is open when an event is created (SPEC I5): few
// others, and none about the same person but what the user touched. What they
// asked by a command to be moved is theirs from their word on, though its time
// passed before it could be.
func (m *machine) crowded(created string) {
	ahead, all := 0, m.placements()
	for uid, p := range all {
		if !p.Open() || p.State == ledger.TakenOver {
			continue
		}
		start := p.Seen.Start
		if start.IsZero() {
			start = p.Slot
		}
		if p.MoveTo.After(start) { // asked for, and not done yet: the user may have moved it away
			start = p.MoveTo
		}
		if !start.After(m.clock.AddDate(0, 0, 7)) {
			ahead++
		}
		if uid != created && p.Theirs == 0 && p.MoveTo.IsZero() && p.Key.Who == all[created].Key.Who {
			m.Fatalf("I5: %s is open for %s, and %s is created", uid, p.Key.Who, created)
		}
	}
	if ahead > openAhead {
		m.Fatalf("I5: %d events are open, want %d at most", ahead, openAhead)
	}
}

func holds(now map[string]string, uid string) bool {
	for _, u := range now {
		if u == uid {
			return true
		}
	}
	return false
}

// ours demands that a UID is one that syncd made, and the user has not taken.
func (m *machine) ours(what, uid string) {
	if !strings.HasPrefix(uid, "syncd-"+m.Ledger().Instance()+"-") {
		m.Fatalf("I3: %s of %q, which is not syncd's", what, uid)
	}
	if _, mine := m.mine[uid]; mine {
		m.Fatalf("I3: %s of %q, which the user took over", what, uid)
	}
	if found, err := m.Ledger().FindPlacements(m.Context(), uid); err != nil || len(found) != 1 {
		m.Fatalf("I3: %s of %q, of which the ledger knows nothing: %v", what, uid, err)
	}
}

func (m *machine) judgeDelete(r caldavtest.Request, now, before map[string]string) {
	uid, name := now[path.Base(r.Path)], path.Base(r.Path)
	if uid == "" {
		return // 404
	}
	m.ours("DELETE", uid)
	if r.Status >= 300 {
		return
	}
	m.count["DELETE"]++
	if len(m.notes[uid]) > 0 || len(m.titles[uid]) > 0 {
		m.Fatalf("I6: %s bears the user's words and is deleted", uid)
	}
	if data := before[name]; data != "" { // else nobody saw it
		m.bin[uid] = stored{follow, name, data}
	}
	delete(now, name)
}

// check is what holds after every step: I3, I5, I6 and I9 as far as they show
// in the calendars.
func (m *machine) check() {
	for calendar, all := range m.foreign {
		have := m.server.Objects(calendar)
		for name, data := range all {
			if have[name] != data {
				m.Fatalf("I3: the user's own %s in %s is now\n%s", name, calendar, have[name])
			}
		}
	}
	for uid, o := range m.mine {
		if got := m.server.Objects(o.calendar)[o.name]; got != o.data {
			m.Fatalf("I3: %s was taken over and is now\n%s", uid, got)
		}
	}
	seen := map[string]bool{}
	for name, data := range m.server.Objects(follow) {
		uid := uidOf(data)
		if seen[uid] {
			m.Fatalf("I9: %s is there twice, once as %s", uid, name)
		}
		seen[uid] = true
		if strings.HasPrefix(uid, "syncd-") {
			m.kept(uid, data)
		}
	}
	m.decided()
}

// kept demands that an entry has everything the user put into it.
func (m *machine) kept(uid, data string) {
	if m.deleted[uid] {
		m.Fatalf("I6: %s was deleted by the user and is back", uid)
	}
	if _, mine := m.mine[uid]; mine {
		return // checked to the byte
	}
	e := event(m.T, data)
	if at, known := m.starts[uid]; known && !e.Start.In(berlin).Equal(at) && !e.Start.In(berlin).Equal(m.asked[uid]) {
		m.Fatalf("I6: %s belongs to %v and is at %v", uid, at, e.Start.In(berlin))
	}
	if titles := m.titles[uid]; len(titles) > 0 && !strings.Contains(e.Summary, titles[len(titles)-1]) {
		m.Fatalf("I6: %s was called %q and is called %q", uid, titles[len(titles)-1], e.Summary)
	}
	for _, note := range m.notes[uid] {
		if strings.Count(e.Description, note) != 1 {
			m.Fatalf("I6: %q is not once in %s:\n%s", note, uid, e.Description)
		}
	}
}

// decided demands that what ended for good stays so, also in the ledger, until the
// user takes that back.
func (m *machine) decided() {
	for uid, p := range m.placements() {
		hash := p.Key.Hash()
		if p.Open() && (m.back[uid] || m.renamed[uid] && m.final[hash]) {
			m.count["taken back"]++
			delete(m.final, hash)
			delete(m.back, uid)
		}
		if p.Open() && m.final[hash] && m.existed[uid] && !m.deleted[uid] {
			m.Fatalf("I6: the follow-up of %s had ended for good and is open again", uid)
		}
		if p.Open() && p.Theirs != 0 && !m.touched[uid] && !m.lost {
			m.Fatalf("I9: %s counts as changed by the user (%d), who did nothing to it", uid, p.Theirs)
		}
		if p.Outcome == planner.Dismissed && !m.let[uid] {
			m.Fatalf("I9: %s counts as dismissed, and the user did nothing of the kind", uid)
		}
		if !p.Open() && p.Outcome != planner.Withdrawn {
			m.final[hash] = true
		}
	}
}

// end lets every trouble pass, and demands the calendar that should be: I8, I9.
func (m *machine) end() {
	m.heal()
	m.resume()
	for _, wait := range []time.Duration{15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 25 * time.Hour, 15 * time.Minute, 15 * time.Minute} {
		m.clock = m.clock.Add(wait)
		_ = m.pass()
		m.check()
	}
	_ = m.pass()
	before := m.server.Objects(follow)
	m.idle()
	placed := m.placements()
	for _, data := range before {
		if uid := uidOf(data); strings.HasPrefix(uid, "syncd-") {
			m.accounted(uid, data, placed)
		}
	}
	m.recorded()
	at := m.entries()
	for uid, p := range placed {
		m.evident(p)
		switch p.State {
		case ledger.Intended, ledger.Rewriting, ledger.Deleting:
			m.Fatalf("I9: %s is still %s", uid, p.State)
		case ledger.Placed:
			if _, there := at[uid]; !there || !p.Open() {
				m.Fatalf("I9: %s is placed, in the calendar: %t, outcome %q", uid, there, p.Outcome)
			}
		case ledger.TakenOver, ledger.Closed:
		}
	}
	for uid := range maps.Keys(m.mine) {
		if p := placed[uid]; p.State != ledger.TakenOver && p.State != ledger.Closed {
			m.Fatalf("I9: %s is the user's own and is %s", uid, p.State)
		}
	}
}

// idle demands of a pass that it finds nothing to do.
func (m *machine) idle() {
	if err := m.Pass(m.Context()); err != nil {
		m.Fatalf("I9: a pass with nothing to do failed: %v", err)
	}
	for _, r := range m.server.Writes() {
		m.Fatalf("I9: a pass with nothing to do writes: %s", r)
	}
}

// accounted demands of an object in the calendar that its follow-up is open, or
// that it stays for the user's sake.
func (m *machine) accounted(uid, data string, placed map[string]ledger.FollowUpRow) {
	p, known := placed[uid]
	_, mine := m.mine[uid]
	switch {
	case !known:
		m.Fatalf("I9: an orphan: %s", uid)
	case mine:
	case p.State == ledger.Placed && p.Open(), p.State == ledger.TakenOver:
	case p.State != ledger.Closed:
		m.Fatalf("I9: %s is in the calendar and %s, %q", uid, p.State, p.Outcome)
	case m.back[uid] && m.clock.After(p.EndedAt.AddDate(0, 0, 30)): // taken back too late
	case event(m.T, data).Alarms > 0 && !m.rings[uid]:
		m.Fatalf("I9: %s has ended (%q, %s, by %s %s at %v, known as %q) and still rings:\n%s", uid, p.Outcome, p.EndWhy, p.EndedBy.Type, p.EndedBy.ID, p.EndedAt, p.Href, data)
	}
}

// evident demands that a follow-up points at its evidence, and that its code
// leads there (SPEC I8).
func (m *machine) evident(p ledger.FollowUpRow) {
	found, err := m.Ledger().FindFollowUps(m.Context(), p.Key.Code())
	if err != nil || len(found) == 0 || found[0].Key != p.Key {
		m.Fatalf("I8: the code of %s leads to %d follow-ups, %v", p.UID, len(found), err)
	}
	several := p.Key.Who == "" // people met on one day: each has evidence of their own
	if p.Key.Evidence == "" || several && p.Key.Rule != planner.FirstMeeting {
		m.Fatalf("I8: %s has no evidence: %v", p.UID, p.Key)
	}
	if !m.happened(p.EndedBy) && (p.Outcome != "" && p.Outcome != planner.Withdrawn && p.Outcome != planner.Expired || !p.EndedBy.IsZero()) {
		m.Fatalf("I8: %s has ended as %q, and its evidence is %v", p.UID, p.Outcome, p.EndedBy)
	}
	m.founded(p)
	o, there := m.entries()[p.UID]
	if !there || !p.Open() || p.State != ledger.Placed {
		return
	}
	if len(p.Evidence) == 0 || !several && p.Contact == "" {
		m.Fatalf("I8: %s is open without evidence (%v) or contact %q", p.UID, p.Evidence, p.Contact)
	}
	if text := event(m.T, o.data).Description; !strings.Contains(text, p.Key.Code()) {
		m.Fatalf("I8: %s does not bear its code %s:\n%s", p.UID, p.Key.Code(), text)
	}
}

// founded demands that an entry names what it rests on, and that there is such a
// thing. A row has what its key rests on where nothing else is known: what was
// kept of an open one is asked for.
func (m *machine) founded(p ledger.FollowUpRow) {
	kept, err := m.Ledger().FindPlacements(m.Context(), p.UID)
	if err != nil || len(kept) != 1 {
		m.Fatalf("I8: the UID %s leads to %d follow-ups, %v", p.UID, len(kept), err)
	}
	if p.Open() && p.State != ledger.TakenOver && !p.Wrote.Start.IsZero() && len(kept[0].Evidence) == 0 {
		m.Fatalf("I8: %s is open, and its evidence was not kept", p.UID)
	}
	for _, e := range p.Evidence {
		if !m.happened(e) {
			m.Fatalf("I8: %s rests on %v, of which nobody knows", p.UID, e)
		}
	}
}

// happened reports whether there is what a piece of evidence points at.
func (m *machine) happened(e planner.Evidence) bool {
	switch e.Type {
	case planner.Mail:
		return slices.ContainsFunc(slices.Concat(m.mail[inbox], m.mail[sent]), func(l ledger.Mail) bool { return l.ID == e.ID })
	case planner.Meeting:
		return m.events[e.ID]
	case planner.Gesture:
		found, err := m.Ledger().FindPlacements(m.Context(), e.ID)
		return err == nil && len(found) == 1 || m.events[e.ID] || e.ID == "purge"
	case planner.Note:
		return e.ID != ""
	case planner.Card:
	}
	return false
}

// recorded demands that every interaction points at its evidence (SPEC I8).
func (m *machine) recorded() {
	for i, err := range m.Ledger().Interactions(m.Context()) {
		if err != nil {
			m.Fatal(err)
		}
		if e := (planner.Evidence{Type: planner.EvidenceType(i.Evidence.Type), ID: i.Evidence.ID}); !m.happened(e) {
			m.Fatalf("I8: an interaction of %v rests on %v, of which nobody knows", i.At, e)
		}
	}
}
