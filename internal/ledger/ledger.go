// Package ledger keeps interactions, contacts, cursors, placements and
// decisions in a SQLite file with a journal beside it, and answers with a
// planner.Snapshot.
//
// Sources append what they read; the ledger gives it meaning: who wrote to
// whom, what counts, who is a contact. The rows do not depend on the order in
// which they arrive. What cannot be read again from a server is in the journal
// before it is in the database, so that a lost ledger.db costs a rescan only.
package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	databaseName = "ledger.db"
	journalName  = "journal.jsonl"
	lockName     = "lock"
)

// ErrLocked says that another process has the ledger open for writing.
var ErrLocked = errors.New("the ledger is in use")

// ErrNone says that there is no ledger yet.
var ErrNone = errors.New("there is no ledger yet: run syncd sync first")

// Options say which ledger to open and for whom.
type Options struct {
	Dir string // made when absent, for the owner alone
	Me  Me
	Log *slog.Logger
}

// Ledger is an open ledger. It is safe for concurrent use.
type Ledger struct {
	dir      string
	log      *slog.Logger
	instance string
	writer   *sql.DB // nil when open for reading
	readers  *sql.DB
	journal  *journal
	lock     *os.File
	beside   bool   // without the lock, beside a daemon or instead of it
	noticed  string // the count of metaBeside when that was last looked at

	mu      sync.Mutex // one writer at a time, so that journal and commits keep their order
	changed chan struct{}
	notify  sync.Mutex // guards changed
}

// Open opens the ledger for writing, creates it where there is none, and
// applies what the journal has and the ledger lacks. It returns ErrLocked,
// with the process's number, while another process writes to it.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	l := &Ledger{dir: o.Dir, log: o.Log, changed: make(chan struct{})}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if err := l.open(ctx, o.Me); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger in %s: %w", o.Dir, err), l.Close())
	}
	return l, nil
}

func (l *Ledger) open(ctx context.Context, me Me) (err error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(l.dir, 0o700); err != nil { //nolint:gosec // a directory needs x
		return err
	}
	if l.lock, err = takeLock(filepath.Join(l.dir, lockName)); err != nil {
		return err
	}
	path := filepath.Join(l.dir, databaseName)
	if err := createPrivate(path); err != nil {
		return err
	}
	if l.writer, err = connect(path, writerPragmas, 1); err != nil {
		return err
	}
	if err := migrate(ctx, l.writer, path); err != nil {
		return err
	}
	// Not in the DSN: the driver knows no word for it.
	if _, err := l.writer.ExecContext(ctx, qRarely); err != nil {
		return err
	}
	if l.readers, err = connect(path, readerPragmas, 4); err != nil {
		return err
	}
	if err := l.openJournal(ctx); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if l.noticed, _, err = l.news(ctx); err != nil {
		return err
	}
	return l.SetMe(ctx, me)
}

// OpenReader opens the ledger for reading only, beside a daemon or without one.
// It returns ErrNone where there is no ledger.
func OpenReader(ctx context.Context, dir string) (*Ledger, error) {
	l := &Ledger{dir: dir, log: slog.New(slog.DiscardHandler), changed: make(chan struct{})}
	if err := l.openReader(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger in %s: %w", dir, err), l.Close())
	}
	return l, nil
}

func (l *Ledger) openReader(ctx context.Context) error {
	path := filepath.Join(l.dir, databaseName)
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return ErrNone
	} else if err != nil {
		return err
	}
	var err error
	// Not mode=ro: a reader of a WAL database may have to make the -shm file.
	if l.readers, err = connect(path, "mode=rw&"+readerPragmas, 4); err != nil {
		return err
	}
	have, err := schemaVersion(ctx, l.readers)
	if err != nil {
		return err
	}
	newest, err := version()
	if err != nil {
		return err
	}
	if have == 0 {
		return ErrNone
	}
	if have < newest {
		return fmt.Errorf("the ledger was written by an older syncd (schema %d, this one needs %d): run syncd sync first", have, newest)
	}
	return l.read(ctx, func(ctx context.Context, t *tx) error {
		l.instance, err = getMeta(ctx, t, metaInstance)
		return err
	})
}

// Close closes the ledger and lets go of the lock.
func (l *Ledger) Close() error {
	var errs []error
	if l.readers != nil {
		errs = append(errs, l.readers.Close())
	}
	if l.writer != nil {
		errs = append(errs, l.writer.Close())
	}
	if l.journal != nil {
		errs = append(errs, l.journal.close())
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

// Instance is a short id in lower case, made once. It is in the UID of every
// entry, and survives the loss of ledger.db.
func (l *Ledger) Instance() string { return l.instance }

// Changed gives a channel that is closed at the next commit that changed
// something. Ask for it before looking at the ledger.
func (l *Ledger) Changed() <-chan struct{} {
	l.notify.Lock()
	defer l.notify.Unlock()
	return l.changed
}

func (l *Ledger) announce() {
	l.notify.Lock()
	defer l.notify.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// takeLock locks the file for this process and writes its number into it.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		text, _ := os.ReadFile(path) // without it the holder stays unnamed
		err = ErrLocked
		if pid := strings.TrimSpace(string(text)); pid != "" {
			err = fmt.Errorf("%w by process %s", ErrLocked, pid)
		}
	}
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = fmt.Fprintln(f, os.Getpid())
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// The keys of the table meta.
const (
	metaInstance   = "instance"
	metaMe         = "me"
	metaIdentities = "identities"
	metaClock      = "clock_at" // the newest Batch.At: what the stored facts call over
	metaFirstRun   = "first_run_at"
)

var (
	qGetMeta = query(`SELECT value FROM meta WHERE key = ?`)
	qSetMeta = query(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`)
)

func getMeta(ctx context.Context, t *tx, key string) (string, error) {
	var v string
	_, err := t.one(ctx, qGetMeta, []any{key}, &v)
	return v, err
}

func setMeta(ctx context.Context, t *tx, key, value string) error {
	_, err := t.exec(ctx, qSetMeta, key, value)
	return err
}

func getMetaTime(ctx context.Context, t *tx, key string) (time.Time, error) {
	v, err := getMeta(ctx, t, key)
	if err != nil || v == "" {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339, v)
}

func setMetaTime(ctx context.Context, t *tx, key string, at time.Time) error {
	return setMeta(ctx, t, key, at.UTC().Format(time.RFC3339))
}

// unix is how times are stored; nil for the zero time.
func unix(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.Unix()
}

// stamp scans what unix stored.
type stamp struct{ time.Time }

// Scan implements sql.Scanner.
func (s *stamp) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		s.Time = time.Time{}
	case int64:
		s.Time = time.Unix(v, 0).UTC()
	default:
		return fmt.Errorf("time stored as %T", v)
	}
	return nil
}

func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func fromJSON(text string, v any) error {
	return json.Unmarshal([]byte(text), v)
}

// loadZone finds a zone by the name it was stored under.
func loadZone(name string) (*time.Location, error) {
	switch name {
	case "", "UTC", "Local":
		return time.UTC, nil
	}
	return time.LoadLocation(name)
}
