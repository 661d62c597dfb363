package bench_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/servertest"
)

// share is a part of the work, by the functions it is done in: those named are
// never on a stack together.
type share struct {
	what string
	in   string // regular expression
}

var shares = []share{
	{"IMAP: framing and checking the answers", `internal/imap\.\(\*guard\)\.Read$`},
	{"IMAP: the library above that", `imapclient\.\(\*Client\)\.read$`},
	{"reading headers", `internal/mail\.Parse$`},
	{"ledger: taking rows", `internal/ledger\.\(\*intake\)\.takeMail$`},
	{"ledger: what rows mean", `internal/ledger\.\(\*intake\)\.derive$`},
	{"ledger: whose summaries change", `internal/ledger\.\(\*intake\)\.spread$`},
	{"ledger: identities", `internal/ledger\.\(\*intake\)\.identify$`},
	{"ledger: summaries", `internal/ledger\.settle$`},
	{"ledger: commit", `database/sql\.\(\*Tx\)\.Commit$`},
	{"collecting garbage", `runtime\.gcBgMarkWorker$`},
}

// profile runs a first scan within this process and says where the time goes.
func profile(b *bench) {
	s := servertest.Dovecot(b)
	n := b.size(50_000)
	user := mailUser(b, s, n)
	a := account{imap: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), user: user, dav: servertest.Radicale(b).NewUser(b)}
	a.dav.MakeCalendar(b, "Follow-ups")
	drain(b, a)

	dir := tempDir(b)
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(a.config()), 0o600); err != nil {
		b.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		b.Fatal(err)
	}
	var prof bytes.Buffer
	if err := pprof.StartCPUProfile(&prof); err != nil {
		b.Fatal(err)
	}
	err = firstPass(b.Context(), c, filepath.Join(dir, "ledger"))
	pprof.StopCPUProfile()
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cpu"), prof.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	if keep := os.Getenv("SYNCD_PROFILE"); keep != "" {
		if err := os.WriteFile(keep, prof.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	shareOut(b, filepath.Join(dir, "cpu"), n)
}

func firstPass(ctx context.Context, c *config.Config, state string) error {
	d, err := daemon.Open(ctx, daemon.Options{Config: c, StateDir: state, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := d.Read(ctx); err != nil {
		return err
	}
	return d.Close()
}

var topLine = regexp.MustCompile(`(?m)^ *\S+ +\S+% +\S+% +(\S+) +(\S+)% +(\S.*)$`)

// shareOut prints the shares of a profile.
func shareOut(b *bench, path string, n int) {
	text, err := exec.Command("go", "tool", "pprof", "-top", "-cum", "-nodecount=100000", "-nodefraction=0", path).Output()
	if err != nil {
		b.Fatalf("go tool pprof: %v", err)
	}
	rows := [][]string{{"processor time of " + strconv.Itoa(n) + " messages", "share"}}
	for _, s := range shares {
		in, sum := regexp.MustCompile(s.in), 0.0
		for _, m := range topLine.FindAllStringSubmatch(string(text), -1) {
			if name, _, _ := strings.Cut(m[3], " "); in.MatchString(name) {
				percent, err := strconv.ParseFloat(m[2], 64)
				if err != nil {
					b.Fatal(err)
				}
				sum += percent
			}
		}
		rows = append(rows, []string{s.what, strconv.FormatFloat(sum, 'f', 0, 64) + " %"})
	}
	b.out.table(rows)
}
