package daemon_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestMovedToAnotherAccount moves an event to a calendar on the server of another
// account: it is the user's from then on, no dismissal, and never touched (SPEC
// section 8.1). While that server says nothing, nothing is concluded.
func TestMovedToAnotherAccount(t *testing.T) {
	marker := regexp.MustCompile(`X-SYNCD:[^\r]*\r\n( [^\r]*\r\n)*`)
	as := func(body, uid string) string {
		return regexp.MustCompile(`UID:syncd[^\r]*\r\n( [^\r]*\r\n)*`).ReplaceAllString(body, "UID:"+uid+"\r\n")
	}
	for name, program := range map[string]func(string) string{
		"as it was":                  func(s string) string { return s },
		"under another UID":          func(s string) string { return as(s, "new@example.net") },
		"under another UID, no X-":   func(s string) string { return marker.ReplaceAllString(as(s, "new@example.net"), "") },
		"not at all: it was deleted": nil,
	} {
		for _, silent := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", silent for a while"}[silent], func(t *testing.T) {
				r, far := twoAccounts(t)
				moved := r.placements(t)[0]
				body := byHand(t, r.stage, http.MethodGet, moved.Href, "")
				byHand(t, r.stage, http.MethodDelete, moved.Href, "")
				if program != nil {
					body = program(body)
					far.Store("home", "moved.ics", body)
				}
				if silent {
					far.Set(caldavtest.Faults{Status500: true})
					for range 2 {
						r.clock = r.clock.Add(15 * time.Minute)
						_ = r.Pass(t.Context()) // it names the account that fails
					}
					if p := r.placement(t, moved.UID); !p.Open() {
						t.Errorf("while the other server is silent: %s, %q", p.State, p.Outcome)
					}
					far.Set(caldavtest.Faults{})
				}
				far.Forget()
				writes := len(r.stage.Writes())
				r.later(t)
				want, outcome := ledger.TakenOver, planner.Outcome("")
				if program == nil {
					want, outcome = ledger.Closed, planner.Dismissed
				}
				if p := r.placement(t, moved.UID); p.State != want || p.Outcome != outcome {
					t.Errorf("it is %s, %q; want %s, %q", p.State, p.Outcome, want, outcome)
				}
				for _, w := range far.Writes() {
					t.Errorf("written to the other account: %s", w)
				}
				for _, w := range r.stage.Writes()[writes:] {
					if strings.Contains(w, moved.UID) {
						t.Errorf("written after the move: %s", w)
					}
				}
				if program != nil && far.Objects("home")["moved.ics"] != body {
					t.Error("the moved event was touched")
				}
			})
		}
	}
}

// TestSilentAccountIsWaitedForADay deletes an event while another account is out of
// reach for good: the deletion is believed after a day.
func TestSilentAccountIsWaitedForADay(t *testing.T) {
	r, far := twoAccounts(t)
	far.Set(caldavtest.Faults{Status500: true})
	gone := r.placements(t)[0]
	byHand(t, r.stage, http.MethodDelete, gone.Href, "")
	for _, wait := range []time.Duration{15 * time.Minute, 15 * time.Minute, 22 * time.Hour, 3 * time.Hour} {
		if p := r.placement(t, gone.UID); !p.Open() {
			t.Errorf("at %v: %q", r.clock, p.Outcome)
		}
		r.clock = r.clock.Add(wait)
		_ = r.Pass(t.Context())
	}
	if p := r.placement(t, gone.UID); p.Outcome != planner.Dismissed {
		t.Errorf("after a day it is %s, %q", p.State, p.Outcome)
	}
}

// twoAccounts is a trial with a second account, whose calendar "home" is on a server
// of its own.
func twoAccounts(t *testing.T) (*trial, *caldavtest.Server) {
	t.Helper()
	r := &trial{stage: stage(t), clock: now}
	far, err := caldavtest.Start(t.Context(), caldavtest.Options{
		User: r.stage.User, Password: r.stage.Password, Calendars: []caldavtest.Calendar{{Name: "home", Title: "Home"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	cfg := *r.stage.Config
	second := cfg.Accounts[0]
	dav := *second.CalDAV
	dav.URL = config.URL(far.URL + "/")
	second.Name, second.IMAP, second.CardDAV, second.CalDAV = "second", nil, nil, &dav
	cfg.Accounts = append(slices.Clone(cfg.Accounts), second)
	r.start(t, &cfg)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, far
}

func (r *trial) placement(t *testing.T, uid string) ledger.Placement {
	t.Helper()
	for _, p := range r.placements(t) {
		if p.UID == uid {
			return p
		}
	}
	t.Fatalf("no placement %s", uid)
	return ledger.Placement{}
}
