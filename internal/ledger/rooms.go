package ledger

import (
	"context"
	"fmt"
	"time"

	"syncd/internal/planner"
)

// SharedRooms is somebody the user was in one room with several times, in a meeting
// or a thread, without a direct word ever, or a meeting that counts.
type SharedRooms struct {
	Contact planner.ContactID
	Name    string
	Address string
	Rooms   int // meetings, of which a series is one, and threads
	Last    time.Time
}

// How many rooms make a familiar stranger, and with how many people it is one room.
const (
	fewRooms = 3
	roomSize = 20
)

// A series counts once: the rooms are told apart by the UID before "/RECURRENCE-ID".
var qRooms = query(`SELECT c.code, c.name, min(a.address), count(DISTINCT CASE i.kind WHEN 'meeting'
		THEN substr(i.evidence, 1, coalesce(nullif(instr(i.evidence, '/'), 0), length(i.evidence) + 1) - 1)
		ELSE 'thread ' || i.thread_id END) AS rooms, max(i.at)
	FROM contact AS c CROSS JOIN address AS a ON a.contact_id = c.id CROSS JOIN participant AS p ON p.address_id = a.id
	CROSS JOIN interaction AS i ON i.id = p.interaction_id AND i.current = 1 AND i.direction <> ''
	WHERE c.mails_out = 0 AND c.mails_in = 0 AND c.met = 0 AND c.seen >= ?1 AND a.list = 0
		AND p.thing = 0 AND p.status <> 'DECLINED' AND i.cancelled = 0 AND i.at <= ?2 AND i.people <= ?3 AND c.name <> ''
	GROUP BY c.id HAVING rooms >= ?1 ORDER BY rooms DESC, max(i.at) DESC, c.code LIMIT 100`)

// SharedRooms are the familiar strangers until now, those with the most rooms first,
// at most 100. Lists, offices and those without a name are none.
func (l *Ledger) SharedRooms(ctx context.Context, now time.Time) (out []SharedRooms, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, qRooms, []any{fewRooms, now.Unix(), roomSize}, func(scan func(...any) error) error {
			var r SharedRooms
			var last stamp
			if err := scan(&r.Contact, &r.Name, &r.Address, &r.Rooms, &last); err != nil {
				return err
			}
			r.Last = last.Time
			if !roleAddress(r.Address) {
				out = append(out, r)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read shared rooms: %w", err)
	}
	return out, nil
}
