package text_test

import (
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/text"
)

// tally is what was found of what is there.
type tally struct{ right, wrong, missed int }

func (c *tally) add(want, got bool) {
	switch {
	case want && got:
		c.right++
	case got:
		c.wrong++
	case want:
		c.missed++
	}
}

func (c tally) precision() float64 { return share(c.right, c.right+c.wrong) }

func (c tally) log(t *testing.T, name string) {
	t.Helper()
	p, q := wilson(c.right, c.right+c.wrong)
	r, s := wilson(c.right, c.right+c.missed)
	t.Logf("%-22s precision %d of %d, %.2f (%.2f to %.2f); recall %d of %d, %.2f (%.2f to %.2f)", name,
		c.right, c.right+c.wrong, c.precision(), p, q, c.right, c.right+c.missed, share(c.right, c.right+c.missed), r, s)
}

func logAll(t *testing.T, counts map[string]*tally) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		counts[name].log(t, name)
	}
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// wilson is the 95 % interval of a share.
func wilson(n, of int) (low, high float64) {
	if of == 0 {
		return 0, 1
	}
	const z = 1.96
	p, m := share(n, of), float64(of)
	middle, half := p+z*z/(2*m), z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return (middle - half) / (1 + z*z/m), (middle + half) / (1 + z*z/m)
}

// tuned says that an item is of the half that the patterns were made on.
func tuned(id string) bool {
	h := fnv.New32a()
	h.Write([]byte(id))
	return h.Sum32()%2 == 0
}

func half(id string) string {
	if tuned(id) {
		return "half looked at"
	}
	return "half not looked at"
}

func TestPromisesOfEnron(t *testing.T) {
	file := readFile(t, corpus(t, "text/promises/promises.tsv"))
	all, loose := tally{}, tally{}
	halves, strata, due := map[string]*tally{}, map[string]*tally{}, tally{}
	for i, line := range strings.Split(strings.TrimSpace(file), "\n") {
		f := strings.Split(line, "\t")
		if i == 0 || len(f) < 9 {
			continue
		}
		id, sentence, label := f[0], f[4], f[6]
		at, err := time.Parse(time.RFC3339, f[3])
		if err != nil {
			t.Fatal(err)
		}
		zone, err := time.LoadLocation(map[bool]string{true: "America/Denver", false: "America/Chicago"}[f[1] == "whitt-m"])
		if err != nil {
			t.Fatal(err)
		}
		r := text.Read(sentence, text.Message{Date: at.In(zone)})
		var sure, found bool
		day := ""
		for _, p := range r.Promises {
			found = true
			if p.Sure {
				sure = true
				if !p.Due.IsZero() {
					day = p.Due.Format(time.DateOnly)
				}
			}
		}
		want := label == "promise"
		all.add(want, sure)
		loose.add(want, found)
		count(halves, half(id)).add(want, sure)
		count(strata, map[bool]string{true: "marked (S)", false: "unmarked (C, N)"}[id[4] == 'S']).add(want, sure)
		if want && sure {
			due.add(f[8] != "" && day == f[8], day != "")
			if f[8] != "" && day != f[8] {
				due.missed++
			}
			if day != strings.TrimSpace(f[8]) && tuned(id) {
				t.Logf("due %q: got %q, want %q", sentence, day, f[8])
			}
		}
		if want != sure && tuned(id) {
			t.Logf("%s: sure %v, found %v: %s", label, sure, found, sentence)
		}
	}
	all.log(t, "all")
	logAll(t, halves)
	logAll(t, strata)
	loose.log(t, "with the uncertain")
	due.log(t, "due dates of those")
	if all.precision() < 0.90 || all.right == 0 {
		t.Errorf("precision %.3f, want 0.90", all.precision())
	}
}

func count(of map[string]*tally, name string) *tally {
	if of[name] == nil {
		of[name] = &tally{}
	}
	return of[name]
}
