package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/servertest"
)

// breaker stands before a calendar server and breaks the answers to one kind of
// request after the server has acted: Toxiproxy does that where SYNCD_TOXIPROXY
// names its program, else the breaker itself.
type breaker struct {
	url    *url.URL // of what is behind it
	server *httptest.Server
	toxic  *toxiproxy

	mu     sync.Mutex
	breaks string         // PUT, DELETE or multiget
	broken map[string]int // by kind
}

var errBroken = errors.New("the answer is lost")

func startBreaker(t *testing.T, upstream *url.URL) *breaker {
	t.Helper()
	b := &breaker{url: upstream, broken: map[string]int{}}
	if program := os.Getenv("SYNCD_TOXIPROXY"); program != "" {
		b.toxic = startToxiproxy(t, program, upstream.Host)
		b.url = &url.URL{Scheme: "http", Host: b.toxic.listen}
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(b.url) },
		ModifyResponse: func(r *http.Response) error {
			if b.toxic != nil || !b.hits(r.Request) {
				return nil
			}
			return spoil(r)
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Transport:    &http.Transport{DisableKeepAlives: true},
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	b.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // syncd hung up
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r = r.WithContext(context.WithValue(r.Context(), kindKey{}, kindOf(r.Method, body)))
		if b.hits(r) {
			b.mu.Lock()
			b.broken[b.breaks]++
			b.mu.Unlock()
			if b.toxic != nil {
				if err := b.toxic.arm(r.Method == "REPORT"); err != nil {
					t.Error(err)
				}
				defer func() {
					if err := b.toxic.disarm(); err != nil {
						t.Error(err)
					}
				}()
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	b.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.server.Listener = resetting{b.server.Listener}
	b.server.Start()
	t.Cleanup(b.server.Close)
	return b
}

type kindKey struct{}

func kindOf(method string, body []byte) string {
	if method == "REPORT" && bytes.Contains(body, []byte("-multiget")) {
		return "multiget"
	}
	return method
}

// hits reports whether the answer to a request is to be broken.
func (b *breaker) hits(r *http.Request) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.breaks != "" && r.Context().Value(kindKey{}) == b.breaks
}

func (b *breaker) set(kind string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.breaks = kind
}

// spoil loses an answer, or half of one that lists.
func spoil(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.Request.Method != "REPORT" {
		return errBroken
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), iotest.ErrReader(errBroken)))
	return nil
}

// resetting closes connections with a reset.
type resetting struct{ net.Listener }

func (l resetting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return c, err
}

// toxiproxy is a Toxiproxy with one proxy.
type toxiproxy struct{ api, listen string }

func startToxiproxy(t *testing.T, program, upstream string) *toxiproxy {
	t.Helper()
	port := strconv.Itoa(freePort(t))
	c := exec.CommandContext(t.Context(), program, "-host", "127.0.0.1", "-port", port)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	p := &toxiproxy{api: "http://127.0.0.1:" + port + "/proxies"}
	body := fmt.Sprintf(`{"name": "dav", "listen": "127.0.0.1:0", "upstream": %q}`, upstream)
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if p.listen, err = p.post("", body); err == nil {
			return p
		}
	}
	t.Fatalf("start %s: %v", program, err)
	return nil
}

// post asks the API for something and returns where the new proxy listens.
func (p *toxiproxy) post(path, body string) (listen string, err error) {
	a, err := http.Post(p.api+path, "application/json", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	var made struct{ Listen string }
	if err := json.NewDecoder(a.Body).Decode(&made); err != nil || a.StatusCode >= 300 {
		return "", fmt.Errorf("toxiproxy: %s, %w", a.Status, err)
	}
	return made.Listen, nil
}

// arm holds the next answer back until the server closes the connection, having
// done its work, or lets through only its beginning.
func (p *toxiproxy) arm(beginning bool) error {
	toxic := `{"name": "t", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 5000}}`
	if beginning {
		toxic = `{"name": "t", "type": "limit_data", "stream": "downstream", "attributes": {"bytes": 2000}}`
	}
	_, err := p.post("/dav/toxics", toxic)
	return err
}

func (p *toxiproxy) disarm() error {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, p.api+"/dav/toxics/t", http.NoBody)
	if err != nil {
		return err
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	return a.Body.Close()
}

var realServers = map[string]func(testing.TB) *servertest.DAV{"Radicale": servertest.Radicale, "Xandikos": servertest.Xandikos}

// TestBrokenAnswers loses the answers to PUT and to DELETE after a real server has
// done what was asked, and cuts multigets in the middle, SYNCD_BROKEN times each
// (trial-toxiproxy: 50): nothing is doubled, nothing lost, nothing taken for a
// decision of the user's.
func TestBrokenAnswers(t *testing.T) {
	times := 3
	if n, err := strconv.Atoi(os.Getenv("SYNCD_BROKEN")); err == nil {
		times = n
	}
	for name, start := range realServers {
		t.Run(name, func(t *testing.T) {
			dav := start(t)
			broken, calendars := map[string]int{}, 0
			for broken["PUT"] < times || broken["DELETE"] < times || broken["multiget"] < times {
				t.Run("round", func(t *testing.T) { // ends its servers with it
					b := breakAnswers(t, dav)
					for kind, n := range b {
						broken[kind] += n
					}
					calendars++
				})
				if t.Failed() {
					return
				}
			}
			t.Logf("%s: answers lost: PUT %d, DELETE %d; multigets cut: %d; in %d calendars nothing doubled, nothing lost, no decision",
				name, broken["PUT"], broken["DELETE"], broken["multiget"], calendars)
		})
	}
}

// breakAnswers takes a calendar through a day, with answers broken on the way.
func breakAnswers(t *testing.T, dav *servertest.DAV) map[string]int {
	t.Helper()
	r := newRealRig(t, dav)
	user, b := r.user, r.breaker
	// pass once with answers broken and once without.
	both := func(kind string) {
		b.set(kind)
		if err := r.after(t, time.Minute); (err == nil) != (kind == "multiget") { // what a multiget does not give is asked for one by one
			t.Errorf("Pass = %v with the answers to %s broken", err, kind)
		}
		b.set("")
		r.calm(t)
	}
	both(http.MethodPut)
	first := r.placements(t)
	if len(first) < 2 {
		t.Fatalf("%d follow-ups, want several", len(first))
	}
	r.holds(t, user, first, len(first))
	r.restart(t, func(*config.Config) {}) // it has read no event yet
	before := done(user)
	both("multiget")
	if n := done(user)["GET"] - before["GET"]; n == 0 {
		t.Error("no event was asked for alone after the multiget was cut")
	}
	if got := r.placements(t); len(got) != len(first) {
		t.Errorf("%d follow-ups after a multiget was cut, want %d", len(got), len(first))
	}
	r.holds(t, user, r.placements(t), len(first))
	r.restart(t, func(c *config.Config) {
		c.People.Ignore = slices.Clone(c.People.Ignore)
		for _, p := range first {
			c.People.Ignore = append(c.People.Ignore, config.AddressGlob(p.Key.Who))
		}
	})
	both(http.MethodDelete)
	r.holds(t, user, r.placements(t), 0)
	for _, line := range r.decisions(t) {
		if strings.HasPrefix(line, `{"type":"decision"`) {
			t.Errorf("a decision: %s", line)
		}
	}
	if got := done(user); got["PUT"] != len(first) || got["DELETE"] != len(first) {
		t.Errorf("the server did %v, want %d PUTs and as many DELETEs", got, len(first))
	}
	return b.broken
}

// done counts what a server did for a user, by method.
func done(user *servertest.DAVUser) map[string]int {
	n := map[string]int{}
	for _, q := range user.Requests() {
		if q.Status < 300 {
			n[q.Method]++
		}
	}
	return n
}

// newRealRig is a rig on a calendar of a user of a real server, with a breaker
// before it.
func newRealRig(t *testing.T, dav *servertest.DAV) *rig {
	t.Helper()
	s := stage(t)
	user := dav.NewUser(t)
	at, err := url.Parse(user.URL)
	if err != nil {
		t.Fatal(err)
	}
	user.MakeCalendar(t, "Follow-ups")
	r := &rig{state: s.StateDir, user: user, origin: at.Scheme + "://" + at.Host, breaker: startBreaker(t, &url.URL{Scheme: at.Scheme, Host: at.Host})}
	r.at(now)
	r.calendars(t, s, r.breaker.server.URL+at.Path, config.Login{User: user.Name, Password: config.Hidden(user.Password)})
	return r
}

// holds demands that the calendar of a real server holds each open placement once
// and nothing else.
func (r *rig) holds(t *testing.T, user *servertest.DAVUser, placed []ledger.Placement, want int) {
	t.Helper()
	session, err := caldav.Dial(t.Context(), caldav.Account{
		Name: "look", URL: user.URL, User: user.Name, Zone: time.UTC,
		Password: func(context.Context) (string, error) { return user.Password, nil },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	all, err := session.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	uids := map[string]int{}
	for _, c := range all {
		l, err := session.Entries(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries {
			uids[e.UID]++
		}
	}
	open := 0
	for _, p := range placed {
		n := 0
		if p.State == ledger.Placed && p.Open() {
			n = 1
			open++
		}
		if uids[p.UID] != n {
			t.Errorf("%s is %s %q, and the calendar holds it %d times", p.UID, p.State, p.Outcome, uids[p.UID])
		}
		if p.Outcome == planner.Dismissed {
			t.Errorf("%s counts as dismissed", p.UID)
		}
		delete(uids, p.UID)
	}
	if open != want || len(uids) > 0 {
		t.Errorf("%d follow-ups are open, want %d; beside them the calendar holds %v", open, want, uids)
	}
}
