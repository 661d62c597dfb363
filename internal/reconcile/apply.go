package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
)

// ErrStopped says that another instance writes to the calendar: nothing was
// written.
var ErrStopped = errors.New("the calendar belongs to another instance")

// Apply carries out a Delta, one placement after the other. What fails is
// returned joined, and never stops the rest. Whatever had been done when it was
// cut short, the next Diff and Apply end where it would have ended.
//
// Before anything is concluded from an entry it is read again: a listing may be
// stale. If it is not as it was listed, or the server refuses a change because
// somebody else was faster, its operations are worked out anew from what it
// says now, once.
func Apply(ctx context.Context, cal Calendar, book Book, delta Delta) error {
	a := &applier{cal: cal, book: book, differ: newDiffer(delta.in)}
	var errs []error
	ending := a.ending()
	if delta.Stop != nil {
		errs = append(errs, fmt.Errorf("%s: %w", delta.Stop.Reason, ErrStopped))
		a.readOnly = true
	}
	for ops := delta.Operations; len(ops) > 0; {
		n := 1
		for n < len(ops) && ops[n].UID == ops[0].UID {
			n++
		}
		if ctx.Err() != nil {
			return errors.Join(append(errs, context.Cause(ctx))...)
		}
		if ops[n-1].Type == Create && (a.overturned || a.stays(ending)) {
			break // creations come last
		}
		err := a.group(ctx, ops[:n])
		if errors.Is(err, ledger.ErrPaused) {
			break // meanwhile; creations come last
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("entry %s: %w", ops[0].UID, err))
		}
		ops = ops[n:]
	}
	return errors.Join(errs...)
}

// ending lists the entries of follow-ups that the plan ended. It counted none of
// them among the open ones.
func (a *applier) ending() (uids []string) {
	for uid, p := range a.placed {
		if _, over := a.endOf(p); over && p.Open() && p.State != ledger.TakenOver {
			uids = append(uids, uid)
		}
	}
	return uids
}

// stays reports whether one of the entries is still in the calendar, or may be:
// then there is no room for new ones (SPEC I5).
func (a *applier) stays(uids []string) bool {
	return slices.ContainsFunc(uids, func(uid string) bool {
		s := a.placed[uid].State
		return s != ledger.Closed && s != ledger.TakenOver
	})
}

type applier struct {
	*differ
	cal      Calendar
	book     Book
	readOnly bool
	// The user took back an end, asked for quiet or moved an entry: what the plan
	// wants to create, it wanted before it knew (SPEC I5, I6).
	overturned bool
	listed     *caldav.Listing // younger than the Delta; nil until it is needed
}

// group carries out the operations of one placement.
func (a *applier) group(ctx context.Context, ops []Operation) error {
	uid := ops[0].UID
	if _, known := a.placed[uid]; !known { // adopted without a row: its answer was lost with it
		a.placed[uid] = unplaced(ops[0].Placement)
	}
	for again := false; ; again = true {
		fresh, err := a.refresh(ctx, uid, ops)
		if err == nil {
			err = a.run(ctx, fresh)
		}
		if again || !errors.Is(err, caldav.ErrChanged) {
			return err
		}
	}
}

// unplaced is a placement before its first request.
func unplaced(p ledger.Placement) ledger.Placement {
	return ledger.Placement{
		UID: p.UID, Key: p.Key, Generation: p.Generation, State: ledger.Intended, Due: p.Due, Slot: p.Slot,
		CreatedAt: p.CreatedAt, Wrote: p.Wrote, Because: p.Because, Evidence: p.Evidence,
	}
}

// refresh reads the entry that operations are about and works them out from
// what it says. The ledger decides which placement it is about, so a UID that
// changed under its href is not ours (SPEC I3).
func (a *applier) refresh(ctx context.Context, uid string, ops []Operation) ([]Operation, error) {
	if ops[0].Entry == nil {
		return ops, nil
	}
	e, err := a.read(ctx, ops[0].Entry.Href, uid)
	switch {
	case errors.Is(err, caldav.ErrGone):
		// The listing was late, or the user was faster. The next one will tell.
		return nil, nil
	case err != nil:
		return nil, err
	}
	return a.placement(a.placed[uid], &e), nil
}

func (a *applier) read(ctx context.Context, href, uid string) (caldav.Entry, error) {
	e, err := a.cal.Read(ctx, href)
	if err == nil && e.UID != uid {
		err = fmt.Errorf("%s holds another event: %w", href, caldav.ErrGone)
	}
	return e, err
}

func (a *applier) run(ctx context.Context, ops []Operation) error {
	for _, op := range ops {
		if !op.onlyBook() && (a.readOnly || a.rests(op.Placement)) {
			continue
		}
		if err := a.operation(ctx, op); err != nil {
			return fmt.Errorf("%s: %w", op.Type, err)
		}
	}
	return nil
}

func (a *applier) operation(ctx context.Context, op Operation) error {
	switch op.Type {
	case Record, Miss, Adopt, Close:
		if op.Type == Record && op.Entry == nil {
			return a.taken(ctx, op)
		}
		return a.settle(ctx, op)
	case Gone:
		return a.gone(ctx, op)
	case Dismiss:
		return a.dismiss(ctx, op)
	case Delete:
		return a.remove(ctx, op)
	case Tick, Quiet, Move, Rewrite:
		return a.change(ctx, op)
	case Create:
		return a.create(ctx, op)
	}
	return fmt.Errorf("operation %q is unknown", op.Type)
}

// tell records what is decided by an operation before it is carried out.
func (a *applier) tell(ctx context.Context, op Operation) error {
	if len(op.Decisions) > 0 {
		if err := a.book.Decide(ctx, op.Decisions); err != nil {
			return err
		}
		a.overturned = a.overturned || slices.ContainsFunc(op.Decisions, func(d ledger.Decision) bool {
			return d.Type == ledger.DecideUndone || d.Type == ledger.DecideMuted || d.Type == ledger.DecideSnoozed
		})
	}
	if op.End == nil {
		return nil
	}
	return a.book.End(ctx, op.UID, *op.End, a.in.Now)
}

func (a *applier) confirm(ctx context.Context, p ledger.Placement) error {
	if err := a.book.Confirm(ctx, p); err != nil {
		return err
	}
	a.placed[p.UID] = p
	return nil
}

// settle records what needs no request.
func (a *applier) settle(ctx context.Context, op Operation) error {
	if err := a.tell(ctx, op); err != nil {
		return err
	}
	return a.confirm(ctx, op.Placement)
}

// gone closes the placement of an ended follow-up whose entry the listing does
// not hold. A listing may be late, so the entry is looked for before it is
// forgotten, and resolved if it is there after all. The request that wrote it may
// be late as well: until it would have arrived, only the end is recorded.
func (a *applier) gone(ctx context.Context, op Operation) error {
	e, there, err := a.find(ctx, op)
	if err != nil {
		return err
	}
	p := a.placed[op.UID]
	if there {
		return a.run(ctx, a.placement(p, &e))
	}
	if p.State == ledger.Intended && !a.settled(p) {
		op.Placement.State = ledger.Intended
	}
	return a.settle(ctx, op)
}

// find looks for an entry that a listing did not hold, by name and, where the
// name was never known, under the one it was to have and by UID. The name is that
// of before the operation, which may be about to forget it.
func (a *applier) find(ctx context.Context, op Operation) (e caldav.Entry, there bool, err error) {
	href := a.placed[op.UID].Href
	e, err = a.read(ctx, cmp.Or(href, a.cal.Name(op.UID)), op.UID)
	switch {
	case err == nil:
		return e, true, nil
	case !errors.Is(err, caldav.ErrGone):
		return e, false, err
	case href == "":
		return a.byUID(ctx, op.UID)
	}
	return caldav.Entry{}, false, nil
}

// byUID looks for an entry in a listing that is younger than the Delta.
func (a *applier) byUID(ctx context.Context, uid string) (e caldav.Entry, there bool, err error) {
	if a.listed == nil {
		l, err := a.cal.Entries(ctx)
		if err != nil {
			return caldav.Entry{}, false, fmt.Errorf("list the calendar again: %w", err)
		}
		a.listed = &l
	}
	for _, e := range a.listed.Entries {
		if e.UID == uid {
			return e, true, nil
		}
	}
	return caldav.Entry{}, false, nil
}

// dismiss believes a deletion if the object is gone by name, and the calendar
// itself still answers without it (SPEC section 8.2).
func (a *applier) dismiss(ctx context.Context, op Operation) error {
	_, there, err := a.find(ctx, op)
	if err != nil {
		return err
	}
	if there { // the listing was stale
		p := a.placed[op.UID]
		p.MissingAt = time.Time{}
		return a.confirm(ctx, p)
	}
	_, there, err = a.byUID(ctx, op.UID)
	if err != nil || there { // renamed: the next listing finds it
		return err
	}
	return a.settle(ctx, op)
}

// taken records that the user moved an entry elsewhere. A copy is no move: the
// listing that lacks the entry may be late.
func (a *applier) taken(ctx context.Context, op Operation) error {
	_, there, err := a.find(ctx, op)
	if err == nil && !there {
		_, there, err = a.byUID(ctx, op.UID)
	}
	if err != nil || there {
		return err
	}
	return a.settle(ctx, op)
}

// remove deletes an entry. The deletion is believed once the server does not
// hold it any more.
func (a *applier) remove(ctx context.Context, op Operation) error {
	if err := a.tell(ctx, op); err != nil {
		return err
	}
	if err := a.intend(ctx, op.Placement); err != nil {
		return err
	}
	if err := a.cal.Delete(ctx, *op.Entry); err != nil && !errors.Is(err, caldav.ErrGone) {
		return err
	}
	switch _, err := a.read(ctx, op.Entry.Href, op.UID); {
	case err == nil:
		return errors.New("the server says that it is deleted, and still holds it")
	case !errors.Is(err, caldav.ErrGone):
		return err
	}
	return a.confirm(ctx, closed(op.Placement))
}

func (a *applier) intend(ctx context.Context, p ledger.Placement) error {
	if err := a.book.Intend(ctx, p); err != nil {
		return err
	}
	a.placed[p.UID] = p
	return nil
}

// change rewrites or ticks an entry. It is believed once the server holds it.
func (a *applier) change(ctx context.Context, op Operation) error {
	if err := a.tell(ctx, op); err != nil {
		return err
	}
	if err := a.intend(ctx, op.Placement); err != nil {
		return err
	}
	var v caldav.Version
	var err error
	switch op.Type { //nolint:exhaustive // the others change no entry
	case Tick:
		v, err = a.cal.Tick(ctx, *op.Entry, op.Draft.Shape.Summary)
	case Quiet:
		v, err = a.cal.Tick(ctx, *op.Entry, "")
	case Move:
		v, err = a.cal.Move(ctx, *op.Entry, op.Draft)
	default:
		v, err = a.cal.Rewrite(ctx, *op.Entry, op.Draft)
	}
	if errors.Is(err, caldav.ErrGone) {
		return nil // the user was faster; the next listings tell
	}
	if err != nil {
		return err
	}
	e, err := a.read(ctx, v.Href, op.UID)
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	if caldav.Same(e.Shape, op.Entry.Shape) && e.Shape.Alarm == op.Entry.Shape.Alarm {
		return errors.New("the server says that it is changed, and holds what it held before")
	}
	if !caldav.Same(e.Shape, op.Draft.Shape) {
		return a.hear(ctx, op.Placement, e)
	}
	p := op.Placement
	p.State = ledger.Placed
	switch op.Type { //nolint:exhaustive // the others change no entry
	case Move:
		p.MoveTo = time.Time{}
	case Tick, Quiet:
		p.State = ledger.Closed
	}
	return a.confirm(ctx, seen(p, e))
}

// hear takes in an entry that does not say what was just written to it: somebody
// was there in between, or the server took nothing. Only what the user did is
// recorded; whether the change has arrived, and what follows, the next Diff says.
func (a *applier) hear(ctx context.Context, p ledger.Placement, e caldav.Entry) error {
	ops := a.placement(p, &e)
	if n := slices.IndexFunc(ops, func(op Operation) bool { return !op.onlyBook() }); n >= 0 {
		ops = ops[:n]
	}
	return a.run(ctx, ops)
}

// seen is p with the entry as the server holds it.
func seen(p ledger.Placement, e caldav.Entry) ledger.Placement {
	p.Href, p.ETag, p.Seen = e.Href, e.ETag, e.Shape
	p.Sequence = max(p.Sequence, e.Sequence)
	p.MissingAt = time.Time{}
	return p
}

// create writes a new entry. Where its answer is lost or says that it is there
// already, it stays intended and the next Diff adopts it.
func (a *applier) create(ctx context.Context, op Operation) error {
	if err := a.tell(ctx, op); err != nil {
		return err
	}
	if err := a.intend(ctx, op.Placement); err != nil {
		return err
	}
	v, err := a.cal.Create(ctx, op.Draft)
	if errors.Is(err, caldav.ErrChanged) {
		return a.adopt(ctx, op)
	}
	if err != nil {
		return err
	}
	// If it is not there when it is looked for next, the user has deleted it.
	p := op.Placement
	p.State, p.Href, p.ETag, p.Seen, p.MissingAt = ledger.Placed, v.Href, v.ETag, p.Wrote, time.Time{}
	if err := a.confirm(ctx, p); err != nil {
		return err
	}
	e, err := a.read(ctx, v.Href, op.UID)
	switch {
	case errors.Is(err, caldav.ErrGone): // iCloud stores it under another name
		if err := a.intend(ctx, op.Placement); err != nil {
			return err
		}
		return a.adopt(ctx, op)
	case err != nil:
		return fmt.Errorf("read what was written: %w", err)
	case !caldav.Same(e.Shape, op.Draft.Shape):
		return a.hear(ctx, p, e)
	}
	return a.confirm(ctx, seen(p, e))
}

// adopt looks for an entry that the server says it holds.
func (a *applier) adopt(ctx context.Context, op Operation) error {
	a.listed = nil
	e, there, err := a.find(ctx, op)
	if err != nil {
		return err
	}
	if !there {
		return errors.New("the server says that it holds the entry, and does not list it")
	}
	return a.run(ctx, a.placement(op.Placement, &e))
}
