package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"syncd/internal/planner"
)

// ContactRow is a contact as commands print it. The automatic circle is the
// planner's to say; the caller fills it in.
type ContactRow struct {
	ID        planner.ContactID
	Name      string
	Addresses []string
	Cards     []string // UIDs of their cards
	Circle    string
	Stage     int
	Internal  bool
	Out       int
	In        int
	Met       int
	FirstAt   time.Time // zero if there is none, as those below
	LastOut   time.Time
	LastIn    time.Time
	LastMet   time.Time
	Candidate bool
	Role      bool
	Muted     bool
	Reported  bool // LastOut is self-reported
	// MetReported says that so is LastMet.
	MetReported bool
	// CircleBy and MutedBy say who says so; zero where the configuration does, or
	// nobody. CircleUnknown is as in planner.Contact.
	CircleBy, MutedBy planner.Evidence
	CircleUnknown     string
	CircleUnknownBy   planner.Evidence
	Facts             []planner.Fact // what the user wrote, oldest first
	// Promises, Theirs, Introductions and Common are as in planner.Contact.
	Promises, Theirs []planner.Promise
	Introductions    []planner.Introduction
	Common           []string
}

func contactRow(c planner.Contact, candidate bool) ContactRow {
	r := ContactRow{
		ID: c.ID, Name: c.Name, Addresses: c.Addresses, Cards: c.Cards, Circle: c.Circle, Stage: c.Stage, Internal: c.Internal,
		Out: c.Out, In: c.In, Met: c.Met, FirstAt: c.FirstAt, LastOut: c.LastOut.At, LastIn: c.LastIn.At,
		LastMet: c.LastMet.At, Candidate: candidate, Role: c.Role, Muted: c.Muted, Reported: c.Reported,
		MetReported: c.LastMet.Type == planner.Note, CircleBy: c.CircleBy, MutedBy: c.MutedBy,
		CircleUnknown: c.CircleUnknown, CircleUnknownBy: c.CircleUnknownBy, Facts: c.Facts,
		Promises: c.Promises, Theirs: c.Theirs, Introductions: c.Introductions, Common: c.Common,
	}
	if r.Addresses == nil {
		r.Addresses = []string{}
	}
	if r.Cards == nil {
		r.Cards = []string{}
	}
	return r
}

// EvidenceRow points at what an interaction was read from.
type EvidenceRow struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Account string `json:"account"`
	Folder  string `json:"folder"`
}

// InteractionRow is an interaction as commands print it.
type InteractionRow struct {
	ID         string              `json:"id"`
	At         time.Time           `json:"at"`
	Kind       Kind                `json:"kind"`
	Direction  Direction           `json:"direction"`
	Direct     bool                `json:"direct"`
	Weight     float64             `json:"weight"`
	Addresses  []string            `json:"addresses"`
	Contacts   []planner.ContactID `json:"contacts"`
	Subject    string              `json:"subject"`
	Thread     string              `json:"thread"`
	Evidence   EvidenceRow         `json:"evidence"`
	Supersedes string              `json:"supersedes"`
	// Parent is the Message-ID of the mail that this one answers, "" if none
	// is known; Weak says that subject and people alone tell so.
	Parent string `json:"parent"`
	Weak   bool   `json:"weak"`
	// AnsweredBy are the Message-IDs of the mails that answer this one: theirs
	// if it is mine, else mine. Oldest first.
	AnsweredBy []string `json:"answered_by"`
}

// FollowUpRow is an entry, open or ended, with the person it is about.
type FollowUpRow struct {
	Placement
	Contact planner.ContactID // "" where nobody has the address any longer
	Name    string
	// CameTo is the outcome that counts: what was deleted within a day of a word to
	// them or a meeting was acted upon. "" while open.
	CameTo planner.Outcome
	// ActedAt is when that was done that ended it as acted, and Answer what came
	// from them within 14 days of it. Zero if there is none.
	ActedAt time.Time
	Answer  planner.Evidence
}

// Title is what the entry's title was when it was last seen.
func (r FollowUpRow) Title() string { return cmp.Or(r.Seen.Summary, r.Wrote.Summary) }

// Totals are the ledger's figures.
type Totals struct {
	Mail       int            `json:"mail"` // distinct messages, noise left out
	Out        int            `json:"out"`
	In         int            `json:"in"`
	Direct     int            `json:"direct"`
	Meetings   int            `json:"meetings"`
	Notes      int            `json:"notes"`
	Noise      map[string]int `json:"noise"` // distinct messages by reason
	Contacts   int            `json:"contacts"`
	Candidates int            `json:"candidates"`
	Threads    int            `json:"threads"`
	Skipped    int            `json:"skipped"`
	Open       int            `json:"open"` // follow-ups in the calendar
}

// pageSize is how many rows are read in one transaction when streaming.
const pageSize = 500

var qContactPage = query(`SELECT id, code, facts, gate, dirty, seen > 0, valid_from, valid_until FROM contact
	WHERE code > ? ORDER BY code LIMIT ?`)

// Contacts streams the contacts in order of their ids, and with all set the
// candidates too.
func (l *Ledger) Contacts(ctx context.Context, all bool) iter.Seq2[ContactRow, error] {
	return func(yield func(ContactRow, error) bool) {
		for last := ""; ; {
			page, next, err := l.contactPage(ctx, last, all)
			if err != nil {
				yield(ContactRow{}, fmt.Errorf("read contacts: %w", err))
				return
			}
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			last = next
		}
	}
}

func (l *Ledger) contactPage(ctx context.Context, after string, all bool) (out []ContactRow, next string, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		found, err := contactFacts(ctx, t, qContactPage, after, pageSize)
		if err != nil {
			return err
		}
		for _, s := range found {
			if s.contact || all && s.seen {
				out = append(out, contactRow(s.Contact, !s.contact))
			}
		}
		if len(found) == pageSize {
			next = found[len(found)-1].code
		}
		return nil
	})
	return out, next, err
}

// fact is a contact's summary as stored, or as worked out where that is old.
type fact struct {
	planner.Contact
	code    string
	contact bool
	seen    bool
}

// contactFacts reads summaries by a query that gives id, code, facts, gate,
// dirty, whether anything was seen, and valid_until.
func contactFacts(ctx context.Context, t *tx, q string, args ...any) ([]fact, error) {
	clock, err := getMetaTime(ctx, t, metaClock)
	if err != nil {
		return nil, err
	}
	v := view{cut: forever, now: clock}
	var out []fact
	again := map[int]int64{}
	err = t.each(ctx, q, args, func(scan func(...any) error) error {
		var f fact
		var id, from, until int64
		var facts []byte
		var dirty bool
		if err := scan(&id, &f.code, &facts, &f.contact, &dirty, &f.seen, &from, &until); err != nil {
			return err
		}
		if dirty || from > v.now.Unix() || until <= v.now.Unix() { // a snapshot may have looked at another time
			again[len(out)] = id
		} else if err := json.Unmarshal(facts, &f.Contact); err != nil {
			return err
		}
		out = append(out, f)
		return nil
	})
	if err != nil || len(again) == 0 {
		return out, err
	}
	n, err := loadLens(ctx, t)
	if err != nil {
		return nil, err
	}
	for i, id := range again {
		if err := t.alive(); err != nil {
			return nil, err
		}
		s, err := summarise(ctx, t, n, id, v)
		if err != nil {
			return nil, err
		}
		out[i].Contact, out[i].contact, out[i].seen = s.Contact, s.contact, s.seen > 0
	}
	return out, nil
}

var (
	qInteractionPage = query(`SELECT id FROM interaction WHERE (kind, evidence) > (?, ?) AND current = 1 ORDER BY kind, evidence LIMIT ?`)
	qInteractionRows = query(`SELECT i.id, i.evidence_type, i.evidence, i.content, i.at, i.kind, i.direction, i.direct, i.weight,
		i.subject, coalesce(t.name, ''), coalesce(s.account, ''), coalesce(s.name, ''),
		coalesce(o.evidence, ''), coalesce(o.content, ''), coalesce(w.weak, 0), coalesce((SELECT c.evidence
			FROM interaction AS r CROSS JOIN interaction AS c ON c.group_id = r.group_id AND c.current = 1 WHERE r.id = w.parent_id), '')
		FROM interaction AS i LEFT JOIN thread AS t ON t.id = i.thread_id LEFT JOIN source AS s ON s.id = i.source_id
		LEFT JOIN interaction AS o ON o.id = i.supersedes LEFT JOIN answer AS w ON w.interaction_id = i.id WHERE i.id = ?`)
	qAnsweredBy = query(`SELECT m.evidence FROM interaction AS i CROSS JOIN interaction AS g ON g.group_id = i.group_id
		CROSS JOIN answer AS w ON w.parent_id = g.id CROSS JOIN interaction AS m ON m.id = w.interaction_id
		WHERE i.id = ? AND m.mine <> i.mine AND m.direction <> '' ORDER BY m.at, m.evidence`)
	qInteractionPeople = query(`SELECT a.address, p.role, coalesce(c.code, '') FROM participant AS p
		CROSS JOIN address AS a ON a.id = p.address_id LEFT JOIN contact AS c ON c.id = a.contact_id
		WHERE p.interaction_id = ? ORDER BY p.pos`)
)

// Interactions streams the current interactions by kind and evidence: in the
// same order whenever and however they were read.
func (l *Ledger) Interactions(ctx context.Context) iter.Seq2[InteractionRow, error] {
	return func(yield func(InteractionRow, error) bool) {
		for last := (InteractionRow{}); ; {
			var page []InteractionRow
			err := l.read(ctx, func(ctx context.Context, t *tx) error {
				ids, err := t.ids(ctx, qInteractionPage, last.Kind, last.Evidence.ID, pageSize)
				if err != nil {
					return err
				}
				page, err = interactions(ctx, t, ids)
				return err
			})
			if err != nil {
				yield(InteractionRow{}, fmt.Errorf("read interactions: %w", err))
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			last = page[len(page)-1]
		}
	}
}

// interactionID is the public id of a row, made from its content.
func interactionID(kind Kind, evidence, content string) string {
	sum := sha256.Sum256([]byte(string(kind) + "\n" + evidence + "\n" + content))
	return "i" + idEncoding.EncodeToString(sum[:10])
}

func interactions(ctx context.Context, t *tx, ids []int64) ([]InteractionRow, error) {
	out := make([]InteractionRow, 0, len(ids))
	for _, id := range ids {
		r := InteractionRow{Addresses: []string{}, Contacts: []planner.ContactID{}, AnsweredBy: []string{}}
		var row int64
		var at stamp
		var content, oldEvidence, oldContent string
		_, err := t.one(ctx, qInteractionRows, []any{id}, &row, &r.Evidence.Type, &r.Evidence.ID, &content, &at, &r.Kind,
			&r.Direction, &r.Direct, &r.Weight, &r.Subject, &r.Thread, &r.Evidence.Account, &r.Evidence.Folder, &oldEvidence, &oldContent,
			&r.Weak, &r.Parent)
		if err != nil {
			return nil, err
		}
		r.At = at.Time
		r.ID = interactionID(r.Kind, r.Evidence.ID, content)
		if oldContent != "" {
			r.Supersedes = interactionID(r.Kind, oldEvidence, oldContent)
		}
		err = t.each(ctx, qInteractionPeople, []any{id}, func(scan func(...any) error) error {
			var address string
			var code planner.ContactID
			var role Role
			if err := scan(&address, &role, &code); err != nil {
				return err
			}
			if _, card := cardUID(address); !card && role != RoleNamed && !slices.Contains(r.Addresses, address) {
				r.Addresses = append(r.Addresses, address)
			}
			if code != "" && !slices.Contains(r.Contacts, code) {
				r.Contacts = append(r.Contacts, code)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		err = t.each(ctx, qAnsweredBy, []any{id}, func(scan func(...any) error) error {
			var by string
			err := scan(&by)
			r.AnsweredBy = append(r.AnsweredBy, by)
			return err
		})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// FollowUps streams all entries, ended ones included, oldest first.
func (l *Ledger) FollowUps(ctx context.Context) iter.Seq2[FollowUpRow, error] {
	return func(yield func(FollowUpRow, error) bool) {
		var rows []FollowUpRow
		err := l.read(ctx, func(ctx context.Context, t *tx) error {
			all, err := placements(ctx, t, qAllPlacements)
			if err != nil {
				return err
			}
			rows, err = followUpRows(ctx, t, all)
			return err
		})
		if err != nil {
			yield(FollowUpRow{}, fmt.Errorf("read follow-ups: %w", err))
			return
		}
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// FindFollowUps gives the entries, old ones included, whose code or UID begins
// with prefix.
func (l *Ledger) FindFollowUps(ctx context.Context, prefix string) (rows []FollowUpRow, err error) {
	placed, err := l.FindPlacements(ctx, prefix)
	if err != nil {
		return nil, err
	}
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		rows, err = followUpRows(ctx, t, placed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find follow-up: %w", err)
	}
	return rows, nil
}

func followUpRows(ctx context.Context, t *tx, all []Placement) (rows []FollowUpRow, err error) {
	for _, p := range all {
		r, err := followUpRow(ctx, t, p)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

var qNameByCode = query(`SELECT name FROM contact WHERE code = ?`)

func followUpRow(ctx context.Context, t *tx, p Placement) (FollowUpRow, error) {
	r := FollowUpRow{Placement: p}
	e, err := restsOn(ctx, t, p)
	if err != nil {
		return r, err
	}
	if len(p.Evidence) == 0 && !e.IsZero() {
		r.Evidence = []planner.Evidence{e}
	}
	if err := r.cameTo(ctx, t); err != nil {
		return r, err
	}
	if r.Contact, err = holder(ctx, t, p.Key.Who); err != nil || r.Contact == "" {
		return r, err
	}
	_, err = t.one(ctx, qNameByCode, []any{r.Contact}, &r.Name)
	return r, err
}

var (
	qTotalRows = query(`SELECT kind, direction, direct, count(*) FROM interaction WHERE current = 1 GROUP BY kind, direction, direct`)
	// A message is noise only if every copy of it is.
	qTotalNoise = query(`SELECT reason, count(*) FROM (SELECT DISTINCT '` + noiseCalendar + `' AS reason, i.group_id FROM calendar_mail AS m
			JOIN interaction AS i ON i.id = m.interaction_id
		UNION ALL SELECT min(reason) AS reason, 0 FROM noise
		WHERE NOT EXISTS (SELECT 1 FROM interaction AS i WHERE i.kind = 'mail' AND i.evidence = noise.message_id)
		AND NOT EXISTS (SELECT 1 FROM interaction AS i WHERE i.fingerprint = noise.fingerprint)
		GROUP BY coalesce(fingerprint, message_id)) GROUP BY reason`)
	qTotalContacts = query(`SELECT gate, count(*) FROM contact WHERE seen > 0 OR gate = 1 OR dirty = 1 GROUP BY gate`)
	qTotalThreads  = query(`SELECT count(DISTINCT thread_id) FROM interaction WHERE current = 1 AND thread_id IS NOT NULL`)
	qTotalSkipped  = query(`SELECT count(*) FROM skipped`)
	qTotalOpen     = query(`SELECT count(*) FROM placement WHERE outcome = ''`)
)

// Totals counts what the ledger holds.
func (l *Ledger) Totals(ctx context.Context) (Totals, error) {
	s := Totals{Noise: map[string]int{}}
	err := l.read(ctx, func(ctx context.Context, t *tx) error {
		if err := t.each(ctx, qTotalRows, nil, s.addRows); err != nil {
			return err
		}
		err := t.each(ctx, qTotalNoise, nil, func(scan func(...any) error) error {
			var reason string
			var n int
			err := scan(&reason, &n)
			s.Noise[reason] = n
			return err
		})
		if err != nil {
			return err
		}
		err = t.each(ctx, qTotalContacts, nil, func(scan func(...any) error) error {
			var contact bool
			var n int
			err := scan(&contact, &n)
			if contact {
				s.Contacts = n
			} else {
				s.Candidates = n
			}
			return err
		})
		if err != nil {
			return err
		}
		if _, err := t.one(ctx, qTotalThreads, nil, &s.Threads); err != nil {
			return err
		}
		if _, err = t.one(ctx, qTotalSkipped, nil, &s.Skipped); err != nil {
			return err
		}
		_, err = t.one(ctx, qTotalOpen, nil, &s.Open)
		return err
	})
	if err != nil {
		return Totals{}, fmt.Errorf("read totals: %w", err)
	}
	return s, nil
}

func (s *Totals) addRows(scan func(...any) error) error {
	var kind Kind
	var direction Direction
	var direct bool
	var n int
	if err := scan(&kind, &direction, &direct, &n); err != nil {
		return err
	}
	switch kind {
	case KindMail:
		s.Mail += n
		switch direction {
		case Out:
			s.Out += n
		case In:
			s.In += n
		case Mutual, None:
		}
		if direct {
			s.Direct += n
		}
	case KindMeeting:
		s.Meetings += n
	case KindCall, KindNote:
		s.Notes += n
	}
	return nil
}
