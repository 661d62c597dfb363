package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/demo"
)

// writeConfig writes the configuration for a stage, with mail at a port. All hours
// are for work, so that a process finds a slot whenever the test runs.
func writeConfig(path string, s *demo.Stage, port int) error {
	a := s.Config.Accounts[0]
	return os.WriteFile(path, fmt.Appendf(nil, `[me]
name = %q
addresses = [%q]
timezone = "UTC"
work_days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
work_hours = "00:00-23:59"

[[account]]
name = "demo"
user = %q
password = %q
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = %q }

[followups]
calendar = "Follow-ups"
`, demo.MyName, demo.MyAddress, s.User, s.Password, port, a.CalDAV.URL), 0o600)
}

// process is syncd as a process of its own on the demo's servers.
type process struct {
	stage         *demo.Stage
	config, state string
	cmd           *exec.Cmd
	lines         chan string // of stderr; closed at its end
}

func newProcess(t *testing.T, now time.Time) *process {
	t.Helper()
	s, err := demo.Start(t.Context(), demo.Options{Seed: 1, Now: now, Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Advance(now); err != nil {
		t.Fatal(err)
	}
	p := &process{stage: s, config: filepath.Join(t.TempDir(), "config.toml"), state: filepath.Join(t.TempDir(), "state")}
	if err := writeConfig(p.config, s, s.Config.Accounts[0].IMAP.Port); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "syncd", append([]string{"--config", p.config, "--state", p.state}, args...)...)
}

func (p *process) start(t *testing.T, args ...string) {
	t.Helper()
	p.cmd = p.command(t, args...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = make(chan string, 1000)
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(stderr); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
}

// waitFor reads stderr until a line holds want.
func (p *process) waitFor(t *testing.T, want string) {
	t.Helper()
	hung := time.After(time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if strings.Contains(line, want) {
				return
			}
			if !ok {
				t.Fatalf("it ended without a line with %q", want)
			}
		case <-hung:
			t.Fatalf("no line with %q", want)
		}
	}
}

// stop sends SIGTERM and returns what was said after it and how long it took.
func (p *process) stop(t *testing.T) (rest []string, took time.Duration, err error) {
	t.Helper()
	at := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for line := range p.lines {
		rest = append(rest, line)
	}
	err = p.cmd.Wait()
	return rest, time.Since(at), err
}

// TestRunAsAProcess runs the daemon: it keeps others off its ledger, takes a new
// configuration and no wrong one, and ends at once when it is told to.
func TestRunAsAProcess(t *testing.T) {
	p := newProcess(t, time.Now().UTC())
	ready := systemd(t)
	p.start(t, "run")
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatal("it never looked at the calendar")
	}

	out, err := p.command(t, "run").CombinedOutput()
	want := fmt.Sprintf("syncd: another syncd is at work on this ledger (process %d); wait for its end, or stop it if it is syncd run\n", p.cmd.Process.Pid)
	if string(out) != want || p.cmd.ProcessState != nil || exitCode(err) != 1 {
		t.Errorf("run beside run: %v\n%swant %s", err, out, want)
	}

	right, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, says string }{
		{"[me]\nname = 7\n", "configuration not reloaded; the old one stays"},
		{string(right), "configuration reloaded"},
	} {
		if err := os.WriteFile(p.config, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		p.waitFor(t, c.says)
	}

	rest, took, err := p.stop(t)
	if err != nil || took > 5*time.Second {
		t.Errorf("SIGTERM: it ended after %s with %v", took, err)
	}
	for _, line := range rest {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") || strings.HasPrefix(line, "syncd:") {
			t.Errorf("said at the end: %s", line)
		}
	}
}

// systemd listens as systemd does (sd_notify(3)) until the daemon has looked at
// the calendar once.
func systemd(t *testing.T) <-chan struct{} {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	looked := make(chan struct{})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := l.Read(buf)
			if err != nil {
				return
			}
			if strings.Contains(string(buf[:n]), "in the calendar") {
				close(looked)
				return
			}
		}
	}()
	return looked
}

// TestSyncIsStopped stops a pass that waits for a mail server: one calm line.
func TestSyncIsStopped(t *testing.T) {
	p := newProcess(t, time.Now().UTC())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := writeConfig(p.config, p.stage, l.Addr().(*net.TCPAddr).Port); err != nil {
		t.Fatal(err)
	}
	p.start(t, "sync")
	c, err := l.Accept() // and no greeting
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rest, took, err := p.stop(t)
	if exitCode(err) != 1 || took > 5*time.Second {
		t.Errorf("SIGTERM: it ended after %s with %v, want exit 1", took, err)
	}
	if len(rest) != 1 || rest[0] != "syncd: stopped before the end; the next pass goes on from here" {
		t.Errorf("stderr: %q", rest)
	}
}

// TestDryRun has a plan before the first write: everything is read, and not even
// the calendar is made.
func TestDryRun(t *testing.T) {
	const at = "2026-05-13 08:30"
	p := newProcess(t, time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC))
	file, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	made := strings.Replace(string(file), `calendar = "Follow-ups"`, "calendar = \"Hellos\"\ncreate_calendar = true", 1)
	if err := os.WriteFile(p.config, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	says := func(want string, args ...string) {
		t.Helper()
		if out, err := p.command(t, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("syncd %q: %v, want %q in\n%s", args, err, want, out)
		}
	}
	says("nothing was written to the calendar \"Hellos\".\nA pass would write 3 follow-ups now; run syncd plan to see it.\n", "sync", "--dry-run", "--at", at)
	says("\nTo be written\n  Wed 13 May ", "plan", "--at", at)
	says("The first scan is complete; the next pass writes to the calendar.\ndemo, calendars: read ", "status")
	says("\"first_run\": null", "status", "--json")
	if w := p.stage.Writes(); len(w) > 0 {
		t.Errorf("requests that write: %q, want none", w)
	}
	says("3 follow-ups in the calendar \"Hellos\"", "sync", "--at", at)
	if w := p.stage.Writes(); len(w) != 4 || !strings.HasPrefix(w[0], "MKCALENDAR ") {
		t.Errorf("the pass after it wrote %q, want the calendar and three events", w)
	}
	says("A pass would write nothing now; run syncd plan to see what waits.\n", "sync", "--dry-run", "--at", at)
	says("\nIn the calendar\n", "plan", "--at", at)
}

// TestLedgerIsLost deletes the ledger and keeps the journal: the next pass makes
// the same ledger of what the servers hold, and leaves the calendar as it is.
func TestLedgerIsLost(t *testing.T) {
	p := newProcess(t, time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC))
	out := func(args ...string) string {
		t.Helper()
		text, err := p.command(t, args...).Output()
		if err != nil {
			t.Fatalf("syncd %q: %v", args, err)
		}
		return string(text)
	}
	exported := func() (all []string) {
		for _, what := range []string{"hash", "interactions", "contacts"} {
			all = append(all, out("export", what))
		}
		return all
	}
	pass := []string{"sync", "--at", "2026-05-13 08:30"}
	says := out(pass...)
	before, wrote := exported(), len(p.stage.Writes())
	if !strings.Contains(says, "3 follow-ups in the calendar") || strings.Count(before[1], "\n") < 10 {
		t.Fatalf("there is too little to lose: %s%s", says, before[1])
	}
	lost, err := filepath.Glob(filepath.Join(p.state, "ledger.db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range lost {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(says, out(pass...)); diff != "" {
		t.Errorf("the pass after it (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(before, exported()); diff != "" {
		t.Errorf("export mismatch (-before +after):\n%s", diff)
	}
	if n := len(p.stage.Writes()); n != wrote {
		t.Errorf("requests that write: %d, want none beside %d", n-wrote, wrote)
	}
}

// TestCheckInAPipe has a long finding: it stays one line for other programs.
func TestCheckInAPipe(t *testing.T) {
	p := newProcess(t, time.Now().UTC())
	file, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.config, []byte(strings.Replace(string(file), `"Follow-ups"`, `"Elsewhere"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "✗ demo, follow-ups       there is no calendar \"Elsewhere\"; there are: \"Follow-ups\", \"Work\". " +
		"Make one in your calendar app, or set create_calendar = true in [followups]\n"
	if out, err := p.command(t, "check").CombinedOutput(); exitCode(err) != 1 || !strings.Contains(string(out), want) {
		t.Errorf("check: %v, want %q in\n%s", err, want, out)
	}
}

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as Wait returns it
		return exit.ExitCode()
	}
	return -1
}
