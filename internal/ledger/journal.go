package ledger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"syncd/internal/planner"
)

// lineType is the type of a line of the journal (SPEC section 4.6).
type lineType string

const (
	lineInstance     lineType = "instance"
	lineUID          lineType = "uid"
	linePlaced       lineType = "placed"   // the calendar held the entry
	lineAwaited      lineType = "awaited"  // it did not after all, and is awaited again
	lineDeleting     lineType = "deleting" // its follow-up has ended, and the calendar was asked to delete it
	lineGone         lineType = "gone"     // its follow-up has ended, and the calendar holds it no longer
	lineEnd          lineType = "end"
	lineDecision     lineType = "decision"
	lineFirstRun     lineType = "first-run"
	lineCalendarSeen lineType = "calendar-seen"
	lineCard         lineType = "card" // seen for the first time
	linePromise      lineType = "promise"
	lineIntroduction lineType = "introduction"
	lineStop         lineType = "stop" // a text asks not to be written to
)

// line is one line of the journal. It holds ids and times, and words only where
// the user typed them: never a subject.
type line struct {
	Type       lineType        `json:"type"`
	At         time.Time       `json:"at,omitzero"`
	Instance   string          `json:"instance,omitempty"`
	UID        string          `json:"uid,omitempty"`
	Key        string          `json:"key,omitempty"`
	Generation int             `json:"generation,omitempty"`
	Slot       time.Time       `json:"slot,omitzero"`
	Awaits     bool            `json:"awaits,omitempty"` // uid: a placed line follows once the calendar holds it
	Outcome    planner.Outcome `json:"outcome,omitempty"`
	By         *lineEvidence   `json:"by,omitempty"`
	Why        string          `json:"why,omitempty"` // the end in syncd's own words
	Decision   DecisionType    `json:"decision,omitempty"`
	To         time.Time       `json:"to,omitzero"`
	Retitled   bool            `json:"retitled,omitempty"`
	Who        string          `json:"who,omitempty"`
	Kind       Kind            `json:"kind,omitempty"`
	Text       string          `json:"text,omitempty"` // the user's own words
	URL        string          `json:"url,omitempty"`
	Shared     bool            `json:"shared,omitempty"`
	There      bool            `json:"there,omitempty"` // card: at the first listing of an address book
	Message    string          `json:"message,omitempty"`
	Hash       string          `json:"hash,omitempty"` // promise: of the sentence; introduction: of the name of the one on whose word the writer writes
	Day        planner.Date    `json:"day,omitempty"`  // that a promise is for
}

type lineEvidence struct {
	Type planner.EvidenceType `json:"type"`
	ID   string               `json:"id"`
	At   time.Time            `json:"at,omitzero"`
}

// journal is the append-only file beside the database. Several processes may
// append; each line is on disk before append returns.
type journal struct {
	path string
	file *os.File
}

func openJournalFile(path string) (*journal, error) {
	j := &journal{path: path}
	return j, j.reopen()
}

func (j *journal) reopen() error {
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err // the old one stays, to try again
	}
	old := j.file
	j.file = f
	if old != nil {
		if err := old.Close(); err != nil {
			return err
		}
	}
	// The name of a new file is durable only with its directory.
	dir, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// hold locks the file that bears the journal's name now; another process may
// have replaced the one we opened.
func (j *journal) hold() error {
	for {
		if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
		mine, err := j.file.Stat()
		if err != nil {
			return err
		}
		named, err := os.Stat(j.path)
		if err == nil && os.SameFile(mine, named) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := j.reopen(); err != nil {
			return err
		}
	}
}

func (j *journal) release() error {
	return syscall.Flock(int(j.file.Fd()), syscall.LOCK_UN)
}

// append writes the lines and waits until they are on disk.
func (j *journal) append(lines ...line) (err error) {
	if len(lines) == 0 {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, n := range lines {
		if err := enc.Encode(n); err != nil {
			return err
		}
	}
	if err := j.hold(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.release()) }()
	torn, err := j.torn()
	if err != nil {
		return err
	}
	if torn {
		b = *bytes.NewBuffer(append([]byte("\n"), b.Bytes()...))
	}
	if _, err := j.file.Write(b.Bytes()); err != nil {
		return err
	}
	return j.file.Sync()
}

// torn reports whether the last line lacks its end.
func (j *journal) torn() (bool, error) {
	info, err := j.file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	if _, err := j.file.ReadAt(last, info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// each calls fn for every line that can be read and counts the others.
func (j *journal) each(fn func(line) error) (bad int, err error) {
	if err := j.hold(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, j.release()) }()
	if _, err := j.file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	r := bufio.NewReader(j.file)
	for {
		text, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			var n line
			if json.Unmarshal(text, &n) != nil {
				bad++
			} else if err := fn(n); err != nil {
				return bad, err
			}
		}
		if errors.Is(err, io.EOF) {
			return bad, nil
		}
		if err != nil {
			return bad, err
		}
	}
}

// openJournal opens the journal, settles the instance id, and applies what the
// ledger lacks.
func (l *Ledger) openJournal(ctx context.Context) error {
	var err error
	if l.journal, err = openJournalFile(filepath.Join(l.dir, journalName)); err != nil {
		return err
	}
	var lines []line
	bad, err := l.journal.each(func(n line) error {
		if n.Type == lineInstance && l.instance == "" {
			l.instance = n.Instance
		}
		lines = append(lines, n)
		return nil
	})
	if err != nil {
		return err
	}
	if bad > 0 {
		l.log.WarnContext(ctx, "journal has lines that cannot be read", "lines", bad)
	}
	return l.write(ctx, func(ctx context.Context, t *tx) error {
		if err := l.settleInstance(ctx, t); err != nil {
			return err
		}
		bad := 0
		for _, n := range standing(lines) {
			switch err := l.replay(ctx, t, n); {
			case errors.Is(err, errForeignLine):
				bad++
			case err != nil:
				return fmt.Errorf("apply %s line: %w", n.Type, err)
			}
		}
		if bad > 0 {
			l.log.WarnContext(ctx, "journal has lines that mean nothing to this version", "lines", bad)
		}
		return nil
	})
}

// errForeignLine says that a line of the journal is of another version, or broken.
var errForeignLine = errors.New("no such line in this version")

// settleInstance makes journal and ledger agree on the id: the journal's comes
// first, then the ledger's, then a new one.
func (l *Ledger) settleInstance(ctx context.Context, t *tx) error {
	if l.instance == "" {
		known, err := getMeta(ctx, t, metaInstance)
		if err != nil {
			return err
		}
		if known == "" {
			var b [5]byte
			if _, err := rand.Read(b[:]); err != nil {
				return err
			}
			known = idEncoding.EncodeToString(b[:])[:6]
		}
		l.instance = known
		if err := l.journal.append(line{Type: lineInstance, Instance: known}); err != nil {
			return err
		}
	}
	return setMeta(ctx, t, metaInstance, l.instance)
}

// standing leaves out the ends that the user took back later, with what became of
// the entry, that it was gone where the calendar held it later, and that the
// calendar held it where it was awaited again: the ledger may know that already,
// and none is to end anything again.
func standing(lines []line) []line {
	undone, placed, awaited := map[string]int{}, map[string]int{}, map[string]int{}
	for i, n := range lines {
		switch {
		case n.Type == lineDecision && n.Decision == DecideUndone:
			undone[n.UID] = i
		case n.Type == linePlaced:
			placed[n.UID] = i
		case n.Type == lineAwaited:
			awaited[n.UID] = i
		}
	}
	var kept []line
	for i, n := range lines {
		if (n.Type == lineEnd || n.Type == lineDeleting || n.Type == lineGone) && i < undone[n.UID] || n.Type == lineGone && i < placed[n.UID] || n.Type == linePlaced && i < awaited[n.UID] {
			continue
		}
		kept = append(kept, n)
	}
	return kept
}

// replay applies one line, which the ledger may have already.
func (l *Ledger) replay(ctx context.Context, t *tx, n line) error {
	switch n.Type {
	case lineInstance, lineAwaited:
		return nil
	case lineUID:
		return replayUID(ctx, t, n)
	case linePlaced:
		return replayPlaced(ctx, t, n)
	case lineDeleting:
		_, err := t.exec(ctx, qReplayDeleting, n.UID)
		return err
	case lineGone:
		_, err := t.exec(ctx, qReplayGone, n.UID)
		return err
	case lineEnd:
		e := planner.End{Outcome: n.Outcome, Why: n.Why}
		if n.By != nil {
			e.Evidence = planner.Evidence{Type: n.By.Type, ID: n.By.ID, At: n.By.At}
		}
		return endPlacement(ctx, t, n.UID, e, n.At)
	case lineDecision:
		_, err := applyDecision(ctx, t, n.decision(), n.Retitled || n.Text != "")
		return err
	case lineFirstRun:
		return setMetaTime(ctx, t, metaFirstRun, n.At)
	case lineCalendarSeen:
		_, err := t.exec(ctx, qSetCalendarSeen, n.URL, n.Shared, n.At.Unix())
		return err
	case lineCard:
		_, err := t.exec(ctx, qAddCardSeen, n.UID, n.At.Unix(), n.There)
		return err
	case linePromise, lineIntroduction, lineStop:
		return replaySpeech(ctx, t, n)
	}
	return nil // a line of a newer syncd
}
