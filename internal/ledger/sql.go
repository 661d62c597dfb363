package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// queries are all statements of this package, so that a test can prepare each
// and look at its plan.
var queries []string

// query registers a statement.
func query(s string) string {
	queries = append(queries, s)
	return s
}

// tx is a transaction with its prepared statements.
//
// Statements run under a context without cancellation, and are prepared on the
// connection, not on the sql.Tx: the driver and database/sql would start a
// goroutine for each query otherwise. Loops ask alive instead.
type tx struct {
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt
	alive   func() error
	changed bool // something was written that a plan may depend on
	naming  bool // it is noted that events must be looked through for names
}

// read runs fn in one read transaction.
func (l *Ledger) read(ctx context.Context, fn func(context.Context, *tx) error) error {
	return transact(ctx, l.readers, &sql.TxOptions{ReadOnly: true}, fn)
}

// write runs fn in the one write transaction there can be, and wakes those who
// wait for a change.
func (l *Ledger) write(ctx context.Context, fn func(context.Context, *tx) error) error {
	if l.writer == nil {
		return errors.New("the ledger is open for reading only")
	}
	changed := false
	err := transact(ctx, l.writer, nil, func(ctx context.Context, t *tx) error {
		if err := fn(ctx, t); err != nil {
			return err
		}
		changed = t.changed
		return l.countBeside(ctx, t)
	})
	if err == nil && changed {
		l.announce()
	}
	return err
}

func transact(ctx context.Context, db *sql.DB, o *sql.TxOptions, fn func(context.Context, *tx) error) error {
	quiet := context.WithoutCancel(ctx)
	alive := func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	}
	if err := alive(); err != nil {
		return err
	}
	c, err := db.Conn(quiet)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer c.Close() //nolint:errcheck // it goes back to the pool
	s, err := c.BeginTx(quiet, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer s.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	t := &tx{conn: c, stmts: map[string]*sql.Stmt{}, alive: alive}
	defer t.close()
	if err := fn(quiet, t); err != nil {
		return err
	}
	if err := alive(); err != nil {
		return err
	}
	if err := s.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (t *tx) close() {
	for _, s := range t.stmts {
		_ = s.Close() // a statement that does not close goes with its connection
	}
}

func (t *tx) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if s := t.stmts[q]; s != nil {
		return s, nil
	}
	s, err := t.conn.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	t.stmts[q] = s
	return s, nil
}

// exec runs a statement and gives the number of rows it changed.
func (t *tx) exec(ctx context.Context, q string, args ...any) (int64, error) {
	s, err := t.stmt(ctx, q) //nolint:sqlclosecheck // closed with the transaction
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insert runs an INSERT and gives the new row's id.
func (t *tx) insert(ctx context.Context, q string, args ...any) (int64, error) {
	s, err := t.stmt(ctx, q) //nolint:sqlclosecheck // closed with the transaction
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// one reads a single row and says whether there was one.
func (t *tx) one(ctx context.Context, q string, args []any, dest ...any) (bool, error) {
	s, err := t.stmt(ctx, q) //nolint:sqlclosecheck // closed with the transaction
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls fn for every row. fn must not use t: the rows are still open.
func (t *tx) each(ctx context.Context, q string, args []any, fn func(scan func(...any) error) error) error {
	s, err := t.stmt(ctx, q) //nolint:sqlclosecheck // closed with the transaction
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err below tells what went wrong
	for n := 1; rows.Next(); n++ {
		if err := fn(rows.Scan); err != nil {
			return err
		}
		if n%1024 == 0 {
			if err := t.alive(); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// strings reads a column of texts.
func (t *tx) strings(ctx context.Context, q string, args ...any) ([]string, error) {
	var out []string
	err := t.each(ctx, q, args, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		out = append(out, s)
		return err
	})
	return out, err
}

// ids reads a column of numbers.
func (t *tx) ids(ctx context.Context, q string, args ...any) ([]int64, error) {
	var out []int64
	err := t.each(ctx, q, args, func(scan func(...any) error) error {
		var id int64
		if err := scan(&id); err != nil {
			return err
		}
		out = append(out, id)
		return nil
	})
	return out, err
}
