package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestLedgerLostJournalKept deletes the ledger and keeps journal, calendar and
// mail: after one pass, plan says what it said before, as text and as JSON, the
// pass writes nothing, and what is known of every entry is the same. The history
// has follow-ups that are open, moved, retitled, noted, done, dismissed, acted on
// and, later, expired.
func TestLedgerLostJournalKept(t *testing.T) {
	now := time.Date(2026, 5, 15, 18, 30, 0, 0, time.UTC)
	p := newRescan(t, now)
	for _, at := range demo.Passes(now) {
		p.pass(t, at)
	}
	p.gestures(t)
	for range 2 { // for the deletion to be believed
		now = now.Add(15 * time.Minute)
		p.pass(t, now)
	}
	p.lose(t, now, planner.Acted, planner.Done, planner.Dismissed, "")
	for range 14 {
		now = now.AddDate(0, 0, 1)
		p.pass(t, now)
	}
	p.lose(t, now, planner.Acted, planner.Done, planner.Dismissed, planner.Expired, "")
}

type rescan struct {
	stage *demo.Stage
	flags []string
	state string
}

func newRescan(t *testing.T, now time.Time) *rescan {
	t.Helper()
	s, err := demo.Start(t.Context(), demo.Options{Seed: 1, Now: now, Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	p := &rescan{stage: s, state: filepath.Join(dir, "state")}
	path := filepath.Join(dir, "config.toml")
	if err := writeConfig(path, s, s.Config.Accounts[0].IMAP.Port); err != nil {
		t.Fatal(err)
	}
	p.flags = []string{"--config", path, "--state", p.state}
	return p
}

// syncd runs a command and returns what it printed.
func (p *rescan) syncd(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append(args, p.flags...), &out, &errs, time.Now); code != 0 {
		t.Fatalf("syncd %s: exit %d\n%s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

func clock(at time.Time) string { return at.Format("2006-01-02 15:04") }

func (p *rescan) pass(t *testing.T, at time.Time) {
	t.Helper()
	if err := p.stage.Advance(at); err != nil {
		t.Fatal(err)
	}
	p.syncd(t, "sync", "--at", clock(at))
}

// gestures has the user answer five entries, each in another way.
func (p *rescan) gestures(t *testing.T) {
	t.Helper()
	all, err := p.stage.Entries(t.Context())
	if err != nil || len(all) < 6 {
		t.Fatalf("%d entries, %v; want six to answer", len(all), err)
	}
	edit := func(i int, old, to string) {
		body := strings.ReplaceAll(p.request(t, http.MethodGet, all[i].Href, ""), "\r\n ", "")
		if !strings.Contains(body, old) {
			t.Fatalf("no %q in\n%s", old, body)
		}
		p.request(t, http.MethodPut, all[i].Href, strings.Replace(body, old, to, 1))
	}
	day := all[0].Start.UTC().Format("20060102")
	moved := all[0].Start.AddDate(0, 0, 24).UTC().Format("20060102")
	edit(0, "DTSTART:"+day, "DTSTART:"+moved)
	edit(0, "DTEND:"+day, "DTEND:"+moved)
	edit(1, "SUMMARY:", "SUMMARY:In my words: ")
	edit(2, "notes below this line stay ---", `notes below this line stay ---\nshe likes tea`)
	edit(3, "SUMMARY:", "SUMMARY:done ")
	p.request(t, http.MethodDelete, all[4].Href, "")
}

func (p *rescan) request(t *testing.T, method, href, body string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(p.stage.URL(), p.stage.Path())+href, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth(p.stage.User, p.stage.Password)
	q.Header.Set("Content-Type", "text/calendar; charset=utf-8")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v", method, href, r.Status, err)
	}
	return string(answer)
}

// lose deletes the ledger, passes, and compares.
func (p *rescan) lose(t *testing.T, at time.Time, want ...planner.Outcome) {
	t.Helper()
	views := [][]string{{"plan"}, {"plan", "--all"}, {"plan", "--json"}, {"plan", "--json", "--all"}}
	var before []string
	for _, v := range views {
		before = append(before, p.syncd(t, append(v, "--at", clock(at))...))
	}
	rows := p.rows(t)
	have := map[planner.Outcome]bool{}
	for _, r := range rows {
		have[r.Outcome] = true
	}
	for _, o := range want {
		if !have[o] {
			t.Errorf("the history has no follow-up that ended as %q", o)
		}
	}
	files, err := filepath.Glob(filepath.Join(p.state, "ledger.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no ledger: %v", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	writes := len(p.stage.Writes())
	p.syncd(t, "sync", "--at", clock(at))
	if w := p.stage.Writes()[writes:]; len(w) != 0 {
		t.Errorf("the pass after it wrote %q", w)
	}
	for i, v := range views {
		if diff := cmp.Diff(before[i], p.syncd(t, append(v, "--at", clock(at))...)); diff != "" {
			t.Errorf("at %s, %s mismatch (-before +after):\n%s", clock(at), strings.Join(v, " "), diff)
		}
	}
	if diff := cmp.Diff(rows, p.rows(t)); diff != "" {
		t.Errorf("at %s, what is known of the entries, mismatch (-before +after):\n%s", clock(at), diff)
	}
}

// rows are what is known of the entries; of those that ended, what the journal
// can say: it has no words, and nothing else has theirs any more.
func (p *rescan) rows(t *testing.T) []ledger.FollowUpRow {
	t.Helper()
	l, err := ledger.OpenReader(t.Context(), p.state)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var all []ledger.FollowUpRow
	for r, err := range l.FollowUps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		p := &r.Placement
		p.Wrote.Start, p.Wrote.End = time.Time{}, time.Time{} // no longer asked for once it is placed
		if !p.Open() {
			p.Href, p.ETag, p.Due, p.Sequence, p.Theirs, p.Wrote, p.Seen = "", "", time.Time{}, 0, 0, ledger.Shape{}, ledger.Shape{}
			p.Because, p.Earlier, p.MissingAt = nil, nil, time.Time{}
			if len(p.Evidence) > 0 { // what else there was is in no key
				e := p.Evidence[0]
				p.Evidence = []planner.Evidence{{Type: e.Type, ID: e.ID, At: e.At.UTC(), Subject: e.Subject, Account: e.Account}}
			}
			p.EndedBy = planner.Evidence{Type: p.EndedBy.Type, ID: p.EndedBy.ID, At: p.EndedBy.At.UTC()}
		}
		all = append(all, r)
	}
	return all
}
