package daemon_test

import (
	"cmp"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/servertest"
)

// rig is the whole of syncd on the demo's mail and a calendar server that can
// misbehave. Both have the clock that the test moves.
type rig struct {
	*daemon.Daemon
	server *caldavtest.Server
	// In place of server there may be a user of a real one, with a breaker before it.
	user    *servertest.DAVUser
	origin  string // of user's
	breaker *breaker
	cfg     *config.Config
	state   string
	now     atomic.Pointer[time.Time]
}

const own, other = "follow-ups", "private"

func newRig(t *testing.T) *rig {
	t.Helper()
	s := stage(t)
	r := &rig{state: s.StateDir}
	r.at(now)
	var err error
	r.server, err = caldavtest.Start(t.Context(), caldavtest.Options{
		User: s.User, Password: s.Password, Now: func() time.Time { return *r.now.Load() },
		Calendars: []caldavtest.Calendar{{Name: own, Title: s.Config.Followups.Calendar}, {Name: other}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.server.Close() })
	r.calendars(t, s, r.server.URL+"/", config.Login{User: s.User, Password: config.Hidden(s.Password)})
	return r
}

// calendars opens the ledger with the demo's mail, and with calendars elsewhere.
func (r *rig) calendars(t *testing.T, s *demo.Stage, at string, login config.Login) {
	t.Helper()
	cfg := *s.Config
	cfg.Accounts = slices.Clone(cfg.Accounts)
	dav := *cfg.Accounts[0].CalDAV
	dav.URL, dav.Login = config.URL(at), login
	cfg.Accounts[0].CalDAV = &dav
	r.cfg = &cfg
	r.open(t, r.cfg)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (r *rig) at(now time.Time) { r.now.Store(&now) }

func (r *rig) open(t *testing.T, cfg *config.Config) {
	t.Helper()
	var err error
	r.Daemon, err = daemon.Open(t.Context(), daemon.Options{
		Config: cfg, StateDir: r.state, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return *r.now.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// restart opens the ledger with another configuration.
func (r *rig) restart(t *testing.T, change func(*config.Config)) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := *r.cfg
	change(&cfg)
	r.open(t, &cfg)
}

// after passes when so much time has gone by, and returns what the pass says.
func (r *rig) after(t *testing.T, by time.Duration) error {
	t.Helper()
	r.at(r.now.Load().Add(by))
	return r.Pass(t.Context())
}

// calm passes twice, far enough apart that a deletion would be believed.
func (r *rig) calm(t *testing.T) {
	t.Helper()
	for range 2 {
		if err := r.after(t, 15*time.Minute); err != nil {
			t.Errorf("Pass = %v", err)
		}
	}
}

// written passes until the day's follow-ups are in the calendar.
func (r *rig) written(t *testing.T) []ledger.Placement {
	t.Helper()
	if err := r.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := r.placements(t)
	if len(all) < 2 {
		t.Fatalf("%d follow-ups, want several", len(all))
	}
	return all
}

func (r *rig) placements(t *testing.T) []ledger.Placement {
	t.Helper()
	all, err := r.Ledger().Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b ledger.Placement) int {
		return cmp.Or(cmp.Compare(a.Generation, b.Generation), cmp.Compare(a.UID, b.UID))
	})
	return all
}

// asked reports whether the server was asked for objects in one request.
func (r *rig) asked() bool {
	return slices.ContainsFunc(r.server.Requests(), func(q caldavtest.Request) bool { return strings.Contains(q.Body, "-multiget") })
}

// decisions are the lines of the journal that say what the user decided or how a
// follow-up ended.
func (r *rig) decisions(t *testing.T) (lines []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.state, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		for _, kind := range []string{"decision", "end"} {
			if strings.HasPrefix(line, `{"type":"`+kind+`"`) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// health is what status has to say of one side of the account.
func (r *rig) health(t *testing.T, side ledger.SourceType) string {
	t.Helper()
	all, err := r.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if h.Source.Type == side && h.Source.Name == "" {
			return h.Error
		}
	}
	return ""
}

// seenAgain leaves out of placements what only says when an entry was looked for.
var seenAgain = cmpopts.IgnoreFields(ledger.Placement{}, "MissingAt", "ETag")

// TestNothingIsConcluded has a server that fails in the ways a listing can,
// beside open follow-ups: no decision is taken, nothing is written, and status
// says what failed where something did.
func TestNothingIsConcluded(t *testing.T) {
	tests := []struct {
		name   string
		faults caldavtest.Faults
		says   string // in status; "": nothing failed
	}{
		{"an empty listing", caldavtest.Faults{EmptyListing: true}, ""},
		{"an empty listing, without tokens", caldavtest.Faults{EmptyListing: true, NoSyncCollection: true, NoCTag: true}, ""},
		{"500", caldavtest.Faults{Status500: true}, "500"},
		{"half a multistatus", caldavtest.Faults{HalfMultistatus: true}, "malformed answer"},
		{"a multiget reset in the middle", caldavtest.Faults{ResetMultiget: true, CounterETags: true}, ""}, // each is asked for alone then
		{"a listing three minutes old", caldavtest.Faults{LateListing: 3 * time.Minute}, ""},
		{"a listing of before anything was written", caldavtest.Faults{LateListing: 24 * time.Hour}, ""},
		{"503 to every report", caldavtest.Faults{Answer: func(q *http.Request) int {
			if q.Method == "REPORT" || q.Method == "PROPFIND" {
				return http.StatusServiceUnavailable
			}
			return 0
		}}, "503"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			before := r.written(t)
			objects, decided := r.server.Objects(own), r.decisions(t)
			r.server.Forget()
			r.server.Set(test.faults)
			for range 3 {
				err := r.after(t, 15*time.Minute)
				if test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
					t.Errorf("Pass = %v, want %q", err, test.says)
				}
				if said := r.health(t, ledger.FollowUps); !strings.Contains(said, test.says) {
					t.Errorf("status says %q, want %q", said, test.says)
				}
				if diff := gocmp.Diff(before, r.placements(t), seenAgain); diff != "" {
					t.Errorf("placements (-before +under the fault):\n%s", diff)
				}
			}
			if test.faults.ResetMultiget && !r.asked() {
				t.Error("nothing was asked for that could be reset")
			}
			r.server.Set(caldavtest.Faults{})
			r.calm(t)
			if diff := gocmp.Diff(before, r.placements(t), cmpopts.IgnoreFields(ledger.Placement{}, "ETag")); diff != "" {
				t.Errorf("placements (-before +after the fault):\n%s", diff)
			}
			if diff := gocmp.Diff(decided, r.decisions(t)); diff != "" {
				t.Errorf("decisions (-before +after the fault):\n%s", diff)
			}
			if diff := gocmp.Diff(objects, r.server.Objects(own)); diff != "" {
				t.Errorf("calendar (-before +after the fault):\n%s", diff)
			}
			for _, w := range r.server.Writes() {
				t.Errorf("written: %s", w)
			}
			if said := r.health(t, ledger.FollowUps); said != "" {
				t.Errorf("status says %q when the server answers again", said)
			}
		})
	}
}

// everyFault is every fault that a server may have while it is written to.
var everyFault = map[string]caldavtest.Faults{
	"ignores preconditions":     {IgnoreIfNoneMatch: true, IgnoreIfMatch: true, IgnoreIfMatchOnDelete: true},
	"no ETag on PUT":            {NoETagOnPut: true},
	"weak ETags":                {WeakETags: true},
	"counters for ETags":        {CounterETags: true},
	"no ETags":                  {NoETags: true},
	"no sync-collection":        {NoSyncCollection: true},
	"no tokens at all":          {NoSyncCollection: true, NoCTag: true},
	"tokens expire":             {SyncTokenExpired: true},
	"tokens answered 500":       {SyncTokenError: http.StatusInternalServerError},
	"tokens answered with all":  {SyncEverything: true},
	"pages of one":              {SyncPage: 1},
	"PUT refused in a 207":      {RefusedPut207: true},
	"a UID once for all":        {GlobalUIDs: true},
	"other hrefs":               {RenameHrefs: true},
	"properties dropped":        {Drop: []string{"URL", "COLOR", "CATEGORIES"}},
	"rewritten as Google does":  {Stored: func(o string) string { return caldavtest.Google.Save(o, now) }},
	"rewritten as Apple does":   {Stored: func(o string) string { return caldavtest.Apple.Save(o, now) }},
	"empty listings":            {EmptyListing: true},
	"one change late":           {StaleListing: 1},
	"three minutes late":        {LateListing: 3 * time.Minute},
	"half a multistatus":        {HalfMultistatus: true},
	"multigets with holes":      {MultigetMissing: true},
	"multigets reset":           {ResetMultiget: true},
	"deleted UIDs kept":         {KeepDeleted: true},
	"answers lost":              {LoseAnswer: true},
	"answers to PUT lost":       {LoseOnly: http.MethodPut},
	"answers to DELETE lost":    {LoseOnly: http.MethodDelete},
	"500":                       {Status500: true},
	"other hrefs, answers lost": {RenameHrefs: true, LoseAnswer: true},
	"late, answers lost":        {LateListing: 3 * time.Minute, LoseAnswer: true},
	"late, hrefs, no ETags":     {LateListing: 3 * time.Minute, RenameHrefs: true, NoETags: true},
}

// TestEveryFault creates, rewrites and deletes follow-ups on a server with each of
// the faults, which end while passes go on: nothing is doubled, nothing is lost
// and nothing taken for a decision of the user's.
func TestEveryFault(t *testing.T) {
	want := underFault(t, caldavtest.Faults{})
	if len(want) < 2 {
		t.Fatalf("without a fault: %v", want)
	}
	for _, name := range slices.Sorted(maps.Keys(everyFault)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := gocmp.Diff(want, underFault(t, everyFault[name])); diff != "" {
				t.Errorf("mismatch (-decent server +this one):\n%s", diff)
			}
		})
	}
}

// underFault is what the calendar and the ledger hold in the end, by key.
func underFault(t *testing.T, f caldavtest.Faults) map[string]string {
	t.Helper()
	r := newRig(t)
	passes := func() {
		r.server.Set(f)
		for range 3 { // what fails is made good
			_ = r.after(t, 5*time.Minute)
		}
		r.server.Set(caldavtest.Faults{})
		r.calm(t)
		r.agrees(t)
	}
	passes()
	first := r.placements(t)
	if len(first) < 2 {
		t.Fatalf("%d follow-ups, want several", len(first))
	}
	name := func(c *config.Config) {
		c.Contacts = append(slices.Clone(c.Contacts), config.Contact{Addresses: []config.Address{config.Address(first[0].Key.Who)}, Name: "Another Name"})
	}
	r.restart(t, name)
	passes()
	r.restart(t, func(c *config.Config) {
		name(c)
		c.People.Ignore = append(slices.Clone(c.People.Ignore), config.AddressGlob(first[1].Key.Who))
	})
	passes()
	_ = r.after(t, 24*time.Hour) // what could not be written before its time comes the next day
	state := map[string]string{}
	for _, p := range r.placements(t) {
		if !slices.ContainsFunc(first, func(q ledger.Placement) bool { return q.Key == p.Key }) {
			continue // the next day's
		}
		state[p.Key.String()] = string(p.State) + " " + string(p.Outcome) + " " + p.Seen.Summary
	}
	for _, line := range r.decisions(t) {
		if strings.HasPrefix(line, `{"type":"decision"`) {
			t.Errorf("a decision: %s", line)
		}
	}
	return state
}

// agrees demands one object for each entry that the ledger has placed.
func (r *rig) agrees(t *testing.T) {
	t.Helper()
	uids := map[string]int{}
	for _, body := range r.server.Objects(own) {
		_, rest, _ := strings.Cut(body, "UID:")
		uid, _, _ := strings.Cut(rest, "\r\n")
		uids[uid]++
	}
	for _, p := range r.placements(t) {
		want := 0
		if p.State == ledger.Placed {
			want = 1
		}
		if n := uids[p.UID]; n != want {
			t.Errorf("%s is %s %q, and the calendar holds it %d times", p.UID, p.State, p.Outcome, n)
		}
		if p.Outcome == planner.Dismissed {
			t.Errorf("%s counts as dismissed", p.UID)
		}
		delete(uids, p.UID)
	}
	for uid := range uids {
		t.Errorf("the calendar holds %s, the ledger does not", uid)
	}
}
