package ledger

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// unions are disjoint sets of strings (union-find). What was never joined is
// alone.
type unions map[string]string

// find gives the smallest of the set that x is in.
func (u unions) find(x string) string {
	for {
		up, ok := u[x]
		if !ok || up == x {
			return x
		}
		if next, ok := u[up]; ok {
			u[x] = next
		}
		x = up
	}
}

func (u unions) join(a, b string) {
	a, b = u.find(a), u.find(b)
	if a != b {
		u[max(a, b)] = min(a, b)
	}
}

// apart says that two addresses belong to different people; each stands for all
// that the configuration joins it to. It is other that a card lets go.
type apart struct{ one, other string }

// graph is what may make one person of several addresses. Addresses are folded;
// cards are among them, as cardNode names them.
type graph struct {
	nodes map[string]bool
	cards map[string][]string // card to the addresses on it
	mine  map[string]bool     // addresses of mine and the cards that bear one: nobody's
}

func newGraph() graph {
	return graph{nodes: map[string]bool{}, cards: map[string][]string{}, mine: map[string]bool{}}
}

// link is an address on a card, each with all the configuration joins it to.
type link struct{ unit, card string }

// partition says to which contact each node belongs, by the contact's key: its
// smallest address, and the card of who has none. It does not depend on any
// order.
//
// Addresses belong together if the configuration or a card says so. An address
// that the configuration calls somebody else's is taken off the cards of that
// person, and off all cards where that does not do. An address of an office on
// several cards joins nobody.
func (n *lens) partition(g graph) map[string]string {
	links := n.links(g)
	cut := map[link]bool{}
	for _, c := range n.apart {
		u := n.joined(links, func(l link) bool { return l.unit == c.one || !n.named[l.unit] })
		for _, l := range links {
			if l.unit == c.other && u.find(l.card) == u.find(c.one) {
				cut[l] = true
			}
		}
	}
	kept := func(l link) bool { return !cut[l] }
	u := n.joined(links, kept)
	alone := map[string]bool{}
	for _, c := range n.apart {
		if u.find(c.one) == u.find(c.other) {
			alone[c.other] = true
		}
	}
	if len(alone) > 0 {
		u = n.joined(links, func(l link) bool { return kept(l) && !alone[l.unit] })
	}
	return n.keys(g, u)
}

// links are the edges of the graph.
func (n *lens) links(g graph) []link {
	holders := map[string]int{}
	for _, addresses := range g.cards {
		for _, a := range addresses {
			holders[a]++
		}
	}
	var out []link
	for card, addresses := range g.cards {
		for _, a := range addresses {
			if holders[a] == 1 || !roleAddress(a) {
				out = append(out, link{n.joins.find(a), n.joins.find(card)})
			}
		}
	}
	return out
}

func (n *lens) joined(links []link, use func(link) bool) unions {
	u := unions{}
	for _, l := range links {
		if use(l) {
			u.join(l.unit, l.card)
		}
	}
	return u
}

// keys names the sets.
func (n *lens) keys(g graph, u unions) map[string]string {
	set := func(node string) string { return u.find(n.joins.find(node)) }
	smallest := map[string]string{}
	for node := range g.nodes {
		if known, ok := smallest[set(node)]; !ok || compareNodes(node, known) < 0 {
			smallest[set(node)] = node
		}
	}
	out := map[string]string{}
	for node := range g.nodes {
		out[node] = smallest[set(node)]
	}
	return out
}

// compareNodes puts addresses before cards.
func compareNodes(a, b string) int {
	_, cardA := cardUID(a)
	_, cardB := cardUID(b)
	return cmp.Or(compareBool(cardA, cardB), strings.Compare(a, b))
}

var (
	qFoldedOfCard  = query(`SELECT DISTINCT folded FROM card_address WHERE uid = ?`)
	qCardsOfFolded = query(`SELECT DISTINCT uid FROM card_address WHERE folded = ?`)
)

// reach finds all that may be of one person with some nodes, or is said not to
// be.
func (k *intake) reach(ctx context.Context, start map[string]bool) (graph, error) {
	g := newGraph()
	var queue []string
	add := func(nodes ...string) {
		for _, node := range nodes {
			switch {
			case g.nodes[node] || g.mine[node]:
			case k.lens.isMe(node):
				g.mine[node] = true
			default:
				g.nodes[node] = true
				queue = append(queue, node)
			}
		}
	}
	for node := range start {
		add(node)
	}
	for len(queue) > 0 {
		node := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		add(k.lens.kin[node]...)
		uid, card := cardUID(node)
		if there, err := k.there(ctx, node, card); err != nil || !there {
			if err != nil {
				return g, err
			}
			delete(g.nodes, node) // the configuration names a card that is not there
			continue
		}
		q, arg := qCardsOfFolded, node
		if card {
			q, arg = qFoldedOfCard, uid
		}
		found, err := k.strings(ctx, q, arg)
		if err != nil {
			return g, err
		}
		switch {
		case !card:
			for _, uid := range found {
				add(cardNode(uid))
			}
			continue
		case slices.ContainsFunc(found, k.lens.isMe):
			delete(g.nodes, node)
			g.mine[node] = true
		default:
			g.cards[node] = found
		}
		add(found...)
	}
	return g, nil
}

var qFoldedKnown = query(`SELECT 1 FROM address WHERE folded = ? LIMIT 1`)

// there reports whether a node has a row, if it is a card: without one it is
// nobody's.
func (k *intake) there(ctx context.Context, node string, card bool) (bool, error) {
	if !card {
		return true, nil
	}
	var one int
	return k.one(ctx, qFoldedKnown, []any{node}, &one)
}

var (
	qFoldedRows    = query(`SELECT id, contact_id FROM address WHERE folded = ?`)
	qDropOrphan    = query(`DELETE FROM contact WHERE id = ? AND NOT EXISTS (SELECT 1 FROM address AS a WHERE a.contact_id = contact.id)`)
	qDropLostCards = query(`DELETE FROM address WHERE address = ? AND NOT EXISTS (SELECT 1 FROM card AS v WHERE v.uid = ? AND v.members = 'null')
		AND NOT EXISTS (SELECT 1 FROM participant AS p WHERE p.address_id = address.id)`)
	qFoldedHolder = query(`SELECT contact_id FROM address WHERE folded = ? AND contact_id IS NOT NULL LIMIT 1`)
)

// regroup gives the addresses around some nodes to the contacts they belong to
// now.
func (k *intake) regroup(ctx context.Context, start map[string]bool) error {
	if len(start) == 0 {
		return nil
	}
	before, err := k.mates(ctx)
	if err != nil {
		return err
	}
	left := map[int64]bool{}
	for node := range start {
		if err := k.dropLostCard(ctx, node, left); err != nil {
			return err
		}
	}
	g, err := k.reach(ctx, start)
	if err != nil {
		return err
	}
	if err := k.give(ctx, g, left); err != nil {
		return err
	}
	for node := range start {
		ids, err := k.ids(ctx, qFoldedHolder, node)
		if err != nil {
			return err
		}
		for _, id := range ids {
			k.touched.contacts[id] = true
		}
	}
	for id := range left {
		if _, err := k.exec(ctx, qDropOrphan, id); err != nil {
			return err
		}
	}
	after, err := k.mates(ctx)
	if err == nil && !slices.Equal(before, after) {
		k.anew, k.newSent = true, true // who is ignored is another
	}
	return err
}

// dropLostCard takes away what stood for a card, once nothing is left of it.
func (k *intake) dropLostCard(ctx context.Context, node string, left map[int64]bool) error {
	uid, card := cardUID(node)
	if !card {
		return nil
	}
	ids, err := k.ids(ctx, qFoldedHolder, node)
	if err != nil {
		return err
	}
	for _, id := range ids {
		left[id], k.touched.contacts[id] = true, true
	}
	n, err := k.exec(ctx, qDropLostCards, node, uid)
	if err != nil || n == 0 {
		return err
	}
	delete(k.addresses, node)
	return k.renamed(ctx)
}

// give assigns the nodes of a graph, and notes the contacts that lost one.
func (k *intake) give(ctx context.Context, g graph, left map[int64]bool) error {
	contacts := map[string]int64{}
	for node, key := range k.lens.partition(g) {
		id, ok := contacts[key]
		if !ok {
			var err error
			if id, err = contactOf(ctx, k.tx, key); err != nil {
				return err
			}
			contacts[key] = id
		}
		if err := k.reassign(ctx, node, &id, left); err != nil {
			return err
		}
	}
	for node := range g.mine {
		if err := k.reassign(ctx, node, nil, left); err != nil {
			return err
		}
	}
	return nil
}

// reassign gives the addresses of a node to a contact, or to me where it is nil.
func (k *intake) reassign(ctx context.Context, node string, to *int64, left map[int64]bool) error {
	var rows []int64
	err := k.each(ctx, qFoldedRows, []any{node}, func(scan func(...any) error) error {
		var row int64
		var contact *int64
		err := scan(&row, &contact)
		if contact == nil && to == nil || contact != nil && to != nil && *contact == *to {
			return err
		}
		if contact != nil {
			left[*contact] = true
			k.touched.contacts[*contact] = true
		}
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return err
	}
	if len(rows) > 0 { // whoever was found by name had one of them for a face
		if err := k.renamed(ctx); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if _, err := k.exec(ctx, qReassign, to, row); err != nil {
			return err
		}
		if to != nil {
			k.touched.contacts[*to] = true
		}
	}
	return nil
}

// contactOf gives the row of the contact with a key.
func contactOf(ctx context.Context, t *tx, key string) (id int64, err error) {
	found, err := t.one(ctx, qContactByKey, []any{key}, &id)
	if err != nil || found {
		return id, err
	}
	return t.insert(ctx, qAddContact, contactID(key), key)
}

var (
	qFoldedPage   = query(`SELECT DISTINCT folded FROM address WHERE folded > ? ORDER BY folded LIMIT 1000`)
	qAllOnCards   = query(`SELECT DISTINCT uid, folded FROM card_address`)
	qDropOrphans  = query(`DELETE FROM contact WHERE NOT EXISTS (SELECT 1 FROM address AS a WHERE a.contact_id = contact.id)`)
	qReassign     = query(`UPDATE address SET contact_id = ? WHERE id = ?`)
	qAllCardNodes = query(`SELECT DISTINCT uid FROM card WHERE members = 'null'`)
)

// assign gives every address to the contact that the cards, the configuration
// and the identities make it belong to.
func (k *intake) assign(ctx context.Context) error {
	g := newGraph()
	if err := k.placeKnown(ctx); err != nil {
		return err
	}
	for last := ""; ; {
		page, err := k.strings(ctx, qFoldedPage, last)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, node := range page {
			if k.lens.isMe(node) {
				g.mine[node] = true
			} else {
				g.nodes[node] = true
			}
		}
		last = page[len(page)-1]
	}
	err := k.each(ctx, qAllOnCards, nil, func(scan func(...any) error) error {
		var uid, folded string
		err := scan(&uid, &folded)
		node := cardNode(uid)
		g.cards[node] = append(g.cards[node], folded)
		return err
	})
	if err != nil {
		return err
	}
	for node, addresses := range g.cards {
		if slices.ContainsFunc(addresses, k.lens.isMe) {
			delete(g.cards, node)
			delete(g.nodes, node)
			g.mine[node] = true
		}
	}
	if err := k.give(ctx, g, map[int64]bool{}); err != nil {
		return err
	}
	_, err = k.exec(ctx, qDropOrphans)
	return err
}

// placeKnown sees to it that every address the configuration names, and every
// card, has its row.
func (k *intake) placeKnown(ctx context.Context) error {
	uids, err := k.strings(ctx, qAllCardNodes)
	if err != nil {
		return err
	}
	for _, uid := range uids {
		if err := k.place(ctx, cardNode(uid)); err != nil {
			return err
		}
	}
	for _, p := range k.lens.cfg.People {
		for _, a := range p.Addresses {
			if _, card := cardUID(a); card || strings.ContainsAny(a, "*?[") {
				continue
			}
			if err := k.place(ctx, strings.ToLower(a)); err != nil {
				return err
			}
		}
	}
	return nil
}
