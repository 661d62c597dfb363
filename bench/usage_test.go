package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// usage is what something took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // resident memory of the largest process, in bytes
}

// run runs a program to its end.
func run(t testing.TB, env []string, argv ...string) (usage, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out.String())
	}
	u := usage{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.peak = r.Maxrss << 10
	}
	return u, out.String()
}

// beside measures the processes of a group while fn runs.
func beside(group int, fn func()) usage {
	stop := make(chan struct{})
	var peak int64
	var watching sync.WaitGroup
	watching.Go(func() {
		every := time.NewTicker(50 * time.Millisecond)
		defer every.Stop()
		for {
			peak = max(peak, groupPeak(group))
			select {
			case <-every.C:
			case <-stop:
				return
			}
		}
	})
	before, start := groupTime(group), time.Now()
	fn()
	u := usage{wall: time.Since(start), cpu: groupTime(group) - before}
	close(stop)
	watching.Wait()
	u.peak = peak
	return u
}

// ticks is how many there are in a second (sysconf(_SC_CLK_TCK), 100 wherever
// Go runs on Linux).
const ticks = 100

// groupTime is the processor time of a process group, with that of the children
// that have ended (proc(5)).
func groupTime(group int) time.Duration {
	var sum int64
	for _, stat := range groupStats(group) {
		for _, f := range stat[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(f, 10, 64)
			sum += n
		}
	}
	return time.Duration(sum) * time.Second / ticks
}

// groupStats gives for each process of a group the fields of its stat file from
// the third, its state, on.
func groupStats(group int) map[string][]string {
	stats := map[string][]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		rest := string(b[bytes.LastIndexByte(b, ')')+1:])
		if fields := strings.Fields(rest); len(fields) > 15 && fields[2] == strconv.Itoa(group) {
			stats[filepath.Base(filepath.Dir(f))] = fields
		}
	}
	return stats
}

// groupPeak is the most memory that a process of the group has had resident.
func groupPeak(group int) (peak int64) {
	for pid := range groupStats(group) {
		var kib int64
		if _, err := fmt.Sscan(field("/proc/"+pid+"/status", "VmHWM"), &kib); err == nil {
			peak = max(peak, kib<<10)
		}
	}
	return peak
}

// build gives a function that builds syncd in dir the first time and says where.
func build(dir string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "syncd")
		out, err := exec.Command("go", "build", "-o", path, "../cmd/syncd").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("build syncd: %w\n%s", err, out)
		}
		return path, nil
	})
}

// tempDir makes a directory in memory where possible, so that no disk is
// measured, and removes it at the end.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "syncd-bench-") //nolint:usetesting // t.TempDir may be on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
