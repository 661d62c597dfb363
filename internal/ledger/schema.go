package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// applicationID marks a SQLite file as ours: "synd".
const applicationID = 0x73796e64

//go:embed migrations/*.sql
var migrations embed.FS

// version is the schema this program writes.
func version() (int, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	return len(names), err
}

const (
	writerPragmas = "_journal_mode=WAL&_busy_timeout=10000&_foreign_keys=on&_synchronous=NORMAL&_txlock=immediate" +
		"&_cache_size=-8000&_stmt_cache_size=100&_secure_delete=on"
	readerPragmas = "_query_only=true&_busy_timeout=10000&_cache_size=-8000&_stmt_cache_size=100"
)

// qRarely copies the write-ahead log into the database every 16 MB. A batch of a
// scan writes more than SQLite's 4 MB, much of it the same pages as the next.
var qRarely = query(`PRAGMA wal_autocheckpoint = 4000`)

// connect opens a pool. The pragmas are in the DSN, since a PRAGMA through a
// pool reaches one connection only.
func connect(path, pragmas string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+pragmas)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// createPrivate makes an empty file for the owner alone, unless there is one.
// SQLite gives its own files the permissions of the database.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// schemaVersion reads what wrote the file; 0 is an empty one.
func schemaVersion(ctx context.Context, db *sql.DB) (int, error) {
	var app, v int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return 0, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return 0, err
	}
	if app != applicationID && (app != 0 || v != 0) {
		return 0, errors.New("the file is no ledger of syncd")
	}
	newest, err := version()
	if err != nil {
		return 0, err
	}
	if v > newest {
		return 0, fmt.Errorf("the ledger was written by a newer syncd (schema %d, this one knows %d)", v, newest)
	}
	return v, nil
}

// migrate brings the file at path to the current schema. A copy of an older
// one is kept beside it.
func migrate(ctx context.Context, db *sql.DB, path string) error {
	have, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(names)
	if have == len(names) {
		return nil
	}
	if have > 0 {
		if err := keepCopy(ctx, db, path+".v"+strconv.Itoa(have)); err != nil {
			return fmt.Errorf("copy before migrating: %w", err)
		}
	}
	for i, name := range names[have:] {
		if err := step(ctx, db, name, have+i+1); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

func keepCopy(ctx context.Context, db *sql.DB, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := createPrivate(to); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

func step(ctx context.Context, db *sql.DB, name string, to int) error {
	text, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if _, err := t.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	// A PRAGMA takes no bound arguments.
	if _, err := t.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, to)); err != nil {
		return err
	}
	return t.Commit()
}
