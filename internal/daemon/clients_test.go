package daemon_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// gesture is what a user does to a follow-up in a calendar program.
type gesture struct {
	name string
	edit func(*caldavtest.Object) // before the program writes the object
	late func(*caldavtest.Object) // to what the program writes
	// of are the programs that have it; nil: all.
	of    []caldavtest.Client
	want  string // what syncd understands
	holds string // the description has it in the end, as text; "": nothing of the user's
	title string // the title in the end where it stays in the calendar; "": ours
	said  string // what the user is noted to have said, where that is more than want
	lines string // of the user's, as they are kept as facts
}

func set(name, line string) func(*caldavtest.Object) {
	return func(o *caldavtest.Object) { o.Set(name, line) }
}

// retitle changes the title that is there.
func retitle(change func(string) string) func(*caldavtest.Object) {
	return func(o *caldavtest.Object) { o.Set("SUMMARY", "SUMMARY:"+change(o.Value("SUMMARY"))) }
}

// write changes the text of the description.
func write(change func(string) string) func(*caldavtest.Object) {
	return func(o *caldavtest.Object) {
		o.Set("DESCRIPTION", "DESCRIPTION:"+caldavtest.Escape(change(caldavtest.Unescape(o.Value("DESCRIPTION")))))
	}
}

const (
	note  = "She likes R&D <3 and tea, a lot"
	facts = "wants: a box; bigger, & blue\ncircle: Close"
)

// gestures are those of SPEC section 8.1, as programs write them (SERVERS.md).
// A gesture more is a row more.
var gestures = []gesture{
	{name: "saved without a change", want: "nothing"},
	{name: "moved by two days", edit: func(o *caldavtest.Object) { o.Shift(48*time.Hour, true) }, want: "moved"},
	{name: "made all-day", edit: func(o *caldavtest.Object) {
		o.Set("DTSTART", "DTSTART;VALUE=DATE:20260518")
		o.Set("DTEND", "DTEND;VALUE=DATE:20260519")
	}, want: "moved"},
	{name: "made longer", edit: func(o *caldavtest.Object) { o.Shift(45*time.Minute, false) }, want: "nothing"},
	{name: "retitled", edit: retitle(func(string) string { return "Ring Uma about the box" }), want: "retitled", title: "Ring Uma about the box"},
	{name: "marked done in front", edit: retitle(func(s string) string { return "done " + s }), want: "done"},
	{name: "marked done behind", edit: retitle(func(s string) string { return s + " ✔" }), want: "done"},
	{name: "cancelled", edit: set("STATUS", "STATUS:CANCELLED"), want: "done"},
	{
		name: "retitled and marked done", edit: retitle(func(string) string { return "[x] Rang Uma" }),
		want: "done, retitled", title: "[x] Rang Uma",
	},
	{name: "a note below the marker", edit: write(func(s string) string { return s + "\n" + note }), want: "noted", holds: note},
	{name: "a note above the marker", edit: write(func(s string) string { return note + "\n" + s }), want: "noted", holds: note},
	{
		name: "a note between our lines", edit: write(func(s string) string { return strings.Replace(s, "\nCode:", "\n"+note+"\nCode:", 1) }),
		want: "noted", holds: note,
	},
	{
		name: "alarm dismissed", late: set("X-MOZ-LASTACK", "X-MOZ-LASTACK:20260513T090100Z"),
		of: []caldavtest.Client{caldavtest.Thunderbird}, want: "nothing",
	},
	{name: "alarm snoozed", late: func(o *caldavtest.Object) {
		o.Set("X-MOZ-SNOOZE-TIME", "X-MOZ-SNOOZE-TIME:20260513T093000Z")
		o.Set("X-MOZ-LASTACK", "X-MOZ-LASTACK:20260513T090100Z")
	}, of: []caldavtest.Client{caldavtest.Thunderbird}, want: "nothing"},
	{name: "alarm dismissed", late: func(o *caldavtest.Object) {
		o.Alarm("X-WR-ALARMUID:1", "UID:1", "TRIGGER:PT0S", "ACKNOWLEDGED:20260513T090100Z", "ATTACH;VALUE=URI:Chord", "ACTION:AUDIO")
	}, of: []caldavtest.Client{caldavtest.Apple, caldavtest.DAVx5}, want: "nothing"},
	{name: "alarm snoozed", late: func(o *caldavtest.Object) {
		o.Alarm("UID:1", "TRIGGER:PT0S", "ACKNOWLEDGED:20260513T090100Z", "ACTION:DISPLAY", "DESCRIPTION:x", "END:VALARM",
			"BEGIN:VALARM", "UID:2", "TRIGGER;VALUE=DATE-TIME:20260513T093000Z", "RELATED-TO;RELTYPE=SNOOZE:1", "ACTION:DISPLAY", "DESCRIPTION:x")
	}, of: []caldavtest.Client{caldavtest.Apple}, want: "nothing"},
	{name: "alarm removed", late: func(o *caldavtest.Object) { o.Alarm() }, want: "nothing"},
	{name: "coloured", late: set("COLOR", "COLOR:tomato"), of: []caldavtest.Client{caldavtest.Thunderbird, caldavtest.DAVx5}, want: "nothing"},
	{name: "given a place", edit: set("LOCATION", "LOCATION:Café Blau\\, Graz"), want: "nothing"},
	{
		name: "given a category", edit: set("CATEGORIES", "CATEGORIES:Follow-up,Friends"),
		of: []caldavtest.Client{caldavtest.Thunderbird, caldavtest.DAVx5}, want: "nothing",
	},
	{name: "given a twin in ALTREP", late: func(o *caldavtest.Object) { o.Twin(true, "") }, of: []caldavtest.Client{caldavtest.Thunderbird}, want: "nothing"},
	{name: "given a twin in X-ALT-DESC", late: func(o *caldavtest.Object) { o.Twin(false, "") }, of: []caldavtest.Client{caldavtest.Thunderbird}, want: "nothing"},
	{
		name: "a note, with a twin", edit: write(func(s string) string { return s + "\n" + note }), late: func(o *caldavtest.Object) { o.Twin(true, "") },
		of: []caldavtest.Client{caldavtest.Thunderbird}, want: "noted", holds: note,
	},
	{
		name: "a note in ALTREP alone", late: func(o *caldavtest.Object) { o.Twin(true, "\n"+note) },
		of: []caldavtest.Client{caldavtest.Thunderbird}, want: "noted", holds: note, said: "edited noted", lines: note,
	},
	{
		name: "a note in X-ALT-DESC alone", late: func(o *caldavtest.Object) { o.Twin(false, "\n"+note) },
		of: []caldavtest.Client{caldavtest.Thunderbird}, want: "noted", holds: note, said: "edited noted", lines: note,
	},
	{
		name: "facts", edit: write(func(s string) string { return s + "\n" + facts }), want: "noted", said: "edited noted", lines: facts,
	},
	{
		name: "facts above the marker", edit: write(func(s string) string { return facts + "\n" + s }), want: "noted", said: "edited noted", lines: facts,
	},
	{name: "asked for quiet", edit: retitle(func(s string) string { return "never " + s }), want: "withdrawn", said: "muted"},
	{name: "let go", edit: retitle(func(s string) string { return "Let go: " + s }), want: "withdrawn", said: "muted"},
	{name: "written with a duration", late: func(o *caldavtest.Object) {
		o.Drop("DTEND")
		o.Set("DURATION", "DURATION:PT15M")
	}, want: "nothing"},
	{name: "written in another zone", late: func(o *caldavtest.Object) {
		o.Set("DTSTART", "DTSTART;TZID=Europe/Vienna:20260513T110000")
		o.Set("DTEND", "DTEND;TZID=Europe/Vienna:20260513T111500")
	}, want: "nothing"},
	{name: "written without its status", late: func(o *caldavtest.Object) { o.Drop("STATUS", "TRANSP") }, want: "nothing"},
	{name: "made tentative", edit: set("STATUS", "STATUS:TENTATIVE"), want: "nothing"},
	{name: "shown as busy", edit: set("TRANSP", "TRANSP:OPAQUE"), want: "nothing"},
	{name: "made recurring", edit: set("RRULE", "RRULE:FREQ=MONTHLY"), want: "taken"},
	{name: "invited someone", edit: func(o *caldavtest.Object) {
		o.Set("ORGANIZER", "ORGANIZER:mailto:robin@valedesign.example")
		o.Set("ATTENDEE", "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:sam@example.org")
	}, want: "taken"},
	{name: "moved and a note", edit: func(o *caldavtest.Object) {
		o.Shift(48*time.Hour, true)
		write(func(s string) string { return s + "\n" + note })(o)
	}, want: "moved, noted", holds: note},
}

var clients = []caldavtest.Client{caldavtest.Thunderbird, caldavtest.Apple, caldavtest.DAVx5, caldavtest.Google}

// TestGesturesOfClients replays the PUTs that calendar programs make for each
// gesture they have: what syncd understands, and what a later rewrite leaves of
// theirs.
func TestGesturesOfClients(t *testing.T) {
	for _, c := range clients {
		for _, g := range gestures {
			if g.of != nil && !slices.ContainsFunc(g.of, func(o caldavtest.Client) bool { return o.Name == c.Name }) {
				continue
			}
			t.Run(c.Name+"/"+g.name, func(t *testing.T) {
				t.Parallel()
				g.by(t, newRig(t), c)
			})
		}
	}
}

// TestGesturesOnRealServers makes those of Thunderbird on Radicale and Xandikos,
// which write anew what they are given.
func TestGesturesOnRealServers(t *testing.T) {
	for name, start := range realServers {
		t.Run(name, func(t *testing.T) {
			dav := start(t)
			for _, g := range gestures {
				if g.of != nil && g.of[0].Name != caldavtest.Thunderbird.Name {
					continue
				}
				t.Run(g.name, func(t *testing.T) {
					t.Parallel()
					g.by(t, newRealRig(t, dav), caldavtest.Thunderbird)
				})
			}
		})
	}
}

// by has the user make a gesture in a program.
func (g gesture) by(t *testing.T, r *rig, c caldavtest.Client) {
	t.Helper()
	p := r.reply(t)
	var edits []func(*caldavtest.Object)
	if g.edit != nil {
		edits = append(edits, g.edit)
	}
	edited := c.Save(r.object(t, p), now.Add(time.Minute), edits...)
	if g.late != nil {
		edited = caldavtest.Edit(edited, g.late)
	}
	r.put(t, p.Href, edited)
	edited = r.object(t, p) // as the server wrote it
	writes := len(r.writes())
	r.calm(t)
	if got := r.meaning(t, p); got != g.want {
		t.Fatalf("understood as %q, want %q; written:\n%s", got, g.want, edited)
	}
	g.heard(t, r, p)
	if strings.HasPrefix(g.want, "done") || g.want == "withdrawn" {
		g.resolved(t, r, p, edited)
		return
	}
	for _, w := range r.writes()[writes:] {
		t.Errorf("written after it: %s", w)
	}
	if got := r.object(t, p); got != edited {
		t.Errorf("the object was touched:\n%s\nwas\n%s", got, edited)
	}
	if g.want == "nothing" && len(r.decisions(t)) > 0 {
		t.Errorf("decisions: %q", r.decisions(t))
	}
	r.restart(t, rename(p))
	r.calm(t)
	if g.want == "taken" {
		if got := r.object(t, p); got != edited {
			t.Errorf("what was taken over was touched:\n%s", got)
		}
		return
	}
	if got := r.meaning(t, p); got != g.want {
		t.Errorf("after a rewrite understood as %q, want %q", got, g.want)
	}
	g.kept(t, edited, r.object(t, p), r.placement(t, p))
	writes = len(r.writes())
	r.calm(t)
	if again := r.writes(); len(again) != writes {
		t.Errorf("a pass with nothing new wrote %v", again[writes:])
	}
}

// heard looks at what is noted of the user's words.
func (g gesture) heard(t *testing.T, r *rig, p ledger.Placement) {
	t.Helper()
	if got := r.said(t, p); g.said != "" && got != g.said {
		t.Errorf("noted: %q, want %q", got, g.said)
	}
	if g.lines != "" && r.placement(t, p).Noted != g.lines {
		t.Errorf("kept as facts: %q, want %q", r.placement(t, p).Noted, g.lines)
	}
	if circle := strings.Contains(g.lines, "circle: Close"); circle || g.said == "muted" {
		d, err := r.Ledger().Contact(t.Context(), p.Key.Who)
		if err != nil || d.Muted == circle || circle && (d.Circle != "close" || len(d.Facts) != 2) {
			t.Errorf("%s is muted: %t, in the circle %q, with %v; %v", p.Key.Who, d.Muted, d.Circle, d.Facts, err)
		}
	}
}

// resolved looks at what became of an entry that was marked: it is
// deleted unless a title of the user's is in it, which gets no second mark.
func (g gesture) resolved(t *testing.T, r *rig, p ledger.Placement, edited string) {
	t.Helper()
	object := r.object(t, p)
	if g.title == "" {
		if object != "" {
			t.Errorf("still in the calendar:\n%s", object)
		}
		return
	}
	if lines := propertiesOf(object); !slices.Contains(lines, "SUMMARY:"+g.title) || slices.Contains(lines, "BEGIN:VALARM") {
		t.Errorf("wrote\n%s\nof\n%s", object, edited)
	}
}

// kept demands that a rewrite left everything that the user and the program
// wrote.
func (g gesture) kept(t *testing.T, edited, object string, p ledger.Placement) {
	t.Helper()
	if object == edited {
		t.Fatal("the new name of the contact was not written")
	}
	now := propertiesOf(object)
	for _, line := range propertiesOf(edited) {
		name, _, _ := strings.Cut(line, ":")
		name, _, _ = strings.Cut(name, ";")
		if slices.Contains([]string{"SUMMARY", "DESCRIPTION", "DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "URL", "X-ALT-DESC"}, name) {
			continue
		}
		if !slices.Contains(now, line) {
			t.Errorf("a rewrite lost %s", line)
		}
	}
	title := g.title
	if title == "" {
		title = "Reply to Another Name: Pencil box"
	}
	if p.Seen.Summary != title {
		t.Errorf("title %q, want %q", p.Seen.Summary, title)
	}
	if n := strings.Count(p.Seen.Description, note); g.holds != "" && n != 1 {
		t.Errorf("the note is there %d times:\n%s", n, p.Seen.Description)
	}
	if n := strings.Count(p.Seen.Description, "--- syncd:"); n != 1 {
		t.Errorf("%d markers:\n%s", n, p.Seen.Description)
	}
	if !strings.Contains(p.Seen.Description, "Another Name asked you") || strings.Contains(object, "Uma%20Castell") || strings.Contains(propertyOf(object, "X-ALT-DESC"), "Uma Castell") {
		t.Errorf("the text, or a twin of it, is the old one:\n%s", object)
	}
}

func propertiesOf(object string) []string {
	object = strings.ReplaceAll(object, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(object, "\n ", ""), "\n")
}

func propertyOf(object, name string) string {
	for _, line := range propertiesOf(object) {
		if strings.HasPrefix(line, name) {
			return line
		}
	}
	return ""
}

// rename gives the contact of a follow-up another name: a fact changed.
func rename(p ledger.Placement) func(*config.Config) {
	return func(c *config.Config) {
		c.Contacts = append(slices.Clone(c.Contacts), config.Contact{Addresses: []config.Address{config.Address(p.Key.Who)}, Name: "Another Name"})
	}
}

// reply is the follow-up on a certain mail, among those that were written.
func (r *rig) reply(t *testing.T) ledger.Placement {
	t.Helper()
	all := r.written(t)
	i := slices.IndexFunc(all, func(p ledger.Placement) bool { return p.Key.Who == "uma@castell.example" })
	if i < 0 || all[i].Key.Rule != planner.ReplyOwed {
		t.Fatalf("no reply is owed: %v", all)
	}
	return all[i]
}

func (r *rig) placement(t *testing.T, p ledger.Placement) ledger.Placement {
	t.Helper()
	all, err := r.Ledger().FindPlacements(t.Context(), p.UID)
	if err != nil || len(all) != 1 {
		t.Fatalf("placements of %s: %v, %v", p.UID, all, err)
	}
	return all[0]
}

// object is what the calendar holds of a placement, "" if nothing.
func (r *rig) object(t *testing.T, p ledger.Placement) string {
	t.Helper()
	if r.user != nil {
		body, _ := r.user.Get(t, r.origin+p.Href)
		return body
	}
	return r.server.Objects(own)[strings.TrimPrefix(p.Href, r.server.Path(own, ""))]
}

// writes are the requests so far that could change a calendar.
func (r *rig) writes() (all []string) {
	if r.user != nil {
		return r.user.Writes()
	}
	for _, w := range r.server.Writes() {
		all = append(all, w.String())
	}
	return all
}

// put stores an object as a program does.
func (r *rig) put(t *testing.T, href, body string) {
	t.Helper()
	if r.user != nil {
		r.user.Put(t, r.origin+href, body)
		return
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, r.server.URL+href, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth(r.server.User, r.server.Password)
	q.Header.Set("Content-Type", "text/calendar; charset=utf-8")
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Body.Close(); err != nil || a.StatusCode >= 300 {
		t.Fatalf("PUT %s: %s, %v", href, a.Status, err)
	}
}

// meaning is what syncd takes the user to have said on an entry.
func (r *rig) meaning(t *testing.T, p ledger.Placement) string {
	t.Helper()
	p = r.placement(t, p)
	var said []string
	if p.Outcome != "" {
		said = append(said, string(p.Outcome))
	}
	if p.State == ledger.TakenOver {
		said = append(said, "taken")
	}
	for field, word := range map[ledger.Field]string{ledger.FieldTime: "moved", ledger.FieldSummary: "retitled", ledger.FieldDescription: "noted"} {
		if p.Theirs&field != 0 {
			said = append(said, word)
		}
	}
	if len(said) == 0 {
		return "nothing"
	}
	slices.Sort(said)
	return strings.Join(said, ", ")
}

// said are the types of what the user is noted to have said on an entry, in order.
func (r *rig) said(t *testing.T, p ledger.Placement) string {
	t.Helper()
	all, err := r.Ledger().Decisions(t.Context(), p.UID)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, d := range all {
		said = append(said, string(d.Type))
	}
	return strings.Join(said, " ")
}

// TestGesturesWithoutPut are those that write no object in the follow-up calendar.
func TestGesturesWithoutPut(t *testing.T) {
	tests := []struct {
		name string
		do   func(r *rig, p ledger.Placement, object string)
		want string
	}{
		{"deleted", func(r *rig, p ledger.Placement, _ string) { r.server.Remove(own, p.UID+".ics") }, "dismissed"},
		{"moved to another calendar", func(r *rig, p ledger.Placement, object string) {
			r.server.Store(other, "moved.ics", caldavtest.Apple.Save(object, now.Add(time.Minute)))
			r.server.Remove(own, p.UID+".ics")
		}, "taken"},
		{"deleted and restored under another name", func(r *rig, p ledger.Placement, _ string) {
			r.server.Remove(own, p.UID+".ics")
			r.server.Restore(own, p.UID, "restored.ics")
		}, "nothing"},
		{"copied", func(r *rig, p ledger.Placement, object string) {
			r.server.Store(own, "copy.ics", strings.ReplaceAll(object, "UID:"+p.UID, "UID:copy@example.org"))
		}, "nothing"},
		{"moved by a copy and a deletion", func(r *rig, p ledger.Placement, object string) {
			r.server.Store(own, "copy.ics", strings.ReplaceAll(object, "UID:"+p.UID, "UID:copy@example.org"))
			r.server.Remove(own, p.UID+".ics")
		}, "taken"},
		{"copied to another calendar", func(r *rig, _ ledger.Placement, object string) {
			r.server.Store(other, "copy.ics", object)
		}, "nothing"},
	}
	for _, test := range tests {
		for name, f := range map[string]caldavtest.Faults{
			"decent": {}, "three minutes late": {LateListing: 3 * time.Minute}, "bin": {KeepDeleted: true}, "counters": {CounterETags: true},
		} {
			t.Run(fmt.Sprintf("%s/%s", test.name, name), func(t *testing.T) {
				r := newRig(t)
				p := r.reply(t)
				r.at(now.Add(5 * time.Minute))
				r.server.Set(f)
				test.do(r, p, r.object(t, p))
				r.server.Forget()
				r.calm(t)
				r.calm(t)
				if got := r.meaning(t, p); got != test.want {
					t.Errorf("understood as %q, want %q", got, test.want)
				}
				for _, w := range r.server.Writes() {
					if strings.Contains(w.Path, p.UID) || w.Method == http.MethodDelete {
						t.Errorf("written after it: %s", w)
					}
				}
			})
		}
	}
}
