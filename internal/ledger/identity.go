package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// minSentFrom is how many messages in Sent make an address mine.
const minSentFrom = 3

// Identity is an address of the user, and why syncd takes it for one.
type Identity struct {
	Address string `json:"address"`
	Why     string `json:"why"`
}

var (
	qSentFrom    = query(`SELECT a.address, s.name, s.n FROM sent_from AS s JOIN address AS a ON a.id = s.address_id`)
	qClearSent   = query(`DELETE FROM sent_from`)
	qSentRows    = query(`SELECT c.interaction_id, c.source_id FROM source AS s CROSS JOIN copy AS c ON c.source_id = s.id WHERE s.sent = 1`)
	qRecountSent = query(`INSERT INTO sent_from (address_id, name, n)
		SELECT p.address_id, p.name, count(*) FROM (
			SELECT DISTINCT c.interaction_id AS id FROM source AS s CROSS JOIN copy AS c ON c.source_id = s.id WHERE s.sent = 1) AS x
		CROSS JOIN participant AS p ON p.interaction_id = x.id WHERE p.role = 'from' GROUP BY p.address_id, p.name`)
)

// recountSent counts anew whose names the mail in the Sent folders bears.
func (k *intake) recountSent(ctx context.Context) error {
	if _, err := k.exec(ctx, qClearSent); err != nil {
		return err
	}
	if k.lens.hides() {
		return k.recountEach(ctx)
	}
	_, err := k.exec(ctx, qRecountSent)
	return err
}

// recountEach is recountSent where mail is ignored.
func (k *intake) recountEach(ctx context.Context) error {
	rows := map[int64]bool{}
	err := k.each(ctx, qSentRows, nil, func(scan func(...any) error) error {
		var row, source int64
		err := scan(&row, &source)
		if !k.lens.folders[source] {
			rows[row] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	for row := range rows {
		people, err := k.people(ctx, row)
		if err != nil {
			return err
		}
		if err := k.countRow(ctx, row, people); err != nil {
			return err
		}
	}
	return nil
}

// countRow counts a row that lies in Sent. Mail that is ignored does not count,
// which must not depend on what the counting leads to: only the configuration
// says here who I am.
func (k *intake) countRow(ctx context.Context, row int64, people []Participant) error {
	if k.lens.hides() && k.configured().nobody(people) {
		return nil
	}
	_, err := k.exec(ctx, qAddSent, row)
	return err
}

// Identities gives the user's addresses: the configured ones, and those read
// from the Sent folders (SPEC section 3.1).
func (l *Ledger) Identities(ctx context.Context) (out []Identity, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		me, derived, err := loadMe(ctx, t)
		if err != nil {
			return err
		}
		for _, a := range me.Addresses {
			out = append(out, Identity{Address: a, Why: "configured"})
		}
		out = append(out, derived...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	return out, nil
}

// OtherDomain is a domain of the user's that does not count as their
// organisation's.
type OtherDomain struct {
	Domain   string
	Contacts int // who would be inside it
}

var qContactsOfDomain = query(`SELECT count(*) FROM contact AS c WHERE c.gate = 1
	AND EXISTS (SELECT 1 FROM address AS a WHERE a.contact_id = c.id AND a.address NOT LIKE 'card:%')
	AND NOT EXISTS (SELECT 1 FROM address AS a WHERE a.contact_id = c.id AND a.address NOT LIKE 'card:%'
		AND a.address NOT LIKE '%@' || ?1 AND a.address NOT LIKE '%@%.' || ?1)`)

// OtherDomains gives the domains of the user's addresses that the configuration
// does not call internal (SPEC section 3.5), sorted.
func (l *Ledger) OtherDomains(ctx context.Context) (out []OtherDomain, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		me, derived, err := loadMe(ctx, t)
		if err != nil {
			return err
		}
		n := newLens(me, derived)
		for a := range n.me {
			_, domain := cutAddress(a)
			if domain != "" && !n.isNotMe(a) && !n.internal(a) && !slices.ContainsFunc(out, func(o OtherDomain) bool { return o.Domain == domain }) {
				out = append(out, OtherDomain{Domain: domain})
			}
		}
		slices.SortFunc(out, func(a, b OtherDomain) int { return strings.Compare(a.Domain, b.Domain) })
		for i := range out {
			if _, err := t.one(ctx, qContactsOfDomain, []any{out[i].Domain}, &out[i].Contacts); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read domains: %w", err)
	}
	return out, nil
}

// refreshIdentities derives the identities again and says whether they changed.
func refreshIdentities(ctx context.Context, t *tx, me Me) (bool, error) {
	names := map[string]map[string]bool{}
	counts := map[string]int{}
	err := t.each(ctx, qSentFrom, nil, func(scan func(...any) error) error {
		var address, name string
		var n int
		if err := scan(&address, &name, &n); err != nil {
			return err
		}
		counts[address] += n
		if names[address] == nil {
			names[address] = map[string]bool{}
		}
		names[address][nameKey(name)] = true
		return nil
	})
	if err != nil {
		return false, err
	}
	derived := deriveIdentities(me, counts, names)
	if derived, err = severalMessages(ctx, t, me, derived); err != nil {
		return false, err
	}
	_, before, err := loadMe(ctx, t)
	if err != nil {
		return false, err
	}
	same := slices.EqualFunc(derived, before, func(a, b Identity) bool { return a.Address == b.Address })
	text, err := toJSON(derived)
	if err != nil {
		return false, err
	}
	return !same, setMeta(ctx, t, metaIdentities, text)
}

// The mail in Sent folders with a From, in the order of the rows.
var qSentBearing = query(`SELECT i.id, i.evidence, coalesce(i.fingerprint, i.evidence)
	FROM address AS a CROSS JOIN participant AS p ON p.address_id = a.id AND p.role = 'from'
	CROSS JOIN interaction AS i ON i.id = p.interaction_id
	WHERE a.address = ? AND p.interaction_id > ? AND EXISTS (SELECT 1 FROM copy AS c CROSS JOIN source AS s ON s.id = c.source_id AND s.sent = 1
		WHERE c.interaction_id = i.id AND c.source_id NOT IN (SELECT value FROM json_each(?)))
	ORDER BY p.interaction_id LIMIT 100`)

// severalMessages leaves those of the addresses whose rows in Sent are of
// minSentFrom messages: copies of one may have several ids, or readings.
func severalMessages(ctx context.Context, t *tx, me Me, all []Identity) ([]Identity, error) {
	n := newLens(me, nil)
	if err := n.learnFolders(ctx, t); err != nil {
		return nil, err
	}
	k, kept := newIntake(t, n), []Identity{}
	for _, d := range all {
		enough, err := k.sentSeveral(ctx, d.Address)
		if err != nil {
			return nil, err
		}
		if enough {
			kept = append(kept, d)
		}
	}
	return kept, nil
}

func (k *intake) sentSeveral(ctx context.Context, address string) (bool, error) {
	type row struct {
		id              int64
		evidence, print string
	}
	ids, prints := map[string]bool{}, map[string]bool{}
	for last := int64(0); ; {
		var page []row
		err := k.each(ctx, qSentBearing, []any{address, last, list(k.lens.folders)}, func(scan func(...any) error) error {
			var r row
			err := scan(&r.id, &r.evidence, &r.print)
			page = append(page, r)
			return err
		})
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, r := range page {
			last = r.id
			if k.lens.hides() {
				people, err := k.people(ctx, r.id)
				if err != nil {
					return false, err
				}
				if k.lens.nobody(people) {
					continue
				}
			}
			ids[r.evidence], prints[r.print] = true, true
		}
		if min(len(ids), len(prints)) >= minSentFrom {
			return true, nil
		}
	}
}

func deriveIdentities(me Me, counts map[string]int, names map[string]map[string]bool) []Identity {
	n := newLens(me, nil)
	mine, locals, domains := map[string]bool{nameKey(me.Name): true}, map[string]bool{}, map[string]bool{}
	for _, a := range me.Addresses {
		local, domain := cutAddress(untagged(strings.ToLower(a)))
		locals[local], domains[domain] = true, true
	}
	for _, d := range me.Internal {
		domains[strings.ToLower(d)] = true
	}
	for address := range counts {
		if n.isMe(address) {
			for name := range names[address] {
				mine[name] = true
			}
		}
	}
	delete(mine, "")
	out := []Identity{}
	for address, count := range counts {
		if count < minSentFrom || n.isMe(address) || n.isNotMe(address) {
			continue
		}
		local, domain := cutAddress(untagged(address))
		same := locals[local] && domains[domain]
		for name := range names[address] {
			same = same || mine[name]
		}
		if same {
			out = append(out, Identity{Address: address, Why: fmt.Sprintf("From of at least %d messages in Sent", minSentFrom)})
		}
	}
	slices.SortFunc(out, func(a, b Identity) int { return cmp.Compare(a.Address, b.Address) })
	return out
}

// nameKey is a display name as it is compared: its words in lower case, in
// order of the alphabet. A name that is an address is none.
func nameKey(name string) string {
	if strings.Contains(name, "@") {
		return ""
	}
	w := words(name)
	slices.Sort(w)
	return strings.Join(w, " ")
}

// storedMe is Me as the table meta holds it, so that readers see people as the
// daemon does.
type storedMe struct {
	Me
	Zone    string
	Meaning int
}

// meaning counts how often what the rows mean was defined anew: a ledger
// derived under another number is derived again when it is opened.
const meaning = 5

func loadMe(ctx context.Context, t *tx) (Me, []Identity, error) {
	text, err := getMeta(ctx, t, metaMe)
	if err != nil {
		return Me{}, nil, err
	}
	var s storedMe
	if text != "" {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return Me{}, nil, fmt.Errorf("stored identity: %w", err)
		}
	}
	if s.Me.Zone, err = loadZone(s.Zone); err != nil {
		return Me{}, nil, err
	}
	if text, err = getMeta(ctx, t, metaIdentities); err != nil || text == "" {
		return s.Me, nil, err
	}
	var derived []Identity
	err = json.Unmarshal([]byte(text), &derived)
	return s.Me, derived, err
}

func loadLens(ctx context.Context, t *tx) (*lens, error) {
	me, derived, err := loadMe(ctx, t)
	if err != nil {
		return nil, err
	}
	n := newLens(me, derived)
	return n, n.learn(ctx, t)
}

// SetMe tells the ledger who the user is. When that changed, everything is
// derived again. The zone must be one with an IANA name.
func (l *Ledger) SetMe(ctx context.Context, me Me) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := storedMe{Me: me, Meaning: meaning}
	s.Me.Zone = nil
	if me.Zone != nil {
		s.Zone = me.Zone.String()
	}
	text, err := toJSON(s)
	if err != nil {
		return fmt.Errorf("store identity: %w", err)
	}
	err = l.write(ctx, func(ctx context.Context, t *tx) error {
		before, err := getMeta(ctx, t, metaMe)
		if err != nil || before == text {
			return err
		}
		old, _, err := loadMe(ctx, t)
		if err != nil {
			return err
		}
		relink, err := heed(ctx, t, old, me)
		if err != nil {
			return err
		}
		t.changed = true
		if err := setMeta(ctx, t, metaMe, text); err != nil {
			return err
		}
		if _, err := findSent(ctx, t, me, 0); err != nil {
			return err
		}
		if relink {
			if err := recount(ctx, t); err != nil {
				return err
			}
		}
		if _, err := refreshIdentities(ctx, t, me); err != nil {
			return err
		}
		return rederive(ctx, t, relink)
	})
	if err != nil {
		return fmt.Errorf("derive anew for a changed configuration: %w", err)
	}
	return nil
}

func recount(ctx context.Context, t *tx) error {
	n, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	return newIntake(t, n).recountSent(ctx)
}

func rederive(ctx context.Context, t *tx, relink bool) error {
	n, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	if err := newIntake(t, n).deriveAll(ctx, relink); err != nil {
		return err
	}
	return settle(ctx, t, n)
}

// Rebuild derives groups, threads, directions, contacts and summaries from the
// rows alone.
func (l *Ledger) Rebuild(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		t.changed = true
		me, _, err := loadMe(ctx, t)
		if err != nil {
			return err
		}
		if _, err := findSent(ctx, t, me, 0); err != nil {
			return err
		}
		if err := recount(ctx, t); err != nil {
			return err
		}
		if _, err := refreshIdentities(ctx, t, me); err != nil {
			return err
		}
		return rederive(ctx, t, true)
	})
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}
