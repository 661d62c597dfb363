package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
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
}

func contactRow(c planner.Contact, candidate bool) ContactRow {
	r := ContactRow{
		ID: c.ID, Name: c.Name, Addresses: c.Addresses, Cards: c.Cards, Circle: c.Circle, Stage: c.Stage, Internal: c.Internal,
		Out: c.Out, In: c.In, Met: c.Met, FirstAt: c.FirstAt, LastOut: c.LastOut.At, LastIn: c.LastIn.At,
		LastMet: c.LastMet.At, Candidate: candidate, Role: c.Role, Muted: c.Muted, Reported: c.Reported,
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

// ErrNobody says that no contact answers to a name.
var ErrNobody = errors.New("no such contact")

var (
	qContactByCode    = query(`SELECT id FROM contact WHERE code = ?`)
	qContactByAddress = query(`SELECT contact_id FROM address WHERE address = ? AND contact_id IS NOT NULL`)
	qContactNicknames = query(`SELECT a.contact_id, n.value FROM card AS v CROSS JOIN json_each(v.nicknames) AS n
		CROSS JOIN address AS a ON a.address = 'card:' || v.uid
		WHERE v.members = 'null' AND v.nicknames NOT IN ('null', '[]') AND a.contact_id IS NOT NULL ORDER BY a.contact_id`)
	qContactNames    = query(`SELECT id, name, gate FROM contact WHERE name <> '' ORDER BY code`)
	qContactFacts    = query(`SELECT id, code, facts, gate, dirty, seen > 0, valid_from, valid_until FROM contact WHERE id = ?`)
	qContactTimeline = query(`SELECT DISTINCT i.id FROM address AS a CROSS JOIN participant AS p ON p.address_id = a.id
		CROSS JOIN interaction AS i ON i.id = p.interaction_id
		WHERE a.contact_id = ? AND i.current = 1 ORDER BY i.at DESC, i.id LIMIT ?`)
)

// maxTimeline is how many interactions Contact gives.
const maxTimeline = 200

// ContactDetail is one contact with what happened.
type ContactDetail struct {
	ContactRow
	AddressBook []CardRow
	Timeline    []InteractionRow // newest first, at most 200
}

// CardRow is a card of a contact as commands print it.
type CardRow struct {
	UID       string    `json:"uid"`
	Account   string    `json:"account"`
	Book      string    `json:"book"` // its URL
	Name      string    `json:"name"`
	Nicknames []string  `json:"nicknames"`
	Addresses []string  `json:"addresses"`
	Groups    []string  `json:"groups"`
	Org       string    `json:"org"`
	Title     string    `json:"title"`
	Birthday  string    `json:"birthday"`    // 1980-05-12, or --05-12; "" if none
	Wedding   string    `json:"anniversary"` // as Birthday
	SeenAt    time.Time `json:"seen_at"`     // when syncd saw it first
	New       bool      `json:"new"`         // it came after the first listing
}

func cardRows(own []ownCard) []CardRow {
	out := make([]CardRow, len(own))
	for i, c := range own {
		out[i] = CardRow{
			UID: c.UID, Account: c.account, Book: c.book, Name: c.Name, Nicknames: c.Nicknames, Addresses: c.Addresses,
			Groups: c.Groups, Org: c.Org, Title: c.Title, Birthday: dayText(c.Birthday), Wedding: dayText(c.Wedding),
			SeenAt: c.seen, New: !c.there,
		}
		for _, list := range []*[]string{&out[i].Nicknames, &out[i].Addresses, &out[i].Groups} {
			if *list == nil {
				*list = []string{}
			}
		}
	}
	return out
}

// Contact finds a contact or candidate by address, id, UID of a card, name or
// nickname. It returns
// ErrNobody where there is none, and an error that lists them where there are
// several.
func (l *Ledger) Contact(ctx context.Context, who string) (d ContactDetail, err error) {
	who = strings.TrimSpace(who)
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		id, err := findContact(ctx, t, who)
		if err != nil {
			return err
		}
		found, err := contactFacts(ctx, t, qContactFacts, id)
		if err != nil {
			return err
		}
		d.ContactRow = contactRow(found[0].Contact, !found[0].contact)
		own, err := ownCards(ctx, t, d.Cards)
		if err != nil {
			return err
		}
		d.AddressBook = cardRows(own)
		ids, err := t.ids(ctx, qContactTimeline, id, maxTimeline)
		if err != nil {
			return err
		}
		d.Timeline, err = interactions(ctx, t, ids)
		return err
	})
	if err != nil {
		return ContactDetail{}, fmt.Errorf("contact: %w", err)
	}
	return d, nil
}

// maxFound is how many contacts of one name an error lists.
const maxFound = 20

func findContact(ctx context.Context, t *tx, who string) (int64, error) {
	lower := cmp.Or(ASCII(who), strings.ToLower(who))
	for _, c := range []struct{ q, arg string }{
		{qContactByCode, lower},
		{qContactByAddress, lower},
		{qContactByAddress, fold(lower)},
		{qContactByAddress, cardNode(who)},
	} {
		ids, err := t.ids(ctx, c.q, c.arg)
		if err != nil {
			return 0, err
		}
		if len(ids) > 0 {
			return ids[0], nil
		}
	}
	ids, err := named(ctx, t, who)
	switch {
	case err != nil:
		return 0, err
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return 0, ambiguous(ctx, t, who, ids)
	}
	return 0, fmt.Errorf("%w: %q", ErrNobody, who)
}

// named finds people by their name, where nobody has it by a nickname on a card,
// and else contacts by a part of their name. SQLite knows the case of ASCII letters only, so names are compared
// here.
func named(ctx context.Context, t *tx, who string) (ids []int64, err error) {
	if who == "" {
		return nil, nil
	}
	var likely []int64
	who = strings.ToLower(who)
	err = t.each(ctx, qContactNames, nil, func(scan func(...any) error) error {
		var id int64
		var name string
		var contact bool
		err := scan(&id, &name, &contact)
		switch name = strings.ToLower(name); {
		case name == who && len(ids) < maxFound:
			ids = append(ids, id)
		case contact && len(likely) < maxFound && strings.Contains(name, who):
			likely = append(likely, id)
		}
		return err
	})
	if err != nil || len(ids) > 0 {
		return ids, err
	}
	err = t.each(ctx, qContactNicknames, nil, func(scan func(...any) error) error {
		var id int64
		var nickname string
		err := scan(&id, &nickname)
		if strings.ToLower(nickname) == who && len(ids) < maxFound && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return err
	})
	if len(ids) == 0 {
		ids = likely
	}
	return ids, err
}

func called(c planner.Contact) string {
	return strings.Join(append(slices.Clone(c.Addresses), string(c.ID)), ", ")
}

func ambiguous(ctx context.Context, t *tx, who string, ids []int64) error {
	var names []string
	for _, id := range ids {
		found, err := contactFacts(ctx, t, qContactFacts, id)
		if err != nil {
			return err
		}
		for _, f := range found {
			names = append(names, fmt.Sprintf("%s (%s)", f.Name, called(f.Contact)))
		}
	}
	slices.Sort(names)
	return fmt.Errorf("%q is ambiguous: %s", who, strings.Join(names, "; "))
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
			for _, p := range all {
				r, err := followUpRow(ctx, t, p)
				if err != nil {
					return err
				}
				rows = append(rows, r)
			}
			return nil
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
		for _, p := range placed {
			r, err := followUpRow(ctx, t, p)
			if err != nil {
				return err
			}
			rows = append(rows, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find follow-up: %w", err)
	}
	return rows, nil
}

var qNameByCode = query(`SELECT name FROM contact WHERE code = ?`)

func followUpRow(ctx context.Context, t *tx, p Placement) (FollowUpRow, error) {
	r := FollowUpRow{Placement: p}
	var err error
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

// Sums are hashes of what the ledger knows from the servers. They are the same
// after it was lost and read anew, in whatever order things came (SPEC I10), and
// in whatever folder mail lies by then.
type Sums struct {
	Hash         string `json:"hash"`         // of the two below
	Interactions string `json:"interactions"` // the current ones and their threads, not what they supersede
	Contacts     string `json:"contacts"`     // everything known about contacts and candidates
}

// Hash sums up the ledger.
func (l *Ledger) Hash(ctx context.Context) (Sums, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for r, err := range l.Interactions(ctx) {
		if err != nil {
			return Sums{}, err
		}
		r.Supersedes = ""       // history, not the current state
		if r.Kind == KindMail { // the user may have moved it since
			r.Evidence.Account, r.Evidence.Folder = "", ""
		}
		if err := enc.Encode(r); err != nil {
			return Sums{}, fmt.Errorf("hash interactions: %w", err)
		}
	}
	s := Sums{Interactions: hex.EncodeToString(h.Sum(nil))}
	h.Reset()
	if err := l.hashContacts(ctx, h); err != nil {
		return Sums{}, fmt.Errorf("hash contacts: %w", err)
	}
	s.Contacts = hex.EncodeToString(h.Sum(nil))
	both := sha256.Sum256([]byte(s.Interactions + s.Contacts))
	s.Hash = hex.EncodeToString(both[:])
	return s, nil
}

// placeless is a contact without the accounts in which mail was found.
func placeless(c planner.Contact) planner.Contact {
	forget := func(e *planner.Evidence) {
		if e.Type == planner.Mail {
			e.Account = ""
		}
	}
	for _, e := range []*planner.Evidence{&c.LastOut, &c.LastIn, &c.Exchanges.Last} {
		forget(e)
	}
	for _, turns := range [][]planner.Turn{c.Unanswered, c.Outstanding} {
		for i := range turns {
			turns[i].Accounts = nil
			forget(&turns[i].Evidence)
			for j := range turns[i].Nudges {
				forget(&turns[i].Nudges[j])
			}
		}
	}
	return c
}

func (l *Ledger) hashContacts(ctx context.Context, w io.Writer) error {
	enc := json.NewEncoder(w)
	for last := ""; ; {
		n := 0
		err := l.read(ctx, func(ctx context.Context, t *tx) error {
			found, err := contactFacts(ctx, t, qContactPage, last, pageSize)
			n = len(found)
			for _, f := range found {
				last = f.code
				if !f.contact && !f.seen {
					continue
				}
				if err := enc.Encode([]any{placeless(f.Contact), f.contact}); err != nil {
					return err
				}
			}
			return err
		})
		if err != nil || n < pageSize {
			return err
		}
	}
}
