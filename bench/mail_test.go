package bench_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncd/internal/servertest"
)

const myAddress = "ana@example.org"

// message is a generated one.
type message struct {
	raw  []byte
	at   time.Time
	sent bool
	head []byte // the header block of raw
}

// writer makes the mail of somebody who has written to several hundred people
// over ten years: conversations of one to eight messages, newsletters, mailing
// lists and notices between them, everything in the order of its dates.
type writer struct {
	r       *rand.Rand
	at      time.Time
	step    time.Duration
	n       int
	threads []thread
}

type thread struct {
	who     int
	subject string
	ids     []string
	left    int
	mine    bool // the next word is mine
}

const people = 700

var (
	givenNames = strings.Fields("Ana Ben Carla David Elif Farid Greta Hugo Inès Jonas Karin Luis Mira Nils Olga Paul Qiu Rosa Søren Tomás Uta Viktor Wanda Xenia Yusuf Zoë")
	surnames   = strings.Fields("Adler Bauer Costa Dubois Ericson Fischer García Hansen Ito Jansen Keller Lopez Müller Novak Olsen Petrov Quint Rossi Schmidt Tanaka Urban Vogel Weber Young Zeman")
	subjects   = strings.Fields("draft invoice schedule budget review contract question about the next meeting trip photos garden plan report for June offer notes from Tuesday lunch call tickets idea dinner")
	bodyWords  = strings.Fields("thanks for the notes I will have a look and let you know by Friday whether this works could you send the second part the invoice is attached we meet at ten please bring the papers kind regards it was good to see you again the numbers look fine to me")
)

func newWriter(seed uint64, n int) *writer {
	const span = 10 * 365 * 24 * time.Hour
	return &writer{
		r:    rand.New(rand.NewPCG(seed, seed)),
		at:   time.Date(2016, 5, 1, 8, 0, 0, 0, time.UTC),
		step: span / time.Duration(n),
	}
}

// person gives name and address of one of the people.
func person(n int) (name, address string) {
	given, family := givenNames[n%len(givenNames)], surnames[n/len(givenNames)%len(surnames)]
	return given + " " + family, fmt.Sprintf("person%d@%s.example.%s", n, strings.ToLower(ascii(family)), []string{"com", "net", "org"}[n%3])
}

func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return 'x'
		}
		return r
	}, s)
}

func (w *writer) words(list []string, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(" \n"[min(i%12/11, 1)])
		}
		b.WriteString(list[w.r.IntN(len(list))])
	}
	return b.String()
}

func (w *writer) id() string { return fmt.Sprintf("%016x.%d@mx.example.net", w.r.Uint64(), w.n) }

// next writes the next message.
func (w *writer) next() message {
	w.n++
	w.at = w.at.Add(w.step)
	if w.r.IntN(100) < 40 {
		return w.bulk()
	}
	if len(w.threads) < 50 || w.r.IntN(3) == 0 {
		// The square of an even number between 0 and 1 favours the small.
		who := w.r.Float64()
		t := thread{who: int(who * who * people), subject: w.words(subjects, 2+w.r.IntN(4)), left: 1 + w.r.IntN(8), mine: w.r.IntN(2) == 0}
		if w.r.IntN(4) == 0 {
			t.subject += "?"
		}
		w.threads = append(w.threads, t)
	}
	i := w.r.IntN(len(w.threads))
	m := w.reply(&w.threads[i])
	if w.threads[i].left == 0 {
		w.threads[i] = w.threads[len(w.threads)-1]
		w.threads = w.threads[:len(w.threads)-1]
	}
	return m
}

func (w *writer) reply(t *thread) message {
	id, mine := w.id(), t.mine
	name, address := person(t.who)
	var h strings.Builder
	from, to := fmt.Sprintf("%s <%s>", encode(name), address), "Ana Lima <"+myAddress+">"
	if mine {
		from, to = to, from
	} else {
		w.trace(&h, address)
	}
	fmt.Fprintf(&h, "From: %s\nTo: %s\n", from, to)
	for range max(0, w.r.IntN(6)-3) {
		other, at := person(w.r.IntN(people))
		fmt.Fprintf(&h, "Cc: %s <%s>\n", encode(other), at)
	}
	subject := t.subject
	if len(t.ids) > 0 {
		subject = "Re: " + subject
		fmt.Fprintf(&h, "In-Reply-To: <%s>\nReferences: <%s>\n", t.ids[len(t.ids)-1], strings.Join(t.ids, ">\n <"))
	}
	fmt.Fprintf(&h, "Subject: %s\n", subject)
	t.ids = append(t.ids, id)
	t.left--
	t.mine = !mine
	return w.message(&h, id, mine)
}

// bulk is a newsletter, a mail of a list, or a notice.
func (w *writer) bulk() message {
	var h strings.Builder
	n := w.r.IntN(60)
	sender := fmt.Sprintf("news%d@letters.example.com", n)
	w.trace(&h, sender)
	switch n % 3 {
	case 0:
		fmt.Fprintf(&h, "From: Letter %d <%s>\nTo: %s\nList-Unsubscribe: <https://letters.example.com/u/%d>\nPrecedence: bulk\n", n, sender, myAddress, w.n)
	case 1:
		name, address := person(w.r.IntN(people))
		fmt.Fprintf(&h, "From: %s <%s>\nTo: list%d@lists.example.org\nList-Id: Talk <list%d.lists.example.org>\nList-Post: <mailto:list%d@lists.example.org>\n", encode(name), address, n, n, n)
	default:
		fmt.Fprintf(&h, "From: Shop <no-reply@shop%d.example.com>\nTo: %s\nAuto-Submitted: auto-generated\n", n, myAddress)
	}
	fmt.Fprintf(&h, "Subject: %s\n", w.words(subjects, 3+w.r.IntN(6)))
	return w.message(&h, w.id(), false)
}

// trace writes what servers put before a message that they deliver.
func (w *writer) trace(h *strings.Builder, from string) {
	fmt.Fprintf(h, "Return-Path: <%s>\nDelivered-To: %s\n", from, myAddress)
	for hop := range 4 {
		fmt.Fprintf(h, "Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\n\tby mail.example.org with ESMTPS id %016x\n\tfor <%s>; %s\n",
			hop, hop, hop+1, w.r.Uint64(), myAddress, w.at.Format(time.RFC1123Z))
	}
	fmt.Fprintf(h, "Authentication-Results: mail.example.org; dkim=pass header.d=example.net; spf=pass\n\tsmtp.mailfrom=%s\n", from)
	fmt.Fprintf(h, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=key;\n\th=from:to:subject:date; bh=%064x;\n\tb=%0256x\n", w.r.Uint64(), w.r.Uint64())
}

func (w *writer) message(h *strings.Builder, id string, sent bool) message {
	fmt.Fprintf(h, "Date: %s\nMessage-ID: <%s>\nMIME-Version: 1.0\nUser-Agent: Mail 1.0\nContent-Type: text/plain; charset=utf-8\n", w.at.Format(time.RFC1123Z), id)
	head := h.Len()
	size := 20 + int(w.r.ExpFloat64()*300)
	h.WriteString("\n" + w.words(bodyWords, min(size, 3000)) + "\n")
	raw := []byte(h.String())
	return message{raw: raw, head: raw[:head], at: w.at, sent: sent}
}

// encode writes a name as mail programs do.
func encode(name string) string {
	if name == ascii(name) {
		return name
	}
	var b strings.Builder
	for _, c := range []byte(name) {
		if c > '~' {
			fmt.Fprintf(&b, "=%02X", c)
		} else {
			b.WriteString(strings.ReplaceAll(string(c), " ", "_"))
		}
	}
	return "=?UTF-8?Q?" + b.String() + "?="
}

// fill writes n messages straight into a user's Maildir, what was sent into Sent.
func fill(b *bench, s *servertest.IMAP, user string, n int) {
	b.Helper()
	home := s.Home(user)
	info, err := os.Stat(home)
	if err != nil {
		b.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	dirs := map[bool]string{false: filepath.Join(home, "Maildir"), true: filepath.Join(home, "Maildir", ".Sent")}
	for _, top := range []bool{false, true} {
		for _, sub := range []string{"", "cur", "new", "tmp"} {
			dir := filepath.Join(dirs[top], sub)
			if err := os.MkdirAll(dir, 0o700); err != nil {
				b.Fatal(err)
			}
			if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
				b.Fatal(err)
			}
		}
	}
	w := newWriter(1, n)
	for i := range n {
		m := w.next()
		name := fmt.Sprintf("%d.M%07dP1.bench,S=%d,W=%d:2,S", m.at.Unix(), i, len(m.raw), len(m.raw)+strings.Count(string(m.raw), "\n"))
		path := filepath.Join(dirs[m.sent], "cur", name)
		if err := os.WriteFile(path, m.raw, 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			b.Fatal(err)
		}
		if err := os.Chtimes(path, m.at, m.at); err != nil {
			b.Fatal(err)
		}
	}
}

// forget takes away what Dovecot keeps of a user's mail beside it, so that it has
// to read the messages themselves.
func forget(t testing.TB, s *servertest.IMAP, user string) {
	t.Helper()
	for _, pattern := range []string{"Maildir/dovecot.index*", "Maildir/.Sent/dovecot.index*", "Maildir/dovecot.list*"} {
		files, err := filepath.Glob(filepath.Join(s.Home(user), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}
