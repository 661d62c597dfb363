package demo_test

import (
	"testing"
	"time"

	"syncd/internal/demo"
)

// The generator makes what it says for every seed: about 300 messages and 20
// meetings over two years, nothing of it after now, the same twice.
func TestGenerate(t *testing.T) {
	now := time.Date(2026, 5, 12, 14, 0, 0, 0, time.UTC)
	for seed := range uint64(20) {
		w := demo.Generate(seed, now)
		if m, e := len(w.Messages), len(w.Meetings); m < 250 || m > 400 || e < 17 || e > 30 {
			t.Errorf("seed %d: %d messages and %d meetings", seed, m, e)
		}
		if oldest := w.Messages[0].At; now.Sub(oldest) < 500*24*time.Hour || now.Sub(oldest) > 760*24*time.Hour {
			t.Errorf("seed %d: begins on %s", seed, oldest.Format(time.DateOnly))
		}
		if last := w.Messages[len(w.Messages)-1].At; last.After(now) {
			t.Errorf("seed %d: ends on %s, after now", seed, last)
		}
		again := demo.Generate(seed, now)
		for i, m := range w.Messages {
			if string(m.Raw) != string(again.Messages[i].Raw) {
				t.Fatalf("seed %d: message %d is another the second time", seed, i)
			}
		}
	}
}
