package caldav_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
)

func TestNormal(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "one\ntwo", "one\ntwo"},
		{"line ends", "one\r\ntwo\rthree", "one\ntwo\nthree"},
		{"white space", "one  \t\n\n\n\ntwo\u00a0three\n\n", "one\n\ntwo three"},
		{"addresses are no tags", "Ana <ana@example.com> and <m1@example.com>", "Ana <ana@example.com> and <m1@example.com>"},
		{"signs are no tags", "a < b & c > d, i <3 you >", "a < b & c > d, i <3 you >"},
		{"breaks", "one<br>two<br/>three<BR />four", "one\ntwo\nthree\nfour"},
		{"google", `<html-blob>You met &amp; talked.<br><br>Link: <a href="https://example.com/?a=1&amp;b=2">here</a></html-blob>`, "You met & talked.\n\nLink: here <https://example.com/?a=1&b=2>"},
		{"a link to what it shows", `<p>see <a href="https://example.com/x" target=_blank>https://example.com/x</a>, <a href='mailto:b@example.com'>b@example.com</a>, <a href="http://www.example.com/">www.example.com</a></p>`, "see https://example.com/x, b@example.com, www.example.com"},
		{"links that lead nowhere", `<a name="x">one</a> <a href="#x">two</a> <a href="javascript:x()">three</a>`, "one two three"},
		{"paragraphs", "<p>one</p><p>two &lt;b@example.com&gt;</p>", "one\n\ntwo <b@example.com>"},
		{"list", "<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"},
		{"html document", "<html>\n<body>\n<p>one\ntwo</p>\n</body>\n</html>", "one two"},
		{"entities without tags are text", "a &amp; b", "a &amp; b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, caldav.Normal(test.in)); diff != "" {
				t.Errorf("Normal() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNormalIsStableForPlainText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		once := caldav.Normal(rapid.StringOf(rapid.RuneFrom([]rune("ab \t\r\n\u00a0@;&"))).Draw(t, "text"))
		if twice := caldav.Normal(once); twice != once {
			t.Fatalf("Normal(%q) = %q", once, twice)
		}
	})
}

func TestSplitNotes(t *testing.T) {
	tests := []struct {
		name, in, ours, notes string
		marked                bool
	}{
		{"none", "just text", "just text", "", false},
		{"empty notes", "facts\n" + caldav.Marker, "facts", "", true},
		{"notes", "facts\n" + caldav.Marker + "\nwants: a job\n\nplan: move", "facts", "wants: a job\n\nplan: move", true},
		{"html", "facts<br>" + caldav.Marker + "<br>my note", "facts", "my note", true},
		{"indented", "facts\n  " + caldav.Marker + "\nmine", "facts", "mine", true},
		{"of two that begin like it", "facts\n--- syncd: mine\n" + caldav.Marker + "\nmine", "facts\n--- syncd: mine", "mine", true},
		{"cut short", "facts\n--- syncd: your notes\nmine", "facts", "mine", true},
		{"in a sentence it is none", "see " + caldav.Marker, "see " + caldav.Marker, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ours, notes, marked := caldav.SplitNotes(test.in)
			if ours != test.ours || notes != test.notes || marked != test.marked {
				t.Errorf("SplitNotes() = %q, %q, %v, want %q, %q, %v", ours, notes, marked, test.ours, test.notes, test.marked)
			}
		})
	}
}

func TestDiffer(t *testing.T) {
	base := draft(uid1).Shape
	tests := []struct {
		name   string
		change func(*ledger.Shape)
		want   ledger.Field
		same   bool
	}{
		{"nothing", func(*ledger.Shape) {}, 0, true},
		{"another zone", func(s *ledger.Shape) { s.Start, s.End = s.Start.UTC(), s.End.UTC() }, 0, true},
		{"less than a second", func(s *ledger.Shape) { s.Start = s.Start.Add(time.Millisecond) }, 0, true},
		{"alarm", func(s *ledger.Shape) { s.Alarm = false }, 0, true},
		{"spaces in the title", func(s *ledger.Shape) { s.Summary = " Follow up\u00a0with Susan  Hall (met 12 May)" }, 0, true},
		{"status left out", func(s *ledger.Shape) { s.Status = "" }, 0, true},
		{"line ends", func(s *ledger.Shape) {
			s.Description = "You met on 12 May.\r\nWhy: first meeting  \r\n" + caldav.Marker + "\r\n"
		}, 0, true},
		{"moved", func(s *ledger.Shape) { s.Start, s.End = s.Start.Add(time.Hour), s.End.Add(time.Hour) }, ledger.FieldTime, false},
		{"longer", func(s *ledger.Shape) { s.End = s.End.Add(time.Hour) }, ledger.FieldTime, false},
		{"all day", func(s *ledger.Shape) { s.AllDay = true }, ledger.FieldTime, false},
		{"retitled", func(s *ledger.Shape) { s.Summary = "done" }, ledger.FieldSummary, false},
		{"annotated", func(s *ledger.Shape) { s.Description += "\nplan: call" }, ledger.FieldDescription, false},
		{"cancelled", func(s *ledger.Shape) { s.Status = "cancelled" }, 0, false},
		{"all of it", func(s *ledger.Shape) { *s = ledger.Shape{} }, ledger.FieldTime | ledger.FieldSummary | ledger.FieldDescription, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			other := base
			test.change(&other)
			if got := caldav.Differ(base, other); got != test.want {
				t.Errorf("Differ() = %b, want %b", got, test.want)
			}
			if got := caldav.Same(other, base); got != test.same {
				t.Errorf("Same() = %v, want %v", got, test.same)
			}
		})
	}
}

func TestAllDayHasNoZone(t *testing.T) {
	day := func(z *time.Location) ledger.Shape {
		start := time.Date(2026, 5, 13, 0, 0, 0, 0, z)
		return ledger.Shape{AllDay: true, Start: start, End: start.AddDate(0, 0, 1)}
	}
	if !caldav.Same(day(time.UTC), day(berlin)) {
		t.Error("the same date in two zones differs")
	}
}
