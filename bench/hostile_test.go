package bench_test

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"syncd/internal/carddav"
	"syncd/internal/hostile"
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
		if c, err := ical.Parse(b); err == nil { // as caldav does
			events, _ := c.Events()
			_, _ = ical.Expand(events, time.Time{}, time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC), time.UTC)
		}
	}},
	{"cards", []string{"vcf"}, func(b []byte) { _, _, _ = carddav.Read(b) }},
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
	bytes int64  // allocated
	held  int64  // at a time, at most
	fault string // how it panicked, "" if it did not
}

// broken reads every file and mutations of it, and lists what took longest.
func broken(b *bench) {
	runtime.LockOSThread() // so that its time can be told from that of others
	defer runtime.UnlockOSThread()
	for _, p := range parsers {
		files, err := hostile.Files(corpora, p.dirs...)
		if err != nil {
			b.Fatal(err)
		}
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
			costs = append(costs, measured(p, f, f.Raw, "as it is"))
			for n := range each {
				r := rand.New(rand.NewPCG(uint64(i), uint64(n)))
				raw, how := hostile.Mutate(r, f.Raw, files[r.IntN(len(files))].Raw)
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

// measured reads one input, twice if it took long: another process may have been
// in the way.
func measured(p parser, f hostile.File, raw []byte, how string) cost {
	once := func() cost {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := threadTime()
		fault := caught(p.read, raw)
		c := cost{input: f.Path + ", " + how, size: len(raw), cpu: threadTime() - start, fault: fault}
		runtime.ReadMemStats(&after)
		c.bytes = int64(after.TotalAlloc - before.TotalAlloc)
		c.held = c.bytes
		return c
	}
	c := once()
	if c.cpu > maxCPU/10 {
		if again := once(); again.cpu < c.cpu {
			c = again
		}
	}
	if c.bytes > maxBytes {
		c.held = held(func() { _ = caught(p.read, raw) })
	}
	return c
}

// held is how much memory was in use at a time while something ran, at most.
// Garbage is collected so often that there is nearly none, and each time what is
// left is looked at.
func held(run func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	runtime.GC()
	before := live()
	var most atomic.Int64
	var done atomic.Bool
	var look func(*[32]byte)
	look = func(again *[32]byte) { // runs after each collection
		most.Store(max(most.Load(), live()-before))
		if !done.Load() {
			runtime.SetFinalizer(again, look)
		}
	}
	runtime.SetFinalizer(new([32]byte), look)
	run()
	done.Store(true)
	return most.Load()
}

// live is how much was in use when garbage was collected last.
func live() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
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

func worst(b *bench, p parser, files []hostile.File, costs []cost) {
	over, ended := 0, 0
	for _, c := range costs {
		if c.cpu > maxCPU || c.held > maxBytes {
			over++
		}
		if c.fault != "" {
			ended++
		}
	}
	b.out.line("  %s: %d files, %d inputs; %d ended in a panic; %d took more than %s or %s",
		p.name, len(files), len(costs), ended, over, short(maxCPU), mebibytes(maxBytes))
	rows := [][]string{{"the longest", "size", "processor", "allocated", "held"}}
	list := func(by func(a, b cost) int) {
		slices.SortStableFunc(costs, by)
		for _, c := range costs[:min(10, len(costs))] {
			rows = append(rows, []string{c.input, fmt.Sprintf("%d B", c.size), short(c.cpu), mebibytes(c.bytes), mebibytes(c.held)})
		}
	}
	list(func(a, b cost) int { return cmp.Compare(b.cpu, a.cpu) })
	rows = append(rows, []string{"the largest"})
	list(func(a, b cost) int { return cmp.Or(cmp.Compare(b.held, a.held), cmp.Compare(b.bytes, a.bytes)) })
	b.out.table(rows)
}
