package bench_test

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"syncd/internal/ical"
	"syncd/internal/mail"
)

// corpora is where real files lie that are no part of the project.
const corpora = "../../shared/corpora"

// parser is a reader of what others wrote, and where examples lie.
type parser struct {
	name string
	dirs []string
	read func([]byte)
}

var parsers = []parser{
	{"mail headers", []string{"mail/torture", "mail/automated"}, func(b []byte) {
		mail.Parse(b, time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC))
	}},
	{"calendar objects", []string{"ics"}, func(b []byte) {
		if c, err := ical.Parse(b); err == nil {
			from := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
			events, _ := c.Events()
			ical.ExpandEach(events, from, from.AddDate(26, 0, 0), time.UTC)
		}
	}},
}

// What one input may take (issue 3).
const (
	maxCPU   = 100 * time.Millisecond
	maxBytes = 16 << 20
)

// cost is what one input took.
type cost struct {
	input string
	size  int
	cpu   time.Duration
	bytes int64
	fault string // how it panicked, "" if it did not
}

// hostile reads every file and mutations of it, and lists what took longest.
func hostile(b *bench) {
	runtime.LockOSThread() // so that its time can be told from that of others
	defer runtime.UnlockOSThread()
	for _, p := range parsers {
		files := examples(b, p.dirs)
		if len(files) == 0 {
			b.out.line("  %s: %s is not there", p.name, filepath.Join(corpora, p.dirs[0]))
			continue
		}
		if b.size(1000) < 1000 { // a few of them will do
			files = files[:min(len(files), b.size(1000)*20)]
		}
		var costs []cost
		each := max(1, b.size(200))
		for i, f := range files {
			costs = append(costs, measured(p, f, f.raw, "as it is"))
			for n := range each {
				r := rand.New(rand.NewPCG(uint64(i), uint64(n)))
				raw, how := mutate(r, f.raw, files[r.IntN(len(files))].raw)
				c := measured(p, f, raw, strconv.Itoa(n)+" "+how)
				if c.fault != "" {
					keepFault(b, c, raw)
				}
				costs = append(costs, c)
			}
		}
		worst(b, p, files, costs)
	}
}

type example struct {
	path string
	raw  []byte
}

func examples(b *bench, dirs []string) (all []example) {
	b.Helper()
	for _, dir := range dirs {
		root := filepath.Join(corpora, dir)
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // a corpus that is absent
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all = append(all, example{path: strings.TrimPrefix(path, corpora+"/"), raw: raw})
			return nil
		})
	}
	return all
}

// measured reads one input, twice if it took long: another process may have been
// in the way.
func measured(p parser, f example, raw []byte, how string) cost {
	once := func() cost {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := threadTime()
		fault := caught(p.read, raw)
		c := cost{input: f.path + ", " + how, size: len(raw), cpu: threadTime() - start, fault: fault}
		runtime.ReadMemStats(&after)
		c.bytes = int64(after.TotalAlloc - before.TotalAlloc)
		return c
	}
	c := once()
	if c.cpu > maxCPU/10 {
		if again := once(); again.cpu < c.cpu {
			c = again
		}
	}
	return c
}

// caught says how a reader panicked, and where.
func caught(read func([]byte), raw []byte) (fault string) {
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
	}()
	read(raw)
	return ""
}

// threadTime is the processor time of this thread.
func threadTime() time.Duration {
	var at unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at) // Linux has this clock
	return time.Duration(at.Nano())
}

// keepFault keeps an input that a reader panicked over.
func keepFault(b *bench, c cost, raw []byte) {
	b.Helper()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("syncd-hostile-%08x", crc32.ChecksumIEEE(raw)))
	b.Errorf("%s, kept in %s: %s", c.input, path, c.fault)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		b.Fatal(err)
	}
}

func worst(b *bench, p parser, files []example, costs []cost) {
	over, ended := 0, 0
	for _, c := range costs {
		if c.cpu > maxCPU || c.bytes > maxBytes {
			over++
		}
		if c.fault != "" {
			ended++
		}
	}
	b.out.line("  %s: %d files, %d inputs; %d ended in a panic; %d took more than %s or %s",
		p.name, len(files), len(costs), ended, over, short(maxCPU), mebibytes(maxBytes))
	rows := [][]string{{"the longest", "size", "processor", "allocated"}}
	list := func(by func(a, b cost) int) {
		slices.SortStableFunc(costs, by)
		for _, c := range costs[:min(10, len(costs))] {
			rows = append(rows, []string{c.input, fmt.Sprintf("%d B", c.size), short(c.cpu), mebibytes(c.bytes)})
		}
	}
	list(func(a, b cost) int { return cmp.Compare(b.cpu, a.cpu) })
	rows = append(rows, []string{"the largest"})
	list(func(a, b cost) int { return cmp.Compare(b.bytes, a.bytes) })
	b.out.table(rows)
}

// mutate breaks an input in one to three of the ways in which input breaks.
func mutate(r *rand.Rand, raw, other []byte) ([]byte, string) {
	raw = slices.Clone(raw)
	var how []string
	for range 1 + r.IntN(3) {
		if len(raw) == 0 {
			break
		}
		from := r.IntN(len(raw))
		to := min(len(raw), from+1+r.IntN(1+r.IntN(2000)))
		switch r.IntN(6) {
		case 0:
			how = append(how, "flipped")
			for range 1 + r.IntN(20) {
				raw[r.IntN(len(raw))] ^= byte(1 << r.IntN(8))
			}
		case 1:
			how = append(how, "cut")
			raw = raw[:from]
		case 2:
			how = append(how, "a piece repeated")
			raw = slices.Insert(raw, to, bytes.Repeat(raw[from:to], 1+r.IntN(50))...)
		case 3:
			how = append(how, "a line repeated")
			from = bytes.LastIndexByte(raw[:from], '\n') + 1
			if n := bytes.IndexByte(raw[from:], '\n'); n >= 0 {
				raw = slices.Insert(raw, from, bytes.Repeat(raw[from:from+n+1], 1+r.IntN(1000))...)
			}
		case 4:
			how = append(how, "spliced")
			if len(other) > 0 {
				raw = slices.Concat(raw[:from], other[r.IntN(len(other)):])
			}
		case 5:
			how = append(how, "a character repeated")
			raw = slices.Insert(raw, from, bytes.Repeat([]byte{`"<(,;:\=@? `[r.IntN(11)]}, 1+r.IntN(20_000))...)
		}
		raw = raw[:min(len(raw), 1<<20)] // no source takes more
	}
	return raw, strings.Join(how, ", ")
}
