// Package bench_test measures syncd against real servers and beside the tools
// that people use today, both sides of each comparison in one run. "make bench"
// runs all of it, make bench BENCH="scan idle" parts of it. What it finds is in
// docs/performance.md.
package bench_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	parts  = flag.String("parts", "", "the `parts` to run at full size, separated by spaces; all: every one")
	divide = flag.Int("divide", 1, "run at a size `n` times smaller")
)

// bench is one part at work.
type bench struct {
	*testing.T
	size    func(full int) int // how much of it to do
	program func() (string, error)
	out     *report
}

// in gives the part for a test within it.
func (b *bench) in(t *testing.T) *bench {
	t.Helper()
	return &bench{T: t, size: b.size, program: b.program, out: b.out}
}

// syncd is the program, built once.
func (b *bench) syncd() string {
	b.Helper()
	path, err := b.program()
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// all are the parts, in the order in which they run.
var all = []struct {
	name, title string
	run         func(*bench)
}{
	{"scan", "First scan of a mailbox, connect to committed ledger", scan},
	{"idle", "A pass with nothing new", idle},
	{"snapshot", "Snapshot and plan", snapshot},
	{"calendar", "Calendar objects from Radicale", calendar},
	{"hostile", "Broken input, each file and its mutations", broken},
	{"profile", "Where the time of a first scan goes", profile},
}

// TestBench runs the parts that were asked for. Asked for none it runs all of
// them on next to nothing, so that they are known to work.
func TestBench(t *testing.T) {
	full := *parts != ""
	names := []string{"all", "parsers"} // those of the parsers are in their packages
	for _, p := range all {
		names = append(names, p.name)
	}
	out := &report{w: bufio.NewWriter(os.Stdout)}
	size := func(n int) int { return max(n / *divide, 1) }
	if !full {
		out.w = bufio.NewWriter(t.Output())
		size = func(n int) int { return max(n/500, 1) }
	}
	program := build(t.TempDir())
	wanted := strings.Fields(*parts)
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			t.Fatalf("there is no part %q; there are: %s", name, strings.Join(names, " "))
		}
	}
	out.line("%s", machine())
	for _, p := range all {
		if full && !slices.Contains(wanted, p.name) && !slices.Contains(wanted, "all") {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			out.line("\n%s (%s)", p.title, p.name)
			start := time.Now()
			p.run(&bench{T: t, size: size, program: program, out: out})
			out.line("  took %s", short(time.Since(start)))
		})
	}
}

// report writes aligned text.
type report struct{ w *bufio.Writer }

func (r *report) line(format string, args ...any) {
	fmt.Fprintf(r.w, format+"\n", args...)
	_ = r.w.Flush() // to a terminal, at once
}

// table writes rows with their columns aligned, the first to the left.
func (r *report) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				b.WriteString("  " + cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		r.line("%s", strings.TrimRight(b.String(), " "))
	}
}

// short writes a duration with three digits at most.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func rate(n int, d time.Duration) string { return fmt.Sprintf("%.0f/s", float64(n)/d.Seconds()) }

// machine says on what it is measured, and with which programs.
func machine() string {
	said := []string{
		fmt.Sprintf("%d cores of %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name")),
		"memory " + field("/proc/meminfo", "MemTotal"),
		runtime.Version(),
		"load " + strings.Join(strings.Fields(contents("/proc/loadavg"))[:3], " "),
	}
	for _, p := range [][]string{
		{"Dovecot", "/usr/sbin/dovecot", "--version"},
		{"Radicale", "radicale", "--version"},
		{"isync", "mbsync", "--version"},
		{"notmuch", "notmuch", "--version"},
	} {
		if text, err := exec.Command(p[1], p[2:]...).Output(); err == nil {
			words := strings.Fields(string(text))
			words = slices.DeleteFunc(words, func(w string) bool { return strings.EqualFold(w, p[0]) })
			said = append(said, p[0]+" "+words[0])
		}
	}
	return strings.Join(said, ", ")
}

func contents(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "? ? ?"
	}
	return string(b)
}

// field finds "name : value" in a file of /proc.
func field(path, name string) string {
	for line := range strings.Lines(contents(path)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "?"
}
