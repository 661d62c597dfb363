package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"syncd/internal/planner"
)

// The keys of the table meta that processes tell one another by.
const (
	metaBeside   = "beside"   // how many transactions writers beside the one with the lock have changed something by
	metaAsked    = "asked"    // the newest pass that was asked for, a number
	metaAnswered = "answered" // the newest pass that was answered
	metaAnswer   = "answer"   // what failed in it, JSON
)

// OpenBeside opens the ledger for short writes beside a running daemon, or
// without one: it takes no lock and brings no schema up to date. It returns
// ErrNone where there is no ledger, and an error that says what to do where an
// older syncd wrote it.
func OpenBeside(ctx context.Context, dir string) (*Ledger, error) {
	l := &Ledger{dir: dir, log: slog.New(slog.DiscardHandler), changed: make(chan struct{}), beside: true}
	if err := l.openBeside(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger in %s: %w", dir, err), l.Close())
	}
	return l, nil
}

func (l *Ledger) openBeside(ctx context.Context) (err error) {
	if err := l.openReader(ctx); err != nil {
		return err
	}
	if l.writer, err = connect(filepath.Join(l.dir, databaseName), "mode=rw&"+writerPragmas, 1); err != nil {
		return err
	}
	l.journal, err = openJournalFile(filepath.Join(l.dir, journalName))
	return err
}

var qDataVersion = query(`PRAGMA data_version`)

// Watch looks every so often whether a process beside this one wrote to the
// ledger, until ctx is done. It announces that as a change, and calls asked when
// somebody waits for a pass. One Watch at a time. Own commits are told apart by metaBeside: they
// change data_version as well.
func (l *Ledger) Watch(ctx context.Context, every time.Duration, asked func()) error {
	c, err := l.readers.Conn(ctx) // data_version is the connection's own
	if err != nil {
		return fmt.Errorf("watch ledger: %w", err)
	}
	defer c.Close() //nolint:errcheck // it goes back to the pool
	tick := time.NewTicker(every)
	defer tick.Stop()
	var version int64
	for first := true; ; first = false {
		before := version
		if err := c.QueryRowContext(ctx, qDataVersion).Scan(&version); err != nil {
			return fmt.Errorf("watch ledger: %w", err)
		}
		if first || version != before {
			said, wanted, err := l.news(ctx)
			if err != nil {
				return fmt.Errorf("watch ledger: %w", err)
			}
			if said != l.noticed {
				l.noticed = said
				l.announce()
			}
			if wanted {
				asked()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (l *Ledger) news(ctx context.Context) (beside string, asked bool, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		if beside, err = getMeta(ctx, t, metaBeside); err != nil {
			return err
		}
		a, err := getNumber(ctx, t, metaAsked)
		if err != nil {
			return err
		}
		b, err := getNumber(ctx, t, metaAnswered)
		asked = a > b
		return err
	})
	return beside, asked, err
}

func getNumber(ctx context.Context, t *tx, key string) (int, error) {
	v, err := getMeta(ctx, t, key)
	if err != nil || v == "" {
		return 0, err
	}
	return strconv.Atoi(v)
}

// countBeside notes that a writer beside the daemon changed something.
func (l *Ledger) countBeside(ctx context.Context, t *tx) error {
	if !l.beside || !t.changed {
		return nil
	}
	n, err := getNumber(ctx, t, metaBeside)
	if err != nil {
		return err
	}
	return setMeta(ctx, t, metaBeside, strconv.Itoa(n+1))
}

// Ask asks the daemon for a pass and gives its number.
func (l *Ledger) Ask(ctx context.Context) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err = l.write(ctx, func(ctx context.Context, t *tx) error {
		if n, err = getNumber(ctx, t, metaAsked); err != nil {
			return err
		}
		n++
		return setMeta(ctx, t, metaAsked, strconv.Itoa(n))
	})
	if err != nil {
		return 0, fmt.Errorf("ask for a pass: %w", err)
	}
	return n, nil
}

// Asked is the number of the newest pass that was asked for.
func (l *Ledger) Asked(ctx context.Context) (n int, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		n, err = getNumber(ctx, t, metaAsked)
		return err
	})
	return n, err
}

// Answer says that a pass and all that were asked for before it are done, and
// what failed.
func (l *Ledger) Answer(ctx context.Context, n int, failed []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := toJSON(failed)
	if err != nil {
		return err
	}
	err = l.write(ctx, func(ctx context.Context, t *tx) error {
		return errors.Join(setMeta(ctx, t, metaAnswered, strconv.Itoa(n)), setMeta(ctx, t, metaAnswer, text))
	})
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// Answered reports whether the pass with a number is done, and what failed.
func (l *Ledger) Answered(ctx context.Context, n int) (done bool, failed []string, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		newest, err := getNumber(ctx, t, metaAnswered)
		if err != nil || newest < n {
			return err
		}
		done = true
		text, err := getMeta(ctx, t, metaAnswer)
		if err != nil {
			return err
		}
		return fromJSON(text, &failed)
	})
	return done, failed, err
}

// purge is the evidence of what Purge ends.
const purge = "purge"

var qOpenPlacements = query(readPlacement + `WHERE outcome = '' ORDER BY created_at, uid`)

// Purge withdraws every open follow-up and pauses for good. The entries stay as
// they are; reconcile deletes or ticks them. It gives what was open. One that the
// user had deleted before is dismissed, once that is known; those that they made
// their own stay open, since they are nothing of syncd's to remove.
func (l *Ledger) Purge(ctx context.Context, at time.Time) (open []Placement, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := planner.End{Outcome: planner.Withdrawn, Evidence: planner.Evidence{Type: planner.Gesture, ID: purge, At: at}, Why: "you had everything removed"}
	pause := Decision{Type: DecidePaused, At: at}
	err = l.write(ctx, func(ctx context.Context, t *tx) error {
		if open, err = placements(ctx, t, qOpenPlacements); err != nil {
			return err
		}
		lines := []line{decisionLine(pause)}
		var ending []Placement
		for _, p := range open {
			if p.State == TakenOver {
				continue
			}
			ending = append(ending, p)
			lines = append(lines, endLine(p.UID, end, at))
		}
		if err := l.journal.append(lines...); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		t.changed = true
		for _, p := range ending {
			if err := endPlacement(ctx, t, p.UID, end, at); err != nil {
				return err
			}
		}
		_, err := applyDecision(ctx, t, pause, false)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("withdraw all follow-ups: %w", err)
	}
	return open, nil
}

var qForgetEnd = query(`UPDATE placement SET outcome = '' WHERE uid = ?`)

// overrulePurge lets another end take the place of that by a purge: the user had
// said more of that follow-up before.
func overrulePurge(ctx context.Context, t *tx, p Placement) error {
	if !p.Purged() {
		return nil
	}
	_, err := t.exec(ctx, qForgetEnd, p.UID)
	return err
}
