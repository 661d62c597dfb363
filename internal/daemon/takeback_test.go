package daemon_test

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
)

// hand is a user who does something to a follow-up in several steps.
type hand struct {
	*rig
	program caldavtest.Client
	p       ledger.Placement
	other   string // the path of another calendar of theirs
}

// save has the program store the event with a change, and syncd look at it.
func (h *hand) save(t *testing.T, edits ...func(*caldavtest.Object)) {
	t.Helper()
	h.put(t, h.p.Href, h.program.Save(h.object(t, h.p), *h.now.Load(), edits...))
	h.calm(t)
}

// as stores an event as the program writes it, under another name and maybe
// another UID.
func (h *hand) as(t *testing.T, href, object, uid string) {
	t.Helper()
	object = h.program.Save(object, *h.now.Load())
	h.put(t, href, strings.Replace(object, "UID:"+h.p.UID, "UID:"+uid, 1))
}

func (h *hand) remove(t *testing.T) {
	t.Helper()
	if h.user != nil {
		h.user.Delete(t, h.origin+h.p.Href)
		return
	}
	h.server.Remove(own, path.Base(h.p.Href))
}

// beside is the path of another object of the follow-up calendar.
func (h *hand) beside(name string) string { return path.Dir(h.p.Href) + "/" + name }

// courses are what a user does in several steps, and what it comes to.
var courses = []struct {
	name  string
	do    func(t *testing.T, h *hand)
	want  string
	said  string
	there string // name under which it is in the follow-up calendar in the end; "": its own, "-": none
}{
	{"marked done, the mark taken away", func(t *testing.T, h *hand) {
		t.Helper()
		h.save(t, retitle(func(s string) string { return "done " + s }), write(func(s string) string { return s + "\n" + note }))
		h.save(t, retitle(func(s string) string { return strings.TrimPrefix(s, "done ") }))
	}, "noted", "edited done noted undone", ""},
	{"cancelled, and not", func(t *testing.T, h *hand) {
		t.Helper()
		h.save(t, set("STATUS", "STATUS:CANCELLED"), write(func(s string) string { return s + "\n" + note }))
		h.save(t, set("STATUS", "STATUS:CONFIRMED"))
	}, "noted", "edited done noted undone", ""},
	{"quiet, the mark taken away", func(t *testing.T, h *hand) {
		t.Helper()
		h.save(t, retitle(func(s string) string { return "mute: " + s }), write(func(s string) string { return s + "\n" + note }))
		h.save(t, retitle(func(s string) string { return strings.TrimPrefix(s, "mute: ") }))
	}, "noted", "edited muted noted undone unmuted", ""},
	{"marked done, removed and restored", func(t *testing.T, h *hand) {
		t.Helper()
		before := h.object(t, h.p)
		h.save(t, retitle(func(s string) string { return s + " ✔" }))
		h.as(t, h.beside("restored.ics"), before, h.p.UID)
	}, "nothing", "done undone", "restored.ics"},
	{"quiet, removed and restored", func(t *testing.T, h *hand) {
		t.Helper()
		before := h.object(t, h.p)
		h.save(t, retitle(func(s string) string { return "never " + s }))
		h.as(t, h.beside("restored.ics"), before, h.p.UID)
	}, "nothing", "muted undone unmuted", "restored.ics"},
	{"deleted and restored before that is believed", func(t *testing.T, h *hand) {
		t.Helper()
		before := h.object(t, h.p)
		h.remove(t)
		h.as(t, h.beside("restored.ics"), before, h.p.UID)
	}, "nothing", "", "restored.ics"},
	{"deleted, believed and restored", func(t *testing.T, h *hand) {
		t.Helper()
		before := h.object(t, h.p)
		h.remove(t)
		h.calm(t)
		h.as(t, h.beside("restored.ics"), before, h.p.UID)
	}, "nothing", "dismissed undone", "restored.ics"},
	{"moved by a copy and a deletion", func(t *testing.T, h *hand) {
		t.Helper()
		h.as(t, h.beside("copy.ics"), h.object(t, h.p), "copy@example.org")
		h.remove(t)
	}, "taken", "taken", "-"},
	{"moved to another calendar", func(t *testing.T, h *hand) {
		t.Helper()
		h.as(t, h.other+"moved.ics", h.object(t, h.p), h.p.UID)
		h.remove(t)
	}, "taken", "taken", "-"},
	{"moved to another calendar under another UID", func(t *testing.T, h *hand) {
		t.Helper()
		h.as(t, h.other+"moved.ics", h.object(t, h.p), "moved@example.org")
		h.remove(t)
	}, "taken", "taken", "-"},
}

// TestCoursesOfClients has every program do what takes more than one step.
func TestCoursesOfClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			takeCourses(t, c, func(t *testing.T) *hand {
				t.Helper()
				r := newRig(t)
				return &hand{rig: r, other: r.server.Path(other, "")}
			})
		})
	}
}

// TestCoursesOnRealServers has every program do the same on Radicale and Xandikos.
func TestCoursesOnRealServers(t *testing.T) {
	for name, start := range realServers {
		t.Run(name, func(t *testing.T) {
			dav := start(t)
			for _, c := range clients {
				t.Run(c.Name, func(t *testing.T) {
					t.Parallel()
					takeCourses(t, c, func(t *testing.T) *hand {
						t.Helper()
						r := newRealRig(t, dav)
						return &hand{rig: r, other: strings.TrimPrefix(r.user.MakeCalendar(t, other), r.origin)}
					})
				})
			}
		})
	}
}

// takeCourses takes every course with a program, each on a calendar of its own.
func takeCourses(t *testing.T, c caldavtest.Client, begin func(*testing.T) *hand) {
	t.Helper()
	for _, course := range courses {
		t.Run(course.name, func(t *testing.T) {
			h := begin(t)
			h.program, h.p = c, h.reply(t)
			h.at(h.now.Load().Add(5 * time.Minute))
			course.do(t, h)
			before, writes := h.inCalendar(t), len(h.writes())
			h.calm(t)
			h.calm(t)
			if got := h.meaning(t, h.p); got != course.want {
				t.Errorf("understood as %q, want %q", got, course.want)
			}
			if got := h.said(t, h.p); got != course.said {
				t.Errorf("noted: %q, want %q", got, course.said)
			}
			want := path.Base(h.p.Href)
			if course.there != "" {
				want = course.there
			}
			var there []string
			after := h.inCalendar(t)
			for name, body := range after {
				if strings.Contains(body, "UID:"+h.p.UID) {
					there = append(there, name)
				}
				if body != before[name] {
					t.Errorf("%s was touched", name)
				}
			}
			if course.there == "-" && len(there) > 0 || course.there != "-" && !slices.Equal(there, []string{want}) {
				t.Errorf("its UID is in %q, want %s", there, want)
			}
			for _, w := range h.writes()[writes:] {
				t.Errorf("written after it: %s", w)
			}
		})
	}
}

// inCalendar is what of the user's doings the follow-up calendar holds, by name.
func (h *hand) inCalendar(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range []string{path.Base(h.p.Href), "restored.ics", "copy.ics"} {
		p := h.p
		p.Href = h.beside(name)
		if body := h.object(t, p); body != "" {
			all[name] = body
		}
	}
	return all
}
