package daemon_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/ledger"
	"syncd/internal/mail"
	"syncd/internal/planner"
)

// Random histories of a user, their mail, a calendar server and a daemon: the
// invariants I2, I3 and I5 to I9 of SPEC section 1 hold after every step, and in
// the end the calendar is as it should be (machine_check_test.go). What can
// happen is in machine_steps_test.go, one function each.
//
// There are 200 histories; with SYNCD_SOAK as many as that time allows.
func TestMachine(t *testing.T) {
	until := time.Time{}
	if soak := os.Getenv("SYNCD_SOAK"); soak != "" {
		d, err := time.ParseDuration(soak)
		if err != nil {
			t.Fatalf("SYNCD_SOAK: %v", err)
		}
		until = time.Now().Add(d)
	}
	var all tally
	t.Run("histories", func(t *testing.T) {
		for _, side := range []string{"a", "b"} {
			t.Run(side, func(t *testing.T) {
				t.Parallel()
				for again := true; again && !t.Failed(); again = time.Now().Before(until) {
					rapid.Check(t, func(r *rapid.T) { history(r, &all) })
				}
			})
		}
	})
	t.Log(all.String())
	if !t.Failed() {
		all.demand(t)
	}
}

// history is one of them.
func history(r *rapid.T, all *tally) {
	m := newMachine(r)
	defer m.stop()
	if err := m.pass(); err != nil {
		r.Fatalf("first pass: %v", err)
	}
	r.Repeat(m.actions())
	m.end()
	all.add(m)
}

// machine is the world of one history.
type machine struct {
	*rapid.T
	*daemon.Daemon
	dir    string
	server *caldavtest.Server
	front  *front
	http   *httptest.Server
	cfg    *config.Config
	clock  time.Time

	kind    caldavtest.Faults // what sort of server it is
	trouble bool              // the server fails on top of that
	refuses bool              // and does nothing of what some of its lost answers are about

	mail   map[string][]ledger.Mail // by mailbox, as it was appended
	last   map[string]string        // by person: the Message-ID of the latest mail
	number int                      // of what was made so far

	user
	known
	count map[string]int // of steps, and of what syncd did
}

// user is what the user did, to be demanded back. By UID.
type user struct {
	notes, titles map[string][]string // the lines they wrote; their title is the last
	starts        map[string]time.Time
	deleted       map[string]bool
	touched       map[string]bool              // they did something to it
	let           map[string]bool              // they deleted or dismissed it, be it taken back or not
	rings         map[string]bool              // they gave it an alarm when it had ended
	renamed       map[string]bool              // restored under another name
	mine          map[string]stored            // as they left it
	foreign       map[string]map[string]string // objects that are not syncd's: calendar, name, data
	final         map[string]bool              // hashes of keys that are never to come back, but by the user's word

	marks    map[string]string // that they put on a title, with what parts it from it
	back     map[string]bool   // they took back what ended it: it may be open again
	bin      map[string]stored // what was deleted, by them or by syncd
	copied   map[string]bool
	lined    map[string]bool      // a line about a person's circle is not heard yet
	asked    map[string]time.Time // where they asked for it by a command
	purged   map[string]bool
	paused   bool
	pausedTo time.Time            // zero: for good
	events   map[string]bool      // UIDs of all that were ever their own
	plans    map[string]plan      // their own events about people, by UID
	meets    map[string]time.Time // by person: their latest meeting

	// By person, what syncd is sure to have heard.
	quiet   map[string]bool
	facts   map[string]string // the last line they noted
	planned map[string]plan

	expected []expectation
}

// stored is where an object lies.
type stored struct{ calendar, name, data string }

// known is what has been seen of syncd.
type known struct {
	created map[string]time.Time // by UID: when it was asked for first
	existed map[string]bool
	days    map[string]int // created by local date
	lost    bool           // its ledger was, and what the journal cannot tell with it
}

const (
	machineMe = "me@example.com"
	follow    = "follow-ups" // the follow-up calendar
	work      = "work"       // another one of the user's
	perDay    = 3
	openAhead = 4
)

var berlin = func() *time.Location {
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return z
}()

// people are whom the user knows. The first have written before.
var people = []string{"Ana Silva", "Ben Okoro", "Chloe Martin", "Dev Patel", "Eva Novak", "Finn Berg", "Gita Rao", "Hugo Lind"}

const acquainted = 6

func addressOf(person string) string {
	return strings.ToLower(strings.Replace(person, " ", ".", 1)) + "@" + strings.ToLower(strings.Fields(person)[1]) + ".example.org"
}

func newMachine(r *rapid.T) *machine {
	m := &machine{
		T: r, clock: time.Date(2026, 5, 4, 8, 30, 0, 0, berlin),
		mail: map[string][]ledger.Mail{}, last: map[string]string{}, count: map[string]int{},
		user: user{
			notes: map[string][]string{}, titles: map[string][]string{}, starts: map[string]time.Time{}, deleted: map[string]bool{}, touched: map[string]bool{}, let: map[string]bool{}, rings: map[string]bool{}, renamed: map[string]bool{},
			mine: map[string]stored{}, foreign: map[string]map[string]string{follow: {}, work: {}}, final: map[string]bool{},
			marks: map[string]string{}, back: map[string]bool{}, bin: map[string]stored{}, copied: map[string]bool{}, lined: map[string]bool{}, asked: map[string]time.Time{},
			purged: map[string]bool{}, events: map[string]bool{}, plans: map[string]plan{}, meets: map[string]time.Time{}, quiet: map[string]bool{}, facts: map[string]string{}, planned: map[string]plan{},
		},
		known: known{created: map[string]time.Time{}, existed: map[string]bool{}, days: map[string]int{}},
	}
	var err error
	if m.dir, err = os.MkdirTemp(memory(), "syncd-machine-"); err != nil {
		r.Fatal(err)
	}
	m.server, err = caldavtest.Start(m.Context(), caldavtest.Options{Calendars: []caldavtest.Calendar{{Name: work}, {Name: follow}}})
	if err != nil {
		r.Fatal(err)
	}
	m.front = &front{server: m.server, disk: m.disk}
	m.http = httptest.NewServer(m.front)
	m.configure()
	m.kind = kinds[rapid.SampledFrom(kindNames).Draw(r, "server")]
	m.server.Set(m.kind)
	m.open()
	m.past()
	return m
}

// memory is a directory that needs no disk, "" where there is none.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func (m *machine) configure() {
	text := fmt.Sprintf(`[me]
name = "Max Example"
addresses = [%q]
timezone = "Europe/Berlin"

[[account]]
name = "test"
user = %q
password = %q
caldav = { url = %q }

[followups]
account = "test"
calendar = %q
per_day = %d
open = %d
`, machineMe, m.server.User, m.server.Password, m.http.URL+"/", follow, perDay, openAhead)
	var err error
	if m.cfg, err = config.Parse("config.toml", []byte(text), true); err != nil {
		m.Fatal(err)
	}
}

func (m *machine) open() {
	var err error
	m.Daemon, err = daemon.Open(m.Context(), daemon.Options{
		Config: m.cfg, StateDir: m.dir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return m.clock },
	})
	if err != nil {
		m.Fatal(err)
	}
}

func (m *machine) stop() {
	_ = m.Close()
	m.http.CloseClientConnections()
	m.http.Close()
	_ = m.server.Close()
	_ = os.RemoveAll(m.dir)
}

// lose deletes the ledger and keeps the journal; the mailboxes are read anew.
func (m *machine) lose() {
	m.lost = true
	m.unsure(func(expectation) bool { return true })
	clear(m.planned)
	if err := m.Close(); err != nil {
		m.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(m.dir, "ledger.db*"))
	if err != nil || len(files) == 0 {
		m.Fatalf("no ledger: %v", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			m.Fatal(err)
		}
	}
	m.open()
	for _, box := range []string{inbox, sent} {
		m.append(box, m.mail[box])
	}
}

const (
	inbox = "INBOX"
	sent  = "Sent"
)

// past is what happened before the history begins: mail with those who are
// known, and some of it waits for an answer.
func (m *machine) past() {
	begin := m.clock
	for i, p := range people[:acquainted] {
		m.clock = begin.AddDate(0, -3, i)
		m.deliver(sent, p, "Your talk", "")
		m.clock = m.clock.Add(26 * time.Hour)
		m.deliver(inbox, p, "Re: Your talk", m.last[p])
	}
	m.clock = begin.AddDate(0, 0, -5)
	for _, p := range people[:acquainted-1] {
		m.deliver(inbox, p, "The draft", "")
	}
	m.clock = begin
}

// deliver puts a message into a mailbox, now.
func (m *machine) deliver(box, person, subject, answers string) {
	m.number++
	id := fmt.Sprintf("m%d@example.com", m.number)
	me := ledger.Participant{Address: machineMe, Name: "Max Example", Role: ledger.RoleFrom}
	them := ledger.Participant{Address: addressOf(person), Name: person, Role: ledger.RoleTo}
	if box == inbox {
		me.Role, them.Role = ledger.RoleTo, ledger.RoleFrom
	}
	topic, reply := mail.Topic(subject)
	letter := ledger.Mail{
		UID: uint32(len(m.mail[box]) + 1), ID: id, At: m.clock.Add(-time.Minute).UTC(), Subject: subject, Topic: topic, Reply: reply,
		People: []ledger.Participant{them, me}, Fingerprint: id, Delivered: box == inbox,
	}
	if answers != "" {
		letter.Refs = []string{answers}
	}
	m.last[person] = id
	m.mail[box] = append(m.mail[box], letter)
	m.append(box, []ledger.Mail{letter})
}

func (m *machine) append(box string, letters []ledger.Mail) {
	err := m.Ledger().Append(m.Context(), ledger.Batch{
		Source: ledger.SourceID{Account: "test", Type: ledger.Mailbox, Name: box}, At: m.clock, Mail: letters, Sent: box == sent,
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: uint32(len(m.mail[box])), Lowest: 1, Complete: true},
	})
	if err != nil {
		m.Fatal(err)
	}
}

// pass lets syncd work, and judges what it asked of the server.
func (m *machine) pass() error {
	m.count["passes"]++
	err := m.judged(m.Context())
	if err == nil && !m.trouble {
		m.heard()
	}
	return err
}

func (m *machine) judged(ctx context.Context) error {
	before := m.server.Objects(follow)
	err := m.Pass(ctx)
	m.judge(before)
	if err != nil && ctx.Err() == nil && !m.trouble {
		m.Fatalf("I9: a pass without a fault failed: %v", err)
	}
	return err
}

// placements are all entries the ledger knows, by UID.
func (m *machine) placements() map[string]ledger.FollowUpRow {
	all := map[string]ledger.FollowUpRow{}
	for p, err := range m.Ledger().FollowUps(m.Context()) {
		if err != nil {
			m.Fatal(err)
		}
		all[p.UID] = p
	}
	return all
}

// tally counts over all histories.
type tally struct {
	mu        sync.Mutex
	histories int
	counts    map[string]int
}

func (a *tally) add(m *machine) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[string]int{}
	}
	a.histories++
	for what, n := range m.count {
		a.counts[what] += n
	}
	for _, p := range m.placements() {
		a.counts["ended "+string(p.Outcome)]++
	}
}

func (a *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d histories", a.histories)
	for _, what := range sortedNames(maps.Keys(a.counts)) {
		fmt.Fprintf(&b, "; %s: %d", what, a.counts[what])
	}
	return b.String()
}

// demand fails where the histories did not get to what they are to show.
func (a *tally) demand(t *testing.T) {
	t.Helper()
	if a.histories < 200 {
		return // somebody asked for fewer
	}
	for _, o := range []planner.Outcome{planner.Acted, planner.Answered, planner.Done, planner.Dismissed, planner.Expired, planner.Withdrawn} {
		if a.counts["ended "+string(o)] == 0 {
			t.Errorf("no follow-up ended as %q in %d histories", o, a.histories)
		}
	}
}
