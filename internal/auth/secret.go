package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	commandLimit = 30 * time.Second // SPEC §11
	// drainLimit is how long a command that has ended may keep its output
	// open, through something it left running, before we stop reading.
	drainLimit = 500 * time.Millisecond
	// secretLimit bounds what is kept of an output or a file; passwords and
	// app passwords are far shorter.
	secretLimit = 64 << 10
)

// Secret says where a password comes from. The zero value says nothing and
// gives an error when it is read.
type Secret struct {
	kind kind
	arg  string
}

type kind int

const (
	none kind = iota
	command
	file
	credential
	environment
	literal
)

// Command is a secret printed by a shell command, on the first line of its
// standard output, within 30 seconds.
func Command(line string) Secret { return Secret{command, line} }

// File is a secret on the first line of a file that only its owner may read.
func File(path string) Secret { return Secret{file, path} }

// Credential is a secret that systemd passes to the service under a name
// (LoadCredential= or SetCredentialEncrypted= in the unit).
func Credential(name string) Secret { return Secret{credential, name} }

// Environment is a secret in an environment variable.
func Environment(name string) Secret { return Secret{environment, name} }

// Literal is the secret itself.
func Literal(password string) Secret { return Secret{literal, password} }

// IsZero reports whether no place was given.
func (s Secret) IsZero() bool { return s.kind == none }

// String returns the kind of place and a mask. The place itself is masked too,
// since a command line may hold a password.
func (s Secret) String() string {
	return s.kind.String() + ":" + Mask
}

// Format prints what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { mask(f, s.String()) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps encoders from looking inside.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the key of the configuration that gives this kind.
func (k kind) String() string {
	switch k {
	case command:
		return "password_command"
	case file:
		return "password_file"
	case credential:
		return "credential"
	case environment:
		return "password_env"
	case literal:
		return "password"
	case none:
	}
	return "none"
}

// read fetches the secret from its place.
func (s Secret) read(ctx context.Context) (string, error) {
	switch s.kind {
	case command:
		return readCommand(ctx, s.arg, commandLimit)
	case file:
		return readPrivateFile(s.arg)
	case credential:
		return readCredential(s.arg)
	case environment:
		password := os.Getenv(s.arg)
		if password == "" {
			return "", fmt.Errorf("password_env: the environment variable %s is empty or not set", s.arg)
		}
		return password, nil
	case literal:
		return s.arg, nil
	case none:
	}
	return "", errors.New("no password is configured")
}

// readCommand runs line in a shell. What it prints on standard error is
// dropped: it could be the secret, and it would end up in a log.
func readCommand(ctx context.Context, line string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line) //nolint:gosec // the command is the user's own, from their configuration
	// Its own process group, so that the end of its time ends all of a pipe.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = drainLimit
	var out prefix
	cmd.Stdout = &out
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%w did not finish within %v", ErrCommand, limit)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return "", fmt.Errorf("%w %s", ErrCommand, ending(err))
	}
	password := firstLine(out.kept)
	if password == "" {
		return "", fmt.Errorf("%w printed no password on its first line", ErrCommand)
	}
	return password, nil
}

// ending says how a command ended, in words that do not depend on what it
// printed.
func ending(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return "could not be started: " + err.Error()
	}
	switch code := exit.ExitCode(); code {
	case 126:
		return "ended with exit status 126: the shell could not run the command"
	case 127:
		return "ended with exit status 127: the shell did not find the command"
	default:
		return "ended with " + exit.String() // "exit status 1", "signal: killed"
	}
}

// readPrivateFile reads a file that must be closed to everyone but its owner.
func readPrivateFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	if info.IsDir() {
		return "", fmt.Errorf("password_file: %s is a directory", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("password_file: others may open %s (mode %04o); run: chmod 600 %[1]s", path, info.Mode().Perm())
	}
	return readLine(f, "password_file", path)
}

// readCredential reads what systemd laid into $CREDENTIALS_DIRECTORY. systemd
// sets the permissions there, so they are not checked.
func readCredential(name string) (string, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("credential %q: CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential=%[1]s:PATH", name)
	}
	if !filepath.IsLocal(name) || strings.ContainsRune(name, '/') {
		return "", fmt.Errorf("credential %q: a credential's name is a plain file name", name)
	}
	f, err := os.Open(filepath.Join(dir, name)) //nolint:gosec // the name was checked above
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("credential %q: the unit passes no credential of this name", name)
	}
	if err != nil {
		return "", fmt.Errorf("credential: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	return readLine(f, "credential", name)
}

// readLine returns the first line of r; place and name are for errors.
func readLine(r io.Reader, place, name string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, secretLimit))
	if err != nil {
		return "", fmt.Errorf("%s: %w", place, err)
	}
	password := firstLine(data)
	if password == "" {
		return "", fmt.Errorf("%s: the first line of %s is empty", place, name)
	}
	return password, nil
}

// firstLine returns data up to its first line break. Spaces stay: they may be
// part of a password.
func firstLine(data []byte) string {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r")))
}

// prefix keeps the first secretLimit bytes written to it and drops the rest, so
// that a command that prints without end costs no memory.
type prefix struct{ kept []byte }

// Write never fails.
func (p *prefix) Write(b []byte) (int, error) {
	p.kept = append(p.kept, b[:min(len(b), secretLimit-len(p.kept))]...)
	return len(b), nil
}
