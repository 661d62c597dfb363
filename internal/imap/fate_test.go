package imap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/imap"
	"syncd/internal/ledger"
	"syncd/internal/servertest"
)

// fateOf asks about a message that was last seen in the INBOX.
func fateOf(t *testing.T, s *imap.Session, uid uint32, id string) (ledger.Fate, error) {
	t.Helper()
	boxes, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(boxes, func(b imap.Mailbox) bool { return b.Raw == "INBOX" })
	seen := ledger.Copy{Source: ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "INBOX"}, UIDValidity: boxes[i].UIDValidity, UID: uid}
	elsewhere := ledger.Copy{Source: ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "No such folder"}, UIDValidity: 1, UID: 1}
	return s.Fate(t.Context(), boxes, []ledger.Copy{elsewhere, seen}, id)
}

func TestDovecotFate(t *testing.T) {
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	for _, name := range []string{"open", "answered", "trashed", "junked", "filed", "deleted"} {
		d.Append(t, user, "INBOX", servertest.Message{Raw: "From: ana@example.com\nMessage-ID: <" + name + "@example.com>\n\nhello\n"})
	}
	d.Append(t, user, "Archive")
	d.Do(t, user, "SELECT INBOX", `UID STORE 2 +FLAGS (\Answered)`, "UID MOVE 3 Trash", "UID MOVE 4 Junk", "UID MOVE 5 Archive",
		`UID STORE 6 +FLAGS (\Deleted)`, "EXPUNGE")
	before := len(d.Commands(t, user))
	s := login(t, account(t, d), user)
	got := map[string]ledger.Fate{}
	for i, name := range []string{"open", "answered", "trashed", "junked", "filed", "deleted"} {
		fate, err := fateOf(t, s, uint32(i+1), name+"@example.com")
		if err != nil {
			t.Errorf("Fate(%s): %v", name, err)
		}
		got[name] = fate
	}
	want := map[string]ledger.Fate{
		"open": ledger.NoFate, "answered": ledger.Answered, "trashed": ledger.Trashed, "junked": ledger.Junked,
		"filed": ledger.NoFate, "deleted": ledger.NoFate,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Fate() mismatch (-want +got):\n%s", diff)
	}
	if fate, err := s.Fate(t.Context(), nil, nil, "trashed@example.com"); fate != ledger.NoFate || err != nil {
		t.Errorf("a message whose place is not known is looked for: %q, %v", fate, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, line := range d.Commands(t, user)[before:] {
		if w := strings.Fields(strings.ToUpper(line)); len(w) > 1 && slices.Contains([]string{"SELECT", "STORE"}, w[1]) {
			t.Errorf("sent %q", line)
		}
	}
}

// The copy of another account has the number of an unrelated message here.
func TestFateOfACopyElsewhere(t *testing.T) {
	s := server(t, 1)
	s.Mangle = func(r string) string {
		if strings.HasPrefix(r, "* 1 FETCH (") {
			return "* 1 FETCH (UID 1 FLAGS (\\Answered))\r\n"
		}
		return r
	}
	session := open(t, s)
	boxes, err := session.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(boxes, func(b imap.Mailbox) bool { return b.Raw == "INBOX" })
	for account, want := range map[string]ledger.Fate{"home": ledger.NoFate, "work": ledger.Answered} {
		c := ledger.Copy{Source: ledger.SourceID{Account: account, Type: ledger.Mailbox, Name: "INBOX"}, UIDValidity: boxes[i].UIDValidity, UID: 1}
		if got, err := session.Fate(t.Context(), boxes, []ledger.Copy{c}, "another@example.org"); err != nil || got != want {
			t.Errorf("Fate() of a copy in %s = %q, %v; want %q", account, got, err, want)
		}
	}
}

// What a server answers badly decides nothing.
func TestFateOfOddAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		uid      uint32
		from, to string
		want     ledger.Fate
	}{
		"flags in other case and order": {1, "* 1 FETCH (", "* 1 fetch (FLAGS (foo \\ANSWERED) UID 1)\r\n", ledger.Answered},
		"flags that are none":           {1, "* 1 FETCH (", "* 1 FETCH (UID 1 FLAGS NIL)\r\n", ledger.NoFate},
		"search as it should be":        {7, "* SEARCH", "* SEARCH 1\r\n", ledger.Trashed},
		"search with many":              {7, "* SEARCH", "*  SEARCH  1  2 3 \r\n", ledger.Trashed},
		"search with a number too big":  {7, "* SEARCH", "* SEARCH 4294967296\r\n", ledger.NoFate},
		"search that answers with text": {7, "* SEARCH", "* SEARCH see below\r\n", ledger.NoFate},
		"search that is not answered":   {7, "* SEARCH", "", ledger.NoFate},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, 1)
			s.Create("Trash", `\Trash`)
			if _, err := s.Append("Trash", message(1)); err != nil {
				t.Fatal(err)
			}
			s.Mangle = func(r string) string {
				if strings.HasPrefix(r, c.from) {
					return c.to
				}
				return r
			}
			if got, err := fateOf(t, open(t, s), c.uid, "1@example.org"); err != nil || got != c.want {
				t.Errorf("Fate() = %q, %v; want %q", got, err, c.want)
			}
		})
	}
}
