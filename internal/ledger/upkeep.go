package ledger

import (
	"context"
	"fmt"
)

var (
	qOptimize   = query(`PRAGMA optimize`)
	qCheckpoint = query(`PRAGMA wal_checkpoint(TRUNCATE)`)
)

// Upkeep lets SQLite tidy up: statistics for its query plans, and the
// write-ahead log back into the database; and drops what is kept of automatic mail
// that came to nothing. Once a day is enough.
func (l *Ledger) Upkeep(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		clock, err := getMetaTime(ctx, t, metaClock)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, qDropAutomatic, clock.Add(-textSpan).Unix())
		return err
	})
	if err != nil {
		return fmt.Errorf("tidy the ledger: %w", err)
	}
	for _, q := range []string{qOptimize, qCheckpoint} {
		if _, err := l.writer.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("tidy the ledger: %w", err)
		}
	}
	return nil
}
