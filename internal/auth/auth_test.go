package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"syncd/internal/auth"
)

// secretWord is what no error and no log may contain.
const secretWord = "correct-horse-battery"

func write(t *testing.T, mode os.FileMode, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswordSources(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mail"), []byte(secretWord+"\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	t.Setenv("SYNCD_TEST_PASSWORD", secretWord)
	for name, secret := range map[string]auth.Secret{
		"command":                 auth.Command("printf '%s\\nlogin: ana\\n' " + secretWord),
		"command, no line end":    auth.Command("printf %s " + secretWord),
		"command, pipe":           auth.Command("echo x" + secretWord + " | cut -c2-"),
		"command, endless output": auth.Command("echo " + secretWord + "; head -c 1000000 /dev/zero"),
		"command, child stays":    auth.Command("echo " + secretWord + "; sleep 20 &"),
		"file":                    auth.File(write(t, 0o600, secretWord+"\r\nmore\n")),
		"credential":              auth.Credential("mail"),
		"environment":             auth.Environment("SYNCD_TEST_PASSWORD"),
		"literal":                 auth.Literal(secretWord),
	} {
		got, err := auth.NewCredentials("work", "ana", secret).Password(t.Context())
		if err != nil || got != secretWord {
			t.Errorf("%s: Password() = %q, %v; want %q", name, got, err, secretWord)
		}
	}
}

func TestPasswordKeepsSpaces(t *testing.T) {
	want := " two  words "
	got, err := auth.NewCredentials("work", "ana", auth.File(write(t, 0o600, want+"\n"))).Password(t.Context())
	if err != nil || got != want {
		t.Errorf("Password() = %q, %v; want %q", got, err, want)
	}
}

func TestPasswordErrors(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	open := write(t, 0o640, secretWord)
	empty := write(t, 0o600, "\n"+secretWord+"\n")
	for name, test := range map[string]struct {
		secret  auth.Secret
		command bool
		want    string
	}{
		"exit status":        {auth.Command("echo " + secretWord + "; echo " + secretWord + " >&2; exit 3"), true, "password_command ended with exit status 3"},
		"not found":          {auth.Command("/nonexistent/" + secretWord), true, "password_command ended with exit status 127: the shell did not find the command"},
		"signal":             {auth.Command("kill -TERM $$"), true, "password_command ended with signal: terminated"},
		"silent":             {auth.Command("true"), true, "password_command printed no password on its first line"},
		"open file":          {auth.File(open), false, "password_file: others may open " + open + " (mode 0640); run: chmod 600 " + open},
		"no file":            {auth.File("/nonexistent/mail"), false, "password_file: open /nonexistent/mail: no such file or directory"},
		"empty first line":   {auth.File(empty), false, "password_file: the first line of " + empty + " is empty"},
		"no credential":      {auth.Credential("mail"), false, `credential "mail": the unit passes no credential of this name`},
		"credential outside": {auth.Credential("../mail"), false, `credential "../mail": a credential's name is a plain file name`},
		"variable":           {auth.Environment("SYNCD_TEST_UNSET"), false, "password_env: the environment variable SYNCD_TEST_UNSET is empty or not set"},
		"nothing":            {auth.Secret{}, false, "no password is configured"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.NewCredentials("work", "ana", test.secret).Password(t.Context())
			if want := `password not available: ` + test.want; err == nil || err.Error() != want {
				t.Fatalf("Password() error = %v; want %s", err, want)
			}
			if !errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrCommand) != test.command {
				t.Errorf("Is(ErrUnavailable) = %t, Is(ErrCommand) = %t; want true, %t",
					errors.Is(err, auth.ErrUnavailable), errors.Is(err, auth.ErrCommand), test.command)
			}
			if strings.Contains(err.Error(), secretWord) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestPasswordNeedsSystemd(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err := auth.NewCredentials("work", "ana", auth.Credential("mail")).Password(t.Context())
	want := `password not available: credential "mail": CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential=mail:PATH`
	if err == nil || err.Error() != want {
		t.Errorf("Password() error = %v; want %s", err, want)
	}
}

// A command is run once, however many ask, and again only after Forget.
func TestPasswordIsRememberedUntilForget(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	c := auth.NewCredentials("work", "ana", auth.Command("echo run >>'"+runs+"'; echo p"))
	count := func() int {
		data, err := os.ReadFile(runs)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(data, []byte("run\n"))
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if got, err := c.Password(t.Context()); got != "p" || err != nil {
				t.Errorf("Password() = %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := count(); got != 1 {
		t.Errorf("the command ran %d times; want 1", got)
	}
	c.Forget()
	if _, err := c.Password(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 2 {
		t.Errorf("after Forget the command ran %d times in all; want 2", got)
	}
}

// A failure is not remembered.
func TestPasswordAfterFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "later")
	c := auth.NewCredentials("work", "ana", auth.File(path))
	if _, err := c.Password(t.Context()); err == nil {
		t.Fatal("Password() without a file gave no error")
	}
	if err := os.WriteFile(path, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Password(t.Context()); got != "p" || err != nil {
		t.Errorf("Password() = %q, %v; want p", got, err)
	}
}

// The end of the caller's context ends the command and everything it started,
// and the error is the context's own.
func TestPasswordEndsWithContext(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "started")
	c := auth.NewCredentials("work", "ana", auth.Command("mkfifo '"+fifo+"'; echo up >'"+fifo+"'; sleep 600 | cat"))
	cause := errors.New("stopping")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.Password(ctx)
		done <- err
	}()
	for {
		if _, err := os.ReadFile(fifo); err == nil { // blocks until the command writes
			break
		}
	}
	waiting := make(chan error)
	go func() {
		_, err := c.Password(ctx)
		waiting <- err
	}()
	cancel(cause)
	if err := <-done; !errors.Is(err, cause) || errors.Is(err, auth.ErrUnavailable) {
		t.Errorf("Password() error = %v; want the context's cause", err)
	}
	if err := <-waiting; !errors.Is(err, cause) {
		t.Errorf("waiting Password() error = %v; want the context's cause", err)
	}
}

// I13: no secret is logged or printed, not even by accident.
func TestNothingPrintsASecret(t *testing.T) {
	secret := auth.Literal(secretWord)
	c := auth.NewCredentials("work", "ana", secret)
	if _, err := c.Password(t.Context()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", secret)
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", struct {
			Secret      auth.Secret
			Credentials *auth.Credentials
		}{secret, c})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(h)
		log.Info("login", "credentials", c, "secret", secret)
		log.Info("login", "account", struct{ S auth.Secret }{secret})
	}
	if err := json.NewEncoder(&out).Encode([]any{secret, c}); err != nil {
		t.Fatal(err)
	}
	printed := out.String()
	if strings.Contains(printed, secretWord) || strings.Contains(printed, fmt.Sprintf("%x", secretWord)) {
		t.Errorf("a secret was printed:\n%s", printed)
	}
	if !strings.Contains(printed, "work:***") || !strings.Contains(printed, "password:***") {
		t.Errorf("the masks are missing:\n%s", printed)
	}
}
