package bench_test

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"syncd/internal/servertest"
)

// idle passes once more when everything has been read, and counts what is said.
func idle(b *bench) {
	s := servertest.Dovecot(b)
	user := mailUser(b, s, b.size(5_000))
	imap := listen(b, net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	d := servertest.Radicale(b).NewUser(b)
	for _, name := range []string{"Follow-ups", "Work", "Home"} {
		d.MakeCalendar(b, name)
	}
	for i := range b.size(1_000) {
		d.Put(b, fmt.Sprintf("%sWork/%d.ics", d.Home, i), event(i))
	}
	at, err := url.Parse(d.URL)
	if err != nil {
		b.Fatal(err)
	}
	dav := listen(b, at.Host)
	at.Host = dav.address
	a := account{imap: imap.address, user: user, dav: d, url: at.String()}
	state := tempDir(b)
	a.sync(b, state)
	imap.reset()
	dav.reset()
	before := len(d.Requests())
	u, _ := a.sync(b, state)

	rows := [][]string{{"nothing new", "round trips", "sent", "received", "of them"}}
	for _, side := range []struct {
		name string
		p    *proxy
		of   string
	}{
		{"IMAP, 6 folders", imap, imap.verbs()},
		{"CalDAV, 2 calendars", dav, methods(d.Requests()[before:])},
	} {
		trips, up, down := side.p.counts()
		rows = append(rows, []string{side.name, strconv.Itoa(trips), fmt.Sprintf("%d B", up), fmt.Sprintf("%d B", down), side.of})
	}
	b.out.table(rows)
	b.out.line("  the whole pass as a process: %s, %s of processor time, %s", short(u.wall), short(u.cpu), mebibytes(u.peak))
}

func methods(requests []servertest.Request) string {
	counts := map[string]int{}
	for _, r := range requests {
		counts[r.Method]++
	}
	return tally(counts)
}

func tally(counts map[string]int) string {
	var said []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		said = append(said, fmt.Sprintf("%d %s", counts[name], name))
	}
	return strings.Join(said, ", ")
}

// proxy passes connections on and counts what goes over them.
type proxy struct {
	address string

	mu       sync.Mutex
	up, down int
	trips    int               // how often the client spoke after the server, or first
	spoke    map[net.Conn]bool // the client did last
	commands map[string]int
}

func listen(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{address: l.Addr().String()}
	p.reset()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				return
			}
			go p.pass(server, client, func(b []byte) { p.sent(client, b) })
			go p.pass(client, server, func(b []byte) { p.received(client, b) })
		}
	}()
	return p
}

func (p *proxy) pass(to, from net.Conn, count func([]byte)) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			count(buf[:n])
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) sent(c net.Conn, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up += len(b)
	if !p.spoke[c] {
		p.trips++
	}
	p.spoke[c] = true
	for line := range strings.Lines(string(b)) { // of IMAP: a tag, and the verb
		if w := strings.Fields(line); len(w) > 1 {
			p.commands[w[1]]++
		}
	}
}

func (p *proxy) received(c net.Conn, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down += len(b)
	p.spoke[c] = false
}

func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.down, p.trips, p.spoke, p.commands = 0, 0, 0, map[net.Conn]bool{}, map[string]int{}
}

func (p *proxy) counts() (trips, up, down int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trips, p.up, p.down
}

func (p *proxy) verbs() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return tally(p.commands)
}
