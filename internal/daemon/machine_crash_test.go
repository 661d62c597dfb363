package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// How syncd dies in a history, what it leaves behind, and what must hold once it
// runs again (SPEC I9).

// death is when and how it dies.
type death struct {
	request int     // the how manieth, of those that count; 0: it does not die
	counts  string  // which do
	after   bool    // the server has acted
	undone  bool    // what it committed since the request before is not on the disk
	torn    float64 // of what the journal got since then, this much is (undone alone)
}

// Which requests count, and how many of them a pass has that changes a few entries.
const (
	allRequests = "all"
	writeAlone  = "those that may change something"
	afterWrites = "those that follow on one"
)

var most = map[string]int{allRequests: 20, writeAlone: 2, afterWrites: 2}

// image is what lies on the disk at some moment.
type image map[string][]byte

var ledgerFiles = []string{"ledger.db", "ledger.db-wal"}

const journalFile = "journal.jsonl"

// front lies between syncd and the server, and lets syncd die at a request.
type front struct {
	server *caldavtest.Server
	disk   func() image
	mu     sync.Mutex
	death
	die    func()
	dead   bool
	at     *http.Request // that it died at
	last   *http.Request // the one before
	before image         // the disk at the request before, where the death undoes something
	latest image
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now, dead := f.count(r)
	if now && f.after {
		f.server.ServeHTTP(httptest.NewRecorder(), r)
	}
	if now {
		f.die()
	}
	if now || dead {
		panic(http.ErrAbortHandler)
	}
	f.server.ServeHTTP(w, r)
}

// count says whether syncd dies at a request, or is dead.
func (f *front) count(r *http.Request) (now, dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead || f.request == 0 {
		return false, f.dead
	}
	if f.undone {
		f.before, f.latest = f.latest, f.disk()
	}
	if f.counts == allRequests || f.counts == writeAlone && writes(r) || f.counts == afterWrites && writes(f.last) {
		f.request--
	}
	if f.dead = f.request == 0; f.dead {
		f.at = r
	} else {
		f.last = r
	}
	return f.dead, false
}

func writes(r *http.Request) bool {
	return r != nil && (r.Method == http.MethodPut || r.Method == http.MethodDelete)
}

// disk is what lies there now.
func (m *machine) disk() image {
	have := image{}
	for _, name := range append(slices.Clone(ledgerFiles), journalFile) {
		data, err := os.ReadFile(filepath.Join(m.dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.Error(err)
		}
		have[name] = data
	}
	return have
}

// killed lets syncd die as soon as there is something to do, perhaps again while
// it makes that good, and has it make it good.
func (m *machine) killed(t *rapid.T) {
	if m.pausedAt(m.clock) && rapid.Bool().Draw(t, "resume first") {
		m.resume()
	}
	m.causes(t)
	died := false
	for range 3 {
		if died = m.dies(t); died {
			break
		}
		m.wait(t)
	}
	for died && rapid.Bool().Draw(t, "again") {
		died = m.dies(t)
	}
	m.recovers()
}

// causes gives syncd something to write, to change or to remove.
func (m *machine) causes(t *rapid.T) {
	all := m.placements()
	uids := slices.DeleteFunc(sortedNames(maps.Keys(all)), func(uid string) bool { return !all[uid].Open() || all[uid].Key.Who == "" })
	if len(uids) == 0 {
		return
	}
	who := all[rapid.SampledFrom(uids).Draw(t, "open")].Key.Who
	person := people[slices.IndexFunc(people, func(p string) bool { return addressOf(p) == who })]
	m.clock = m.clock.Add(12 * time.Minute)
	switch rapid.SampledFrom([]string{"it ends", "it says more", "the next one is due"}).Draw(t, "cause") {
	case "it ends":
		m.inTouch(person)
		m.deliver(sent, person, "Re: The draft", m.last[person])
	case "it says more":
		m.deliver(inbox, person, "The draft", "")
	default:
		m.clock = nextTime(m.clock, 8, 30)
	}
}

// dies is a pass in which the process is killed, if it gets there.
func (m *machine) dies(t *rapid.T) bool {
	d := death{counts: rapid.SampledFrom(sortedNames(maps.Keys(most))).Draw(t, "counts"), after: rapid.Bool().Draw(t, "after")}
	d.request = rapid.IntRange(1, most[d.counts]).Draw(t, "request")
	if d.undone = !d.after && rapid.Bool().Draw(t, "undone"); d.undone {
		d.torn = rapid.Float64Range(0, 1).Draw(t, "torn")
	}
	had := m.placements()
	ctx, cancel := context.WithCancel(m.Context())
	defer cancel()
	m.front.arm(d, cancel)
	trouble := m.trouble
	m.trouble = true
	_ = m.judged(ctx)
	m.trouble = trouble
	return m.resurrect(d, had)
}

// arm has syncd die that way.
func (f *front) arm(d death, die func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.death, f.die = d, die
}

// disarm tells at which request it died, nil where it did not; the one before; and
// what lay on the disk then, where the death undoes something.
func (f *front) disarm() (at, last *http.Request, before image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, last, before = f.at, f.last, f.before
	f.death, f.die, f.dead, f.at, f.last, f.before, f.latest = death{}, nil, false, nil, nil, nil, nil
	return at, last, before
}

// resurrect starts a process on what the dead one left behind. had are the
// entries that it knew when it began. It says whether it had died.
func (m *machine) resurrect(d death, had map[string]ledger.FollowUpRow) bool {
	at, last, before := m.front.disarm()
	knew := m.placements()
	if err := m.Close(); err != nil {
		m.Fatal(err)
	}
	m.tallyDeath(d, at, last, knew)
	undone := at != nil && before != nil
	if undone {
		knew = had
		m.undo(before, d.torn)
	}
	m.open()
	m.survived(knew, undone)
	return at != nil
}

// restart closes the ledger and opens it again.
func (m *machine) restart() {
	knew := m.placements()
	if err := m.Close(); err != nil {
		m.Fatal(err)
	}
	m.open()
	m.survived(knew, false)
}

// fills is a pass in which nothing can be added to the journal.
func (m *machine) fills(t *rapid.T) {
	m.causes(t)
	journal := filepath.Join(m.dir, journalFile)
	if err := errors.Join(os.Rename(journal, journal+".away"), os.Mkdir(journal, 0o700)); err != nil {
		m.Fatal(err)
	}
	m.trouble = true
	_ = m.pass()
	m.heal()
	if err := errors.Join(os.Remove(journal), os.Rename(journal+".away", journal)); err != nil {
		m.Fatal(err)
	}
	m.restart()
	m.recovers()
}

// tallyDeath counts where it died.
func (m *machine) tallyDeath(d death, at, last *http.Request, knew map[string]ledger.FollowUpRow) {
	var when string
	switch {
	case at == nil:
		m.count["killed too late"]++
		return
	case writes(at) && d.after:
		when = "killed in the answer to "
	case writes(at):
		when = "killed before "
	case writes(last):
		at, when = last, "killed after "
	default:
		m.count["killed at a read"]++
		return
	}
	uid := strings.TrimSuffix(filepath.Base(at.URL.Path), ".ics")
	m.count[when+at.Method+", "+string(knew[uid].State)]++
	if d.undone {
		m.count["killed with a commit undone"]++
	}
}

// undo puts the ledger back on the disk as it was at the request before, and of
// what the journal got since then a part: each of its lines is on the disk before
// the commit it belongs to.
func (m *machine) undo(before image, torn float64) {
	journal := m.disk()[journalFile]
	fresh, ok := bytes.CutPrefix(journal, before[journalFile])
	if !ok {
		m.Fatalf("I9: the journal is not appended to")
	}
	before[journalFile] = journal[:len(journal)-len(fresh)+int(torn*float64(len(fresh)))]
	_ = os.Remove(filepath.Join(m.dir, "ledger.db-shm"))
	for name, data := range before {
		if err := os.WriteFile(filepath.Join(m.dir, name), data, 0o600); err != nil {
			m.Fatal(err)
		}
	}
}

// survived demands of a process that has begun that it knows what the one before
// knew, all of it unless some was undone; that nothing in the calendar is unknown
// to it, and that the journal could tell as much.
func (m *machine) survived(knew map[string]ledger.FollowUpRow, undone bool) {
	now := m.placements()
	for uid, p := range knew {
		q, there := now[uid]
		switch {
		case !there:
			m.Fatalf("I9: the ledger lost %s", uid)
		case !undone && !cmp.Equal(p, q):
			m.Fatalf("I9: the ledger knew something else of %s (-before +after):\n%s", uid, cmp.Diff(p, q))
		case q.Key != p.Key || q.Generation != p.Generation || !q.Slot.Equal(p.Slot):
			m.Fatalf("I9: %s was %v no %d at %v, and is %v no %d at %v", uid, p.Key, p.Generation, p.Slot, q.Key, q.Generation, q.Slot)
		case p.Purged() && q.Outcome == planner.Dismissed && m.let[uid]: // they had deleted it before
		case !p.Open() && !q.Open() && (q.Outcome != p.Outcome || q.EndedBy.ID != p.EndedBy.ID) && !m.tookBack(uid, p.EndedAt):
			m.Fatalf("I9: %s had ended (%q, by %q), and has ended (%q, by %q)", uid, p.Outcome, p.EndedBy.ID, q.Outcome, q.EndedBy.ID)
		}
	}
	for uid := range m.entries() {
		if _, known := now[uid]; !known {
			m.Fatalf("I9: %s is in the calendar, and the ledger knows nothing of it", uid)
		}
	}
	m.journalled(now)
}

// journalled demands that the journal has every entry, and every end.
func (m *machine) journalled(all map[string]ledger.FollowUpRow) {
	begun, over := map[string]bool{}, map[string]bool{}
	for text := range bytes.Lines(m.disk()[journalFile]) {
		var n struct{ Type, UID, Decision string }
		if json.Unmarshal(text, &n) != nil {
			continue // torn
		}
		switch n.Type {
		case "uid":
			begun[n.UID] = true
		case "end", "decision":
			over[n.UID] = true
		}
	}
	for _, uid := range sortedNames(maps.Keys(all)) {
		if !begun[uid] || !all[uid].Open() && !over[uid] {
			m.Fatalf("I9: the journal has of %s (%s, %q): that it was begun: %t, that it ended: %t", uid, all[uid].State, all[uid].Outcome, begun[uid], over[uid])
		}
	}
}

// tookBack reports whether the journal has that an end was taken back since.
func (m *machine) tookBack(uid string, since time.Time) bool {
	for text := range bytes.Lines(m.disk()[journalFile]) {
		var n struct {
			UID, Decision string
			At            time.Time
		}
		if json.Unmarshal(text, &n) == nil && n.UID == uid && n.Decision == string(ledger.DecideUndone) && !n.At.Before(since) {
			return true
		}
	}
	return false
}

// recovers is what follows on a death: a pass without a fault makes good what was
// cut short, so that calendar and ledger agree on every entry, and the next one has
// nothing to do.
func (m *machine) recovers() {
	if m.pass() != nil || m.pausedAt(m.clock) {
		return
	}
	placed := m.placements()
	for uid, o := range m.entries() {
		m.accounted(uid, o.data, placed)
	}
	m.idle()
}
