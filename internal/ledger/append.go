package ledger

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRefs bounds what one message may say about its thread.
const maxRefs = 100

// Append takes a batch with its cursor in one transaction. It is idempotent,
// and the order of batches does not matter to what the rows mean.
//
// Summaries are brought up to date at once, but for batches of a source that
// has not been read to its end, and those with Unsettled: they leave the contacts
// marked, and who reads before the last batch has them worked out on the fly.
func (l *Ledger) Append(ctx context.Context, b Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := loadLens(ctx, t)
		if err != nil {
			return err
		}
		k := newIntake(t, n)
		k.batch, k.journal = b, l.journal
		return k.take(ctx)
	})
	if err != nil {
		return fmt.Errorf("append %d messages and %d objects from %s: %w", len(b.Mail), len(b.Objects), b.Source.Type, err)
	}
	return nil
}

// touched is what a batch changed and what must be worked out again.
type touched struct {
	groups, contacts map[int64]bool
	threads          map[int64]bool // as links make them
	heads            map[int64]bool // threads joined or parted by weak evidence
}

func newTouched() touched {
	return touched{groups: map[int64]bool{}, contacts: map[int64]bool{}, threads: map[int64]bool{}, heads: map[int64]bool{}}
}

// intake is one Append on its way.
type intake struct {
	*tx
	lens      *lens
	plain     *lens // what the configuration alone says; nil until it is needed
	batch     Batch
	journal   *journal
	source    int64
	sent      bool // the source holds sent mail
	addresses map[string]int64
	nodes     map[string]int64 // threads of Message-IDs met in this transaction
	touched   touched
	newest    int64 // row of interaction; 0: not asked for yet
	newSent   bool  // sent_from has new counts
	anew      bool  // the source turned out to hold sent mail: derive everything again
}

func newIntake(t *tx, n *lens) *intake {
	return &intake{tx: t, lens: n, addresses: map[string]int64{}, nodes: map[string]int64{}, touched: newTouched()}
}

var (
	qAddSource = query(`INSERT INTO source (account, type, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`)
	qSource    = query(`SELECT id, sent FROM source WHERE account = ? AND type = ? AND name = ?`)
	qSetCursor = query(`UPDATE source SET uidvalidity = ?, highest = ?, lowest = ?, reached_at = ?, sync_token = ?, ctag = ?,
		complete = ?, total = CASE WHEN ? > 0 THEN ? ELSE total END, sent = ? WHERE id = ?`)
	qHasCopies  = query(`SELECT 1 FROM copy WHERE source_id = ? LIMIT 1`)
	qVoidCopies = query(`UPDATE copy SET uid = NULL WHERE source_id = ?`)
	qAddSkipped = query(`INSERT INTO skipped (source_id, place, reason) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET reason = excluded.reason`)
	qSkippedPlaces = query(`SELECT place FROM skipped WHERE source_id = ?`)
	qDropSkipped   = query(`DELETE FROM skipped WHERE source_id = ? AND place = ?`)
)

func (k *intake) take(ctx context.Context) error {
	wasSent, wasRead, wasComplete, err := k.takeSource(ctx)
	if err != nil {
		return err
	}
	if err := k.takeSkipped(ctx); err != nil {
		return err
	}
	for i := range k.batch.Mail {
		if err := k.takeMail(ctx, &k.batch.Mail[i]); err != nil {
			return fmt.Errorf("message with UID %d: %w", k.batch.Mail[i].UID, err)
		}
		if err := k.alive(); err != nil {
			return err
		}
	}
	if k.batch.Source.Type == AddressBook {
		err = k.takeCards(ctx, wasComplete)
	} else {
		err = k.takeObjects(ctx)
	}
	if err != nil {
		return err
	}
	if k.batch.Cursor.Complete && !wasComplete {
		k.changed = true // the ledger may be whole now
	}
	about := k.source
	if k.sent != wasSent {
		k.changed = true
		if err := k.recountSent(ctx); err != nil {
			return err
		}
		if k.newSent, k.anew = true, wasRead; wasSent {
			about = 0 // another may be the Sent folder now
		}
	}
	if k.batch.Source.Type == Mailbox {
		changed, err := findSent(ctx, k.tx, k.lens.cfg, about)
		if err != nil {
			return fmt.Errorf("find sent mail: %w", err)
		}
		k.newSent, k.anew = k.newSent || changed, k.anew || changed
	}
	return k.finish(ctx)
}

// takeSkipped notes what could not be read, and forgets it of what was read since
// or is gone.
func (k *intake) takeSkipped(ctx context.Context) error {
	before, err := k.strings(ctx, qSkippedPlaces, k.source)
	if err != nil {
		return err
	}
	if len(before) > 0 {
		now := k.batch.places()
		for _, place := range before {
			if !k.batch.Reset && !now[place] {
				continue
			}
			if _, err := k.exec(ctx, qDropSkipped, k.source, place); err != nil {
				return err
			}
		}
	}
	for _, s := range k.batch.Skipped {
		if _, err := k.exec(ctx, qAddSkipped, k.source, s.Where, s.Reason); err != nil {
			return err
		}
	}
	return nil
}

// places are those of all that the batch says something of, as Skip names them.
func (b *Batch) places() map[string]bool {
	out := map[string]bool{}
	for i := range b.Mail {
		out[strconv.FormatUint(uint64(b.Mail[i].UID), 10)] = true
	}
	for i := range b.Objects {
		out[b.Objects[i].Href] = true
	}
	for i := range b.Cards {
		out[b.Cards[i].Href] = true
	}
	for _, href := range b.Gone {
		out[href] = true
	}
	return out
}

// finish works out what the new rows mean.
func (k *intake) finish(ctx context.Context) error {
	if k.newSent {
		again, err := k.identify(ctx)
		if err != nil || again {
			return err
		}
	}
	if len(k.touched.groups) > 0 {
		k.changed = true
	}
	if err := k.derive(ctx, k.touched.groups); err != nil {
		return fmt.Errorf("derive: %w", err)
	}
	if err := k.invites(ctx); err != nil {
		return fmt.Errorf("derive calendar mail: %w", err)
	}
	if err := k.answers(ctx, k.touched.groups, qBareAfter); err != nil {
		return fmt.Errorf("find what is answered: %w", err)
	}
	if err := k.spread(ctx); err != nil {
		return fmt.Errorf("mark contacts: %w", err)
	}
	if !k.batch.Cursor.Complete || k.batch.Unsettled {
		return nil
	}
	return settle(ctx, k.tx, k.lens)
}

// identify reads the identities again and, when they changed or what was read
// as received is sent mail, derives everything anew.
func (k *intake) identify(ctx context.Context) (again bool, err error) {
	changed, err := refreshIdentities(ctx, k.tx, k.lens.cfg)
	if err != nil || !changed && !k.anew {
		return false, err
	}
	n, err := loadLens(ctx, k.tx)
	if err != nil {
		return false, err
	}
	k.changed = true
	all := newIntake(k.tx, n)
	all.touched.threads = k.touched.threads // the batch may have moved some
	if err := all.deriveAll(ctx, false); err != nil {
		return false, err
	}
	if !k.batch.Cursor.Complete || k.batch.Unsettled {
		return true, nil
	}
	return true, settle(ctx, k.tx, n)
}

func (k *intake) takeSource(ctx context.Context) (wasSent, wasRead, wasComplete bool, err error) {
	s, c := k.batch.Source, k.batch.Cursor
	added, err := k.exec(ctx, qAddSource, s.Account, s.Type, s.Name)
	if err != nil {
		return false, false, false, err
	}
	if _, err := k.one(ctx, qSource, []any{s.Account, s.Type, s.Name}, &k.source, &wasSent); err != nil {
		return false, false, false, err
	}
	before, err := readCursor(ctx, k.tx, s)
	if err != nil {
		return false, false, false, err
	}
	var one int
	if wasRead, err = k.one(ctx, qHasCopies, []any{k.source}, &one); err != nil {
		return false, false, false, err
	}
	if added > 0 {
		if err := k.lens.learnFolders(ctx, k.tx); err != nil {
			return false, false, false, err
		}
	}
	// What a mailbox is for is what was said last; its content says it until
	// it is looked at again.
	var by SentBy
	if _, err := k.one(ctx, qSentBy, []any{k.source}, &by); err != nil {
		return false, false, false, err
	}
	k.sent = k.batch.Sent || wasSent && by == SentByContent
	if k.batch.Reset {
		for _, q := range []string{qVoidCopies, qVoidAutomatic} {
			if _, err := k.exec(ctx, q, k.source); err != nil {
				return false, false, false, err
			}
		}
	}
	if s.Type == Mailbox {
		if k.batch.Sent {
			by = cmp.Or(k.batch.SentBy, SentByUse)
		} else if by != SentByContent {
			by = ""
		}
		if _, err := k.exec(ctx, qPutMailbox, k.source, k.batch.Use, by); err != nil {
			return false, false, false, err
		}
	}
	_, err = k.exec(ctx, qSetCursor, c.UIDValidity, c.Highest, c.Lowest, unix(c.Reached), c.SyncToken, c.CTag,
		c.Complete, k.batch.Total, k.batch.Total, k.sent, k.source)
	if err != nil {
		return false, false, false, err
	}
	return wasSent, wasRead, before.Complete, advanceClock(ctx, k.tx, k.batch.At)
}

// advanceClock remembers the newest time the ledger was told.
func advanceClock(ctx context.Context, t *tx, at time.Time) error {
	clock, err := getMetaTime(ctx, t, metaClock)
	if err != nil || !at.After(clock) {
		return err
	}
	return setMetaTime(ctx, t, metaClock, at)
}

var (
	qAddNoise = query(`INSERT INTO noise (message_id, source_id, reason, fingerprint) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET reason = excluded.reason WHERE excluded.reason = 'ignored'`)
	// Rows that tell of the same message: under its id, or by its fingerprint.
	qSameMail = query(`SELECT id, group_id, evidence, evidence = ?1 AND content = ?2, thread_id IS NOT NULL FROM interaction WHERE kind = 'mail' AND evidence = ?1
		UNION ALL SELECT id, group_id, evidence, 0, thread_id IS NOT NULL FROM interaction WHERE fingerprint = ?3`)
	qAddMail = query(`INSERT INTO interaction (id, kind, evidence_type, evidence, content, at, known_at, subject, fingerprint,
		refs, opens, topic, group_id, thread_id) VALUES (?, 'mail', 'mail', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	qNewestRow = query(`SELECT coalesce(max(id), 0) FROM interaction`)
	qAddPerson = query(`INSERT INTO participant (interaction_id, pos, address_id, role, name, status, thing)
		VALUES (?, ?, ?, ?, ?, ?, ?)`)
	qMarkList = query(`UPDATE address SET list = 1 WHERE id = ? AND list = 0`)
	// Those who had the list in common with me.
	qMarkBeside = query(`UPDATE contact SET dirty = 1 WHERE dirty = 0 AND id IN (
		SELECT a.contact_id FROM participant AS o CROSS JOIN interaction AS i ON i.id = o.interaction_id AND i.direct = 1
		CROSS JOIN participant AS p ON p.interaction_id = i.id CROSS JOIN address AS a ON a.id = p.address_id
		WHERE o.address_id = ?)`)
)

func (k *intake) takeMail(ctx context.Context, m *Mail) error {
	for _, a := range m.Lists {
		if err := k.takeList(ctx, a); err != nil {
			return err
		}
	}
	if noise := k.noise(m); noise != "" {
		if _, err := k.exec(ctx, qAddNoise, m.ID, k.source, noise, null(m.Fingerprint)); err != nil {
			return err
		}
		return k.takeAutomatic(ctx, m, noise)
	}
	m.Refs = capRefs(m.Refs)
	content, err := mailContent(m)
	if err != nil {
		return err
	}
	row, kin, err := k.relatives(ctx, m, content)
	if err != nil {
		return err
	}
	hidden := k.lens.hides() && k.lens.nobody(m.People)
	if row == 0 {
		return k.addMail(ctx, m, content, kin, hidden)
	}
	if err := k.addCopy(ctx, row, m); err != nil || kin.linked || hidden {
		return err
	}
	// It was ignored where it was found before, and is not here.
	if err := k.touchRow(ctx, row); err != nil {
		return err
	}
	return k.relinkRow(ctx, row, KindMail, m.ID, m.Fingerprint, m.Refs)
}

// noise says why a message is not stored, "" if it is. What is left out must not
// depend on what was found out of people so far: the configuration alone decides,
// and derive hides what follows from more than that.
func (k *intake) noise(m *Mail) string {
	if m.Noise == "" && k.lens.hides() && (k.lens.folders[k.source] || k.configured().nobody(m.People)) {
		return noiseIgnored
	}
	return m.Noise
}

// configured is what the configuration alone says of people.
func (k *intake) configured() *lens {
	if k.plain == nil {
		k.plain = newLens(k.lens.cfg, nil)
	}
	return k.plain
}

// kin are the groups of rows that tell of the same thing, and their evidence.
type kin struct {
	groups   []int64
	evidence []string
	linked   bool // the row of this very reading is
}

// relatives finds the row of this very reading, 0 if there is none, and those
// that tell of the same message. A row that is ignored has no thread, and no part
// in what others are.
func (k *intake) relatives(ctx context.Context, m *Mail, content string) (row int64, kin kin, err error) {
	err = k.each(ctx, qSameMail, []any{m.ID, content, null(m.Fingerprint)}, func(scan func(...any) error) error {
		var id, group int64
		var evidence string
		var same, linked bool
		if err := scan(&id, &group, &evidence, &same, &linked); err != nil {
			return err
		}
		if same {
			row, kin.linked = id, linked
		}
		if linked {
			kin.groups, kin.evidence = append(kin.groups, group), append(kin.evidence, evidence)
		}
		return nil
	})
	return row, kin, err
}

func (k *intake) takeList(ctx context.Context, address string) error {
	if !strings.Contains(address, "@") {
		return nil
	}
	id, err := k.address(ctx, address)
	if err != nil {
		return err
	}
	n, err := k.exec(ctx, qMarkList, id)
	if err != nil || n == 0 {
		return err
	}
	k.changed = true
	if _, err := k.exec(ctx, qMarkBeside, id); err != nil {
		return err
	}
	return k.touchAddress(ctx, id)
}

// addMail adds a row. One that is hidden is linked to no other.
func (k *intake) addMail(ctx context.Context, m *Mail, content string, kin kin, hidden bool) error {
	if hidden {
		kin.groups = nil
	}
	var refs any
	if len(m.Refs) > 0 {
		text, err := toJSON(m.Refs)
		if err != nil {
			return err
		}
		refs = text
	}
	row, err := k.nextRow(ctx)
	if err != nil {
		return err
	}
	group, err := k.group(ctx, row, kin.groups)
	if err != nil {
		return err
	}
	var thread any
	if !hidden {
		if thread, err = k.thread(ctx, slices.Concat([]string{m.ID}, m.Refs, kin.evidence)); err != nil {
			return err
		}
	}
	at := m.At.Unix()
	if _, err = k.exec(ctx, qAddMail, row, m.ID, content, at, at, m.Subject, null(m.Fingerprint), refs,
		len(m.Refs) == 0 && !m.Reply, null(topicKey(m.Topic)), group, thread); err != nil {
		return err
	}
	if err := k.addTitle(ctx, row, m.Invite); err != nil {
		return err
	}
	if err := k.addPeople(ctx, row, m.People); err != nil {
		return err
	}
	if _, err := k.exec(ctx, qPutCopy, row, k.source, m.UID, m.Delivered); err != nil {
		return err
	}
	return k.countSent(ctx, row, m.People)
}

// nextRow gives the id for a new row, so that it can be written at once with
// its group.
func (k *intake) nextRow(ctx context.Context) (int64, error) {
	if k.newest == 0 {
		if _, err := k.one(ctx, qNewestRow, nil, &k.newest); err != nil {
			return 0, err
		}
	}
	k.newest++
	return k.newest, nil
}

// countSent notes whose name a row bears that was found in a Sent folder for
// the first time.
func (k *intake) countSent(ctx context.Context, row int64, people []Participant) error {
	if !k.sent {
		return nil
	}
	k.newSent = true
	return k.countRow(ctx, row, people)
}

func (k *intake) addPeople(ctx context.Context, row int64, people []Participant) error {
	for pos, p := range people {
		id, err := k.address(ctx, p.Address)
		if err != nil {
			return err
		}
		if _, err := k.exec(ctx, qAddPerson, row, pos, id, p.Role, p.Name, p.Status, p.Thing); err != nil {
			return err
		}
	}
	return nil
}

var (
	qCopy     = query(`SELECT delivered, coalesce(uid, 0) FROM copy WHERE interaction_id = ? AND source_id = ? AND href = ''`)
	qSentCopy = query(`SELECT 1 FROM copy AS c JOIN source AS s ON s.id = c.source_id
		WHERE c.interaction_id = ? AND s.sent = 1 AND c.source_id <> ? LIMIT 1`)
	qPutCopy = query(`INSERT INTO copy (interaction_id, source_id, uid, delivered) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET uid = excluded.uid, delivered = min(delivered, excluded.delivered)`)
	qGroupOf = query(`SELECT group_id FROM interaction WHERE id = ?`)
	qAddSent = query(`INSERT INTO sent_from (address_id, name, n)
		SELECT address_id, name, 1 FROM participant WHERE interaction_id = ? AND role = 'from'
		ON CONFLICT DO UPDATE SET n = n + 1`)
)

// addCopy notes where the row was found. A message may lie in one mailbox
// twice; one mark of delivery less decides, whatever came first.
func (k *intake) addCopy(ctx context.Context, row int64, m *Mail) error {
	var delivered bool
	var uid uint32
	known, err := k.one(ctx, qCopy, []any{row, k.source}, &delivered, &uid)
	if err != nil {
		return err
	}
	if known && (delivered == m.Delivered || !delivered) && uid == m.UID {
		return nil
	}
	if !known && k.sent {
		var one int
		counted, err := k.one(ctx, qSentCopy, []any{row, k.source}, &one)
		if err != nil {
			return err
		}
		if !counted {
			if err := k.countSent(ctx, row, m.People); err != nil {
				return err
			}
		}
	}
	if _, err := k.exec(ctx, qPutCopy, row, k.source, m.UID, m.Delivered); err != nil {
		return err
	}
	if known && (delivered == m.Delivered || !delivered) {
		return nil
	}
	return k.touchRow(ctx, row)
}

func (k *intake) touchRow(ctx context.Context, row int64) error {
	var group int64
	if _, err := k.one(ctx, qGroupOf, []any{row}, &group); err != nil {
		return err
	}
	k.touched.groups[group] = true
	return nil
}

var (
	qAddress        = query(`SELECT id FROM address WHERE address = ?`)
	qAddAddress     = query(`INSERT INTO address (address, folded, contact_id) VALUES (?, ?, ?)`)
	qNewAddress     = query(`INSERT INTO address (address, folded) VALUES (?, ?) ON CONFLICT DO NOTHING`)
	qContactByKey   = query(`SELECT id FROM contact WHERE key = ?`)
	qAddContact     = query(`INSERT INTO contact (code, key) VALUES (?, ?)`)
	qAddressContact = query(`SELECT contact_id FROM address WHERE id = ? AND contact_id IS NOT NULL`)
)

// address gives the row of an address, and makes it and its contact.
func (k *intake) address(ctx context.Context, address string) (int64, error) {
	if id, ok := k.addresses[address]; ok {
		return id, nil
	}
	var id int64
	found, err := k.one(ctx, qAddress, []any{address}, &id)
	if err != nil {
		return 0, err
	}
	if !found {
		contact, err := contactFor(ctx, k.tx, k.lens, address)
		if err != nil {
			return 0, err
		}
		if id, err = k.insert(ctx, qAddAddress, address, fold(address), contact); err != nil {
			return 0, err
		}
	}
	k.addresses[address] = id
	return id, nil
}

// contactFor gives the row of the contact a new address belongs to, nil if it is
// mine. Addresses that the configuration or a card names are not new: they have
// their row since.
func contactFor(ctx context.Context, t *tx, n *lens, address string) (any, error) {
	if n.isMe(address) {
		return nil, nil
	}
	var id int64
	found, err := t.one(ctx, qFoldedHolder, []any{fold(address)}, &id)
	if err != nil {
		return nil, err
	}
	if found {
		return id, t.spelled(ctx, id, address)
	}
	return contactOf(ctx, t, fold(address))
}

// place sees to it that an address has its row, and leaves it to regroup or
// assign to whom a new one belongs.
func (k *intake) place(ctx context.Context, address string) error {
	_, err := k.exec(ctx, qNewAddress, address, fold(address))
	return err
}

func (k *intake) touchAddress(ctx context.Context, id int64) error {
	var contact int64
	found, err := k.one(ctx, qAddressContact, []any{id}, &contact)
	if found {
		k.touched.contacts[contact] = true
	}
	return err
}

// mailContent tells readings of one message apart.
func mailContent(m *Mail) (string, error) {
	return contentHash(m.At.Unix(), m.Subject, m.People, m.Refs, m.Fingerprint)
}

func contentHash(facts ...any) (string, error) {
	b, err := json.Marshal(facts)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return idEncoding.EncodeToString(sum[:15]), nil
}

func capRefs(refs []string) []string {
	if len(refs) <= maxRefs {
		return refs
	}
	// The first names the thread, the last are its nearest relatives.
	return append([]string{refs[0]}, refs[len(refs)-maxRefs+1:]...)
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// topicKey gives a hash of a topic, in whatever case and spacing; "" for an empty
// one.
func topicKey(topic string) string {
	s := strings.Join(strings.Fields(strings.ToLower(topic)), " ")
	if s == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(s))
	return idEncoding.EncodeToString(sum[:10])
}
