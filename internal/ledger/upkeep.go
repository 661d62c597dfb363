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
