package ledger_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestViewsInAnotherSQLite reads every view with the sqlite3 of the system, which
// is older than the one that is linked in, and takes less.
func TestViewsInAnotherSQLite(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("sqlite3 is not installed, so the views are not read with it")
	}
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, mail("ana@x", day(1), "me@example.com > ana@example.org", "The plan"))
	appendMail(t, l, inbox, mail("answer@x", day(4), "ana@example.org > me@example.com", "Re: The plan"))
	p := placement(l, "ana@x")
	p.Key = planner.Key{Rule: planner.ReplyOwed, Evidence: "ana@x", Who: "ana@example.org"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDismissed, UID: p.UID, At: day(1.5)}}); err != nil {
		t.Fatal(err)
	}
	ask := func(q string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "sqlite3", "-readonly", filepath.Join(dir, "ledger.db"), q).CombinedOutput()
		if err != nil {
			t.Errorf("sqlite3 %q: %v\n%s", q, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	views := strings.Fields(ask("SELECT name FROM sqlite_schema WHERE type = 'view'"))
	if len(views) < 6 {
		t.Errorf("%d views, want all of schema.sql", len(views))
	}
	for _, v := range views {
		ask("SELECT * FROM " + v)
	}
	if got, want := ask("SELECT outcome, answer FROM outcomes"), "acted|answer@x"; got != want {
		t.Errorf("outcomes = %q, want %q", got, want)
	}
}
