package demo_test

import (
	"testing"
	"time"

	"syncd/internal/demo"
)

// The generator makes what it says for every seed: so many messages and meetings
// over two years, nothing of it after now, the same twice.
func TestGenerate(t *testing.T) {
	now := time.Date(2026, 5, 12, 14, 0, 0, 0, time.UTC)
	for _, o := range []struct {
		stories            bool
		messages, meetings int // at least, at most 150 and 20 more
		cards, notes       int
	}{{messages: 250, meetings: 17}, {true, 370, 25, 20, 5}} {
		for seed := range uint64(20) {
			of := demo.Options{Seed: seed, Now: now, Stories: o.stories}
			w := demo.Generate(of)
			if m, e := len(w.Messages), len(w.Meetings); m < o.messages || m > o.messages+150 || e < o.meetings || e > o.meetings+20 {
				t.Errorf("%+v: %d messages and %d meetings", of, m, e)
			}
			if c, n := len(w.Cards), len(w.Notes); c < o.cards || n < o.notes {
				t.Errorf("%+v: %d cards and %d notes, want at least %d and %d", of, c, n, o.cards, o.notes)
			}
			if oldest := w.Messages[0].At; now.Sub(oldest) < 500*24*time.Hour || now.Sub(oldest) > 760*24*time.Hour {
				t.Errorf("%+v: begins on %s", of, oldest.Format(time.DateOnly))
			}
			if last := w.Messages[len(w.Messages)-1].At; last.After(now) {
				t.Errorf("%+v: ends on %s, after now", of, last)
			}
			again := demo.Generate(of)
			for i, m := range w.Messages {
				if string(m.Raw) != string(again.Messages[i].Raw) {
					t.Fatalf("%+v: message %d is another the second time", of, i)
				}
			}
		}
	}
}
