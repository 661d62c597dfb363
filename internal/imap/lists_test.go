package imap_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
	"syncd/internal/mail"
)

var fromLine = regexp.MustCompile(`(?m)^From \S+ +(\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})$`)

// mbox gives the messages of an mbox, each with the time in its first line.
func mbox(t *testing.T, raw []byte) (all []imaptest.Message) {
	t.Helper()
	marks := fromLine.FindAllSubmatchIndex(raw, -1)
	for i, m := range marks {
		end := len(raw)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		at, err := time.Parse(time.ANSIC, string(raw[m[2]:m[3]]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, imaptest.Message{Raw: string(raw[m[1]+1 : end]), At: at})
	}
	return all
}

func head(m imaptest.Message) mail.Header { return mail.Parse([]byte(m.Raw), m.At) }

// participant is what the truth file says of one of the list.
type participant struct {
	Owner      []string
	Messages   int
	WithParent int `json:"with_parent"`
	Automated  int
	Sent       []struct {
		ID, Parent string
		Recipients []string   `json:"rcpt"`
		AnsweredBy [][]string `json:"answered_by"`
	} `json:"sent_messages"`
	Inbox []struct {
		ID           string
		From         string `json:"frm"`
		Addressed    bool
		ReplyToMine  bool `json:"reply_to_mine"`
		Automated    bool
		AnsweredByMe [][]string `json:"answered_by_me"`
	} `json:"inbox_to_me"`
	Counterparts map[string]counterpart
}

type counterpart struct {
	Received  int
	Sent      int `json:"sent_direct"`
	RepliedTo int `json:"replied_to"`
	Replied   int `json:"they_replied_to_me"`
}

// tally counts the fields that were compared, and those that are equal.
type tally struct {
	t           *testing.T
	seen, equal map[string]int
}

func (c tally) check(field, of string, want, got any) {
	c.t.Helper()
	c.seen[field]++
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Errorf("%s of %s: mismatch (-want +got):\n%s", field, of, diff)
		return
	}
	c.equal[field]++
}

func bare(ids [][]string) []string {
	out := []string{}
	for _, id := range ids {
		out = append(out, strings.Trim(id[0], "<>"))
	}
	slices.Sort(out)
	return out
}

// TestMailingListThreads reads two months of a mailing list as two of its
// participants have it, through a server into a ledger, and compares threads and
// the state of every reply with those that another program found. The marks of
// a list are passed over, since its mail would be noise.
func TestMailingListThreads(t *testing.T) {
	all := slices.Concat(mbox(t, corpus(t, "lists/maven-dev-2017-11-listsao.mbox")), mbox(t, corpus(t, "lists/maven-dev-2017-12-listsao.mbox")))
	// The truth knows messages by their ids, so it lacks the one that has none.
	all = slices.DeleteFunc(all, func(m imaptest.Message) bool { return head(m).Synthetic })
	for _, name := range []string{"herve-boutemy", "rfscholte"} {
		t.Run(name, func(t *testing.T) {
			var truth participant
			if err := json.Unmarshal(corpus(t, "lists/maven-dev."+name+".truth.json"), &truth); err != nil {
				t.Fatal(err)
			}
			l := listLedger(t, all, truth.Owner)
			compareList(t, truth, all, l)
		})
	}
}

// listLedger reads the messages as somebody has them who keeps what they wrote
// in Sent.
func listLedger(t *testing.T, all []imaptest.Message, owner []string) *ledger.Ledger {
	t.Helper()
	s := server(t, 0)
	s.Create("Sent", `\Sent`)
	for _, m := range all {
		box := "INBOX"
		if h := head(m); len(h.From) > 0 && slices.Contains(owner, h.From[0].Address) {
			box = "Sent"
		}
		if _, err := s.Append(box, m); err != nil {
			t.Fatal(err)
		}
	}
	l := emptyLedger(t, ledger.Me{Addresses: owner, Zone: time.UTC})
	takeAll(t, open(t, s), l, func(m *ledger.Mail) { m.Noise, m.Lists = "", nil })
	return l
}

// takeAll reads every mailbox that is read into the ledger.
func takeAll(t *testing.T, s *imap.Session, l *ledger.Ledger, change func(*ledger.Mail)) {
	t.Helper()
	boxes, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, box := range boxes {
		if box.Left != "" {
			continue
		}
		cur, err := l.Cursor(t.Context(), ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: box.Raw})
		if err != nil {
			t.Fatal(err)
		}
		for b, err := range s.Scan(t.Context(), box, cur) {
			if err != nil {
				t.Fatal(err)
			}
			b.At = sent
			for i := range b.Mail {
				change(&b.Mail[i])
			}
			if err := l.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func rows(t *testing.T, l *ledger.Ledger) map[string]ledger.InteractionRow {
	t.Helper()
	out := map[string]ledger.InteractionRow{}
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		out[r.Evidence.ID] = r
	}
	return out
}

func compareList(t *testing.T, truth participant, all []imaptest.Message, l *ledger.Ledger) {
	t.Helper()
	got := rows(t, l)
	c := tally{t: t, seen: map[string]int{}, equal: map[string]int{}}
	c.check("messages", "the list", truth.Messages, len(got))
	parents := parentsByDefinition(all)
	strong := func(id string) string {
		if got[id].Weak {
			return ""
		}
		return got[id].Parent
	}
	answers := func(id string) []string {
		by := slices.DeleteFunc(slices.Clone(got[id].AnsweredBy), func(by string) bool { return got[by].Weak })
		slices.Sort(by)
		return by
	}
	mine := func(id string) bool { return got[id].Direction == ledger.Out }
	withParent, weak := 0, 0
	for id, r := range got {
		c.check("parent", id, parents[id], strong(id))
		if strong(id) != "" {
			withParent++
		}
		if r.Weak {
			weak++
		}
	}
	c.check("with parent", "the list", truth.WithParent, withParent)
	wrote := map[string]bool{}
	for _, m := range truth.Sent {
		id := strings.Trim(m.ID, "<>")
		wrote[id] = true
		c.check("parent as told", id, strings.Trim(m.Parent, "<>"), strong(id))
		c.check("recipients", id, sorted(m.Recipients), sorted(without(got[id].Addresses[1:], truth.Owner)))
		c.check("answered by", id, bare(m.AnsweredBy), answers(id))
	}
	toMe := map[string]bool{}
	for _, m := range truth.Inbox {
		id := strings.Trim(m.ID, "<>")
		toMe[id] = true
		c.check("sender", id, m.From, got[id].Addresses[0])
		c.check("addressed", id, m.Addressed, len(without(got[id].Addresses, truth.Owner)) < len(got[id].Addresses))
		c.check("reply to mine", id, m.ReplyToMine, mine(strong(id)))
		c.check("answered by me", id, bare(m.AnsweredByMe), answers(id))
	}
	robots := automated(t, all, l)
	figures := map[string]counterpart{}
	for id, r := range got {
		c.check("mine", id, wrote[id], mine(id))
		c.check("to me", id, toMe[id], !mine(id) && (mine(strong(id)) || len(without(r.Addresses, truth.Owner)) < len(r.Addresses)))
		figures = count(figures, truth.Owner, r, got[strong(id)])
	}
	c.check("automated", "the list", truth.Automated, len(robots))
	for _, m := range truth.Inbox {
		c.check("automated, to me", m.ID, m.Automated, robots[strings.Trim(m.ID, "<>")])
	}
	for _, who := range slices.Sorted(maps.Keys(truth.Counterparts)) {
		c.check("counterpart", who, truth.Counterparts[who], figures[who])
	}
	c.check("counterparts", "the list", len(truth.Counterparts), len(figures))
	for _, field := range slices.Sorted(maps.Keys(c.seen)) {
		t.Logf("%-16s %4d of %4d equal", field, c.equal[field], c.seen[field])
	}
	t.Logf("%d answers more by subject alone", weak)
}

func without(addresses, owner []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return slices.Contains(owner, a) })
}

// count adds a message to the figures of the people in it.
func count(figures map[string]counterpart, owner []string, r, parent ledger.InteractionRow) map[string]counterpart {
	from := r.Addresses[0]
	if r.Direction != ledger.Out {
		f := figures[from]
		f.Received++
		if parent.Direction == ledger.Out {
			f.Replied++
		}
		figures[from] = f
		return figures
	}
	for _, a := range without(r.Addresses[1:], owner) {
		f := figures[a]
		f.Sent++
		figures[a] = f
	}
	if parent.Direction == ledger.In {
		f := figures[parent.Addresses[0]]
		f.RepliedTo++
		figures[parent.Addresses[0]] = f
	}
	return figures
}

var idIn = regexp.MustCompile(`<[^<>\s]+>`)

// parentsByDefinition finds parents as the truth files define them, from the
// headers alone.
func parentsByDefinition(all []imaptest.Message) map[string]string {
	unfold := regexp.MustCompile(`\n[ \t]+`)
	field := func(m imaptest.Message, name string) []string {
		block, _, _ := strings.Cut(m.Raw, "\n\n")
		for line := range strings.Lines(unfold.ReplaceAllString(block, " ")) {
			if key, value, _ := strings.Cut(line, ":"); strings.EqualFold(key, name) {
				return idIn.FindAllString(value, -1)
			}
		}
		return nil
	}
	known, out := map[string]bool{}, map[string]string{}
	for _, m := range all {
		known[field(m, "Message-ID")[0]] = true
	}
	for _, m := range all {
		id := field(m, "Message-ID")[0]
		refs := slices.Concat(field(m, "References"), field(m, "In-Reply-To"))
		for _, ref := range slices.Backward(refs) {
			if known[ref] {
				out[strings.Trim(id, "<>")] = strings.Trim(ref, "<>")
				break
			}
		}
	}
	return out
}

// automated tells which messages no person wrote: those with a mark other than
// the list's, and those from an address that many people write from.
func automated(t *testing.T, all []imaptest.Message, l *ledger.Ledger) map[string]bool {
	t.Helper()
	listMark := regexp.MustCompile(`(?mi)^(?:list-\w+|precedence|mailing-list):.*\n(?:[ \t].*\n)*`)
	role := map[string]bool{}
	for c, err := range l.Contacts(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Addresses {
			role[a] = c.Role
		}
	}
	out := map[string]bool{}
	for _, m := range all {
		block, _, _ := strings.Cut(m.Raw, "\n\n")
		h := mail.Parse([]byte(listMark.ReplaceAllString(block+"\n", "")), m.At)
		if h.Noise != "" || role[h.From[0].Address] {
			out[h.MessageID] = true
		}
	}
	return out
}

// edge is a certain reply: the first header block that the child quotes names
// author, subject and time of one other mail, the parent.
type edge struct {
	Child, Parent, Kind string
	Asked               time.Time `json:"parent_date"`
	Answered            time.Time `json:"child_date"`
	Owner               bool      `json:"owner_replies"`
}

// TestRepliesBySubject counts how many of the replies in mailboxes without
// In-Reply-To are found by subject and people, and how many are taken for
// answers in another thread. docs/accuracy.md has the figures.
func TestRepliesBySubject(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 5,865 messages")
	}
	for _, name := range []string{"whitt-m", "ruscitti-k", "blair-l"} {
		t.Run(name, func(t *testing.T) {
			var truth struct {
				Owner struct{ Own []string }
				Edges []edge `json:"reply_edges"`
			}
			if err := json.Unmarshal(corpus(t, "enron/"+name+".truth.json"), &truth); err != nil {
				t.Fatal(err)
			}
			l, canon := enronLedger(t, name, truth.Owner.Own)
			got := rows(t, l)
			replies, found, near, none, wrong := 0, 0, 0, 0, 0
			for _, e := range truth.Edges {
				child, parent := got[canon[strings.Trim(e.Child, "<>")]], got[canon[strings.Trim(e.Parent, "<>")]]
				switch {
				case e.Kind != "reply":
					continue
				case child.Thread == "" || parent.Thread == "":
					t.Errorf("%s or %s is not in the ledger", e.Child, e.Parent)
				case child.Parent == parent.Evidence.ID:
					found++
				case child.Thread == parent.Thread:
					near++
				case child.Parent == "":
					none++
				default:
					wrong++
				}
				replies++
			}
			t.Logf("of %d replies: %d have their parent, %d another in its thread, %d none, %d one in another thread", replies, found, near, none, wrong)
			if replies == 0 || wrong > replies/20 || found+near < replies*2/3 {
				t.Error("want two thirds in their thread, and at most one in twenty in another")
			}
			if name != "blair-l" { // which takes minutes
				replyState(t, l, truth.Edges, canon)
			}
		})
	}
}

// replyState asks the ledger of each reply whether it takes the mail that it answers
// for one that waits, a minute after that mail and a minute after the reply. Where the
// reply went to another address of the same person, nobody can know.
func replyState(t *testing.T, l *ledger.Ledger, edges []edge, canon map[string]string) {
	t.Helper()
	type side struct{ replies, open, still int }
	sides := map[bool]*side{true: {}, false: {}}
	for _, e := range edges {
		if e.Kind != "reply" {
			continue
		}
		id, s := canon[strings.Trim(e.Parent, "<>")], sides[e.Owner]
		s.replies++
		if waiting(t, l, e.Asked.Add(time.Minute))[id] {
			s.open++
		}
		if waiting(t, l, e.Answered.Add(time.Minute))[id] {
			s.still++
			t.Logf("%s is answered by %s and waits", e.Parent, e.Child)
		}
	}
	for _, owner := range []bool{true, false} {
		s := sides[owner]
		t.Logf("replies of the owner's: %t: %d; their mail waits before them %d, after them %d", owner, s.replies, s.open, s.still)
		if s.open == 0 || s.still > s.replies/10 {
			t.Error("want some that wait before they are answered, and at most one in ten after that")
		}
	}
}

// waiting are the messages that wait for an answer, of either side, by what was known
// at a moment. No text is read here: a mail opens its thread, or asks by its subject.
func waiting(t *testing.T, l *ledger.Ledger, at time.Time) map[string]bool {
	t.Helper()
	s, err := l.Snapshot(t.Context(), at, at)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, c := range s.Contacts {
		for _, turn := range c.Unanswered { // the planner lets those be after which there was a word
			all[turn.ID] = all[turn.ID] || !c.LastOut.At.After(turn.At)
		}
		for _, turn := range c.Outstanding {
			all[turn.ID] = all[turn.ID] || !c.LastIn.At.After(turn.At)
		}
	}
	return all
}

// enronLedger reads a mailbox with its folders, and gives the id under which the
// ledger knows each message.
func enronLedger(t *testing.T, name string, owner []string) (*ledger.Ledger, map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpora, "enron", name, "*.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	s := server(t, 0)
	smallest, fingerprint := map[string]string{}, map[string]string{}
	for _, f := range files {
		box := strings.TrimSuffix(filepath.Base(f), ".mbox")
		switch {
		case strings.HasPrefix(strings.TrimPrefix(box, "_"), "sent"):
			s.Create(box, `\Sent`)
		case box == "inbox":
			box = "INBOX"
		default:
			s.Create(box)
		}
		for _, m := range mbox(t, corpus(t, filepath.Join("enron", name, filepath.Base(f)))) {
			h := head(m)
			m.At = h.Date
			fingerprint[h.MessageID] = h.Fingerprint
			if is := smallest[h.Fingerprint]; is == "" || h.MessageID < is {
				smallest[h.Fingerprint] = h.MessageID
			}
			if _, err := s.Append(box, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	l := emptyLedger(t, ledger.Me{Addresses: owner, Zone: time.UTC})
	takeAll(t, open(t, s), l, func(*ledger.Mail) {})
	canon := map[string]string{}
	for id, f := range fingerprint {
		canon[id] = smallest[f]
	}
	return l, canon
}
