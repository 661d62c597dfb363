package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// noiseIgnored is why mail is not stored of which the configuration says that it
// is to be ignored.
const noiseIgnored = "ignored"

// hides reports whether the configuration ignores anybody or any folder.
func (n *lens) hides() bool { return len(n.ignore) > 0 || len(n.cfg.IgnoreFolders) > 0 }

// ignored reports whether an address is of somebody who is ignored.
func (n *lens) ignored(address string) bool {
	_, card := cardUID(address)
	return !card && (n.mates[fold(address)] || matches(n.ignore, address))
}

// nobody reports whether all that is about some people is ignored: there are
// others than me, and each of them is.
func (n *lens) nobody(people []Participant) bool {
	some := false
	for _, p := range people {
		switch {
		case n.ignored(p.Address): // though it may turn out to be mine
			some = true
		case !n.isMe(p.Address):
			return false
		}
	}
	return some
}

// learn finds out what the configuration's words about whom to ignore mean for
// what the ledger holds.
func (n *lens) learn(ctx context.Context, t *tx) error {
	if err := n.learnFolders(ctx, t); err != nil {
		return fmt.Errorf("find ignored folders: %w", err)
	}
	if err := n.learnMates(ctx, t); err != nil {
		return fmt.Errorf("find ignored people: %w", err)
	}
	return nil
}

var qMailboxes = query(`SELECT id, account, name FROM source WHERE type = 'mailbox' AND name <> ''`)

// learnFolders finds the mailboxes that are ignored, by the name people see.
func (n *lens) learnFolders(ctx context.Context, t *tx) error {
	if len(n.cfg.IgnoreFolders) == 0 {
		return nil
	}
	sources := map[int64]SourceID{}
	err := t.each(ctx, qMailboxes, nil, func(scan func(...any) error) error {
		var id int64
		s := SourceID{Type: Mailbox}
		err := scan(&id, &s.Account, &s.Name)
		sources[id] = s
		return err
	})
	if err != nil {
		return err
	}
	titles := map[string]map[string]string{} // by account and name
	for id, s := range sources {
		if titles[s.Account] == nil {
			x, err := getSide(ctx, t, s)
			if err != nil {
				return err
			}
			titles[s.Account] = map[string]string{}
			for _, l := range x.Listed {
				titles[s.Account][l.Name] = l.Title
			}
		}
		seen := cmp.Or(titles[s.Account][s.Name], s.Name)
		if slices.ContainsFunc(n.cfg.IgnoreFolders, func(g string) bool { return folderMatches(g, seen) }) {
			n.folders[id] = true
		}
	}
	return nil
}

// folderMatches compares a folder with a pattern, in which * stands for any
// characters and ? for one. Case does not matter.
func folderMatches(pattern, name string) bool {
	parts, rest := strings.Split(strings.ToLower(pattern), "*"), []rune(strings.ToLower(name))
	for i, part := range parts {
		p := []rune(part)
		from, to := 0, len(rest)-len(p) // where the part may begin
		if to < 0 {
			return false
		}
		switch {
		case i == 0:
			to = 0
		case i == len(parts)-1:
			from = to
		}
		for !fits(p, rest[from:]) {
			if from++; from > to {
				return false
			}
		}
		rest = rest[from+len(p):]
	}
	return len(rest) == 0
}

// fits reports whether s begins with p, in which ? stands for any character.
func fits(p, s []rune) bool {
	for i, r := range p {
		if r != '?' && r != s[i] {
			return false
		}
	}
	return true
}

var qMates = query(`SELECT DISTINCT b.folded FROM address AS a JOIN address AS b ON b.contact_id = a.contact_id WHERE a.folded = ?`)

// learnMates finds what other addresses they have whom a [[contact]] ignores.
func (n *lens) learnMates(ctx context.Context, t *tx) error {
	clear(n.mates)
	for _, p := range n.cfg.People {
		if !p.Ignored {
			continue
		}
		for _, a := range literals(p) {
			found, err := t.strings(ctx, qMates, a)
			if err != nil {
				return err
			}
			for _, f := range found {
				n.mates[f] = true
			}
		}
	}
	return nil
}

// mates learns anew whose addresses are ignored, and gives them.
func (k *intake) mates(ctx context.Context) ([]string, error) {
	err := k.lens.learnMates(ctx, k.tx)
	return slices.Sorted(maps.Keys(k.lens.mates)), err
}

var (
	qReadAnew = query(`UPDATE source SET highest = 0, lowest = 0, reached_at = NULL, complete = 0
		WHERE id IN (SELECT source_id FROM noise WHERE reason = 'ignored')`)
	qDropIgnored = query(`DELETE FROM noise WHERE reason = 'ignored'`)
)

// heed sees to it that what was not stored is read anew, when less is ignored
// than before. It reports whether anything changed.
func heed(ctx context.Context, t *tx, before, now Me) (changed bool, err error) {
	old, ignore := newLens(before, nil).patterns(), newLens(now, nil).patterns()
	if slices.Equal(old, ignore) {
		return false, nil
	}
	if !slices.ContainsFunc(old, func(g string) bool { return !slices.Contains(ignore, g) }) {
		return true, nil
	}
	for _, q := range []string{qReadAnew, qDropIgnored} {
		if _, err := t.exec(ctx, q); err != nil {
			return false, err
		}
	}
	return true, nil
}

// patterns are all that says what is ignored.
func (n *lens) patterns() []string {
	out := slices.Clone(n.ignore)
	for _, f := range n.cfg.IgnoreFolders {
		out = append(out, "folder:"+f)
	}
	slices.Sort(out)
	return out
}

var (
	qRowPeople = query(`SELECT a.address FROM participant AS p CROSS JOIN address AS a ON a.id = p.address_id
		WHERE p.interaction_id = ? AND NOT (p.role = 'bcc' AND p.pos >= 524288)`)
	qRowSources = query(`SELECT source_id FROM copy WHERE interaction_id = ?`)
)

// hidden reports whether a row of mail is ignored.
func (k *intake) hidden(ctx context.Context, row int64) (bool, error) {
	if !k.lens.hides() {
		return false, nil
	}
	sources, err := k.ids(ctx, qRowSources, row)
	if err != nil || !slices.ContainsFunc(sources, func(id int64) bool { return !k.lens.folders[id] }) {
		return true, err
	}
	people, err := k.people(ctx, row)
	return k.lens.nobody(people), err
}

// people gives the addresses of a row.
func (k *intake) people(ctx context.Context, row int64) ([]Participant, error) {
	addresses, err := k.strings(ctx, qRowPeople, row)
	people := make([]Participant, len(addresses))
	for i, a := range addresses {
		people[i].Address = a
	}
	return people, err
}
