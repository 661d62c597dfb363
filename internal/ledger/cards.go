package ledger

import (
	"context"
	"fmt"
)

// takeCards notes which cards the address book holds, and in which version.
// Those that are gone takeObjects has dropped.
func (k *intake) takeCards(ctx context.Context) error {
	for _, c := range k.batch.Cards {
		if _, err := k.exec(ctx, qPutObject, k.source, c.Href, c.ETag); err != nil {
			return fmt.Errorf("card: %w", err)
		}
	}
	return nil
}
