package ledger

import (
	"context"
	"fmt"
)

var (
	qAnyCalendarSeen = query(`SELECT count(*) FROM calendar_seen`)
	qOptimize        = query(`PRAGMA optimize`)
	qCheckpoint      = query(`PRAGMA wal_checkpoint(TRUNCATE)`)
)

// AnyCalendarSeen says whether a follow-up calendar was ever seen: one that is
// gone is never made again (SPEC I2).
func (l *Ledger) AnyCalendarSeen(ctx context.Context) (bool, error) {
	var n int
	err := l.read(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.one(ctx, qAnyCalendarSeen, nil, &n)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read calendars: %w", err)
	}
	return n > 0, nil
}

// Upkeep lets SQLite tidy up: statistics for its query plans, and the
// write-ahead log back into the database. Once a day is enough.
func (l *Ledger) Upkeep(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range []string{qOptimize, qCheckpoint} {
		if _, err := l.writer.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("tidy the ledger: %w", err)
		}
	}
	return nil
}
