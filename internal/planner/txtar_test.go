package planner_test

import (
	"os"
	"strings"
	"testing"
)

// archive is a file in the txtar format: a comment and named sections.
type archive struct {
	comment string
	names   []string
	section map[string]string
}

func readArchive(t *testing.T, name string) archive {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	a := archive{section: make(map[string]string)}
	current := ""
	for line := range strings.Lines(string(data)) {
		head, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		head, ok2 := strings.CutSuffix(head, " --")
		switch {
		case ok && ok2:
			current = head
			a.names = append(a.names, head)
		case current == "":
			a.comment += line
		default:
			a.section[current] += line
		}
	}
	return a
}

func (a archive) write(t *testing.T, name string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(a.comment)
	for _, n := range a.names {
		b.WriteString("-- " + n + " --\n" + a.section[n])
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
