package caldav_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"syncd/internal/caldav/caldavtest"
)

// What calendar programs really wrote, in one calendar: every object is read or
// named as skipped, and none costs another.
func TestCorpus(t *testing.T) {
	const dir = "../../../shared/corpora/ics"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		t.Skip("no corpus at " + dir)
	}
	srv, s, c := faulty(t, caldavtest.Faults{})
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".ics" {
			return err
		}
		data, err := os.ReadFile(path)
		n++
		srv.Store("work", strconv.Itoa(n)+".ics", string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b := newBook()
	b.read(t, s, c)
	if got := len(b.known) + len(b.skipped); got != n {
		t.Errorf("%d objects read or skipped, want %d", got, n)
	}
	meetings := 0
	for href, list := range b.meetings {
		meetings += len(list)
		for _, m := range list {
			if m.UID == "" || m.Start.IsZero() || m.End.Before(m.Start) || m.KnownAt.After(m.Start) {
				t.Errorf("%s: meeting %+v", href, m)
			}
		}
	}
	l, err := s.Entries(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d objects: %d meetings, %d entries, %d and %d skipped", n, meetings, len(l.Entries), len(b.skipped), len(l.Skipped))
}
