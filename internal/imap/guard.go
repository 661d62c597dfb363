package imap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The bounds of what a server may send (SPEC section 13). What is beyond them
// loses the response it is in; what is far beyond ends the connection.
const (
	maxLine     = 1 << 20
	maxLiteral  = 1 << 20
	maxResponse = 4 << 20   // line and literals of one response together
	maxDiscard  = 256 << 20 // of one line or literal
	maxJunk     = 10_000    // dropped lines on one connection
	maxUseless  = 100_000   // responses to one command; flags may change on many messages
	keepBuffer  = 512 << 10 // a larger read buffer is given back

	patience = 3 // timeouts without a response of use
)

// guard is the connection under imapclient, which trusts the server: anything
// malformed or unknown ends all of it, nothing is bounded, and a silent server
// is waited for without end.
//
// So the guard frames a whole response before anything looks into it, reads it
// leniently (guardcheck.go), and gives imapclient that what was made out,
// spelled by the book. What cannot be made out is dropped alone and counted.
// It owns the deadlines and keeps why the connection ended.
//
// One goroutine reads and one writes: one command is in flight at a time.
type guard struct {
	net.Conn // the raw one, closed to interrupt whatever goes on
	stream   net.Conn
	r        *bufio.Reader
	buf      []byte       // the response being read
	out      bytes.Buffer // for imapclient
	junk     int

	mu        sync.Mutex // guards what follows; not held while reading or writing
	timeout   time.Duration
	limit     time.Duration // the timeout that was last set
	stuck     bool          // it was that of progress
	progress  progress      // of the command in flight
	tag, verb string        // of the command in flight
	within    bool          // a command is written in part
	more      bool          // the server may ask for more of it with "+"
	owed      bool          // what it asked for is not written
	section   string        // what it asks for of messages: headerItem, messageItem or nothing
	flags     bool          // it asks for flags
	search    bool          // it asks for messages by what is in them
	waiting   bool          // for a response
	idling    bool
	caps      map[string]bool
	told      bool   // caps hold for the present state
	exists    uint32 // messages in the open mailbox
	counted   bool   // the server said how many
	news      chan struct{}
	bye       string // what the server said when it hung up
	anomalies map[string]int
	broken    error // why reading or writing ended
	closed    bool
	settled   sync.Cond // owed or closed has changed
}

func newGuard(raw net.Conn, timeout time.Duration) *guard {
	g := &guard{Conn: raw, timeout: timeout, limit: timeout, news: make(chan struct{}, 1), anomalies: map[string]int{}}
	g.settled.L = &g.mu
	g.use(raw)
	return g
}

// use goes on over another stream, of which nothing is known yet.
func (g *guard) use(stream net.Conn) {
	g.stream, g.r = stream, bufio.NewReaderSize(stream, 64<<10)
	g.caps, g.told = nil, false
}

// The deadlines that imapclient sets are not those that are wanted.

func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// arm sets the deadline for the next response, and for progress: IDLE has none to
// make. g.mu is held, so that a command that is written meanwhile is not left
// without one.
func (g *guard) arm() {
	var at time.Time
	if g.waiting {
		now := time.Now()
		if g.limit = g.timeout; g.idling {
			g.limit += idleFor
		}
		at, g.stuck = now.Add(g.limit), false
		if end := now.Add(patience*g.timeout - g.progress.without(now)); !g.idling && end.Before(at) {
			at, g.limit, g.stuck = end, patience*g.timeout, true
		}
	}
	_ = g.stream.SetReadDeadline(at) // on a closed connection the read fails
}

// Write sends what imapclient wrote, after a look at which command it is.
func (g *guard) Write(b []byte) (int, error) {
	if err := g.failed(); err != nil {
		return 0, err
	}
	g.mu.Lock()
	line, late := b, false
	switch sasl := g.verb == "AUTHENTICATE" && !bytes.Contains(b, []byte(" ")); {
	case g.within, sasl: // a literal or a SASL response, without end if it is long
		late = !g.waiting
		g.more = g.more || sasl && !late
	case string(b) == "DONE\r\n":
		late = !g.idling // the server ended IDLE by itself
		g.idling = false
		g.progress.begin(nil)
	case !onlyReads(b):
		g.mu.Unlock()
		return 0, g.fail(errRefused) // without b, which may hold a password
	default:
		line = g.command(b)
	}
	g.within = !bytes.HasSuffix(line, []byte("\r\n"))
	if _, announced := literalSize(line); announced && !g.within && !late {
		g.within, g.more = true, !bytes.HasSuffix(line, []byte("+}\r\n"))
	}
	g.owed = false
	g.settled.Broadcast()
	if late { // the command is answered: nobody reads what belongs to it
		defer g.mu.Unlock()
		if g.closed {
			return 0, net.ErrClosed
		}
		return len(b), nil
	}
	g.arm()
	_ = g.stream.SetWriteDeadline(time.Now().Add(g.timeout)) // on a closed connection the write fails
	g.mu.Unlock()
	if _, err := g.stream.Write(line); err != nil {
		return 0, g.fail(err)
	}
	return len(b), nil
}

var errRefused = errors.New("refused to send what is no reading command: mail is only read")

// commands are all that is ever sent (SPEC I1): none of them changes a mailbox, a
// message or a flag.
var commands = []string{
	"CAPABILITY", "STARTTLS", "AUTHENTICATE", "LOGIN", "NAMESPACE", "LIST", "STATUS", "EXAMINE", "UNSELECT", "FETCH", "SEARCH", "NOOP", "IDLE", "LOGOUT",
}

// onlyReads reports whether a line begins a command that changes nothing. A FETCH
// is of what syncd asks for alone: without PEEK one of a body would set \Seen
// (RFC 3501 section 6.4.5), and none is of a whole message.
func onlyReads(line []byte) bool {
	w := strings.Fields(strings.ToUpper(string(line)))
	if len(w) < 2 {
		return false
	}
	verb := w[1]
	if verb == "UID" && len(w) > 2 {
		verb = w[2]
	}
	if verb != "FETCH" {
		return slices.Contains(commands, verb)
	}
	m := fetchCommand.FindSubmatch(line)
	return m != nil && (len(m[1]) == 0 || number(string(m[1])) <= maxLiteral)
}

// fetchCommand is every FETCH there is; of a message no more than its beginning.
var fetchCommand = regexp.MustCompile(`^\S+ (?:UID )?FETCH [0-9:,*]+ \((?:UID|FLAGS|INTERNALDATE|BODY\.PEEK\[HEADER(?:\.FIELDS \([A-Za-z0-9 "-]+\))?\](?:<0\.\d+>)?|BODY\.PEEK\[\]<0\.(\d+)>| )+\)\r\n$`)

// command notes what a command's answer will need; g.mu is held.
func (g *guard) command(line []byte) []byte {
	w := strings.Fields(string(line))
	if len(w) < 2 {
		return line
	}
	g.tag, g.verb, g.waiting = w[0], w[1], true
	g.progress.begin(w[1:])
	g.more = g.verb == "IDLE" || g.verb == "AUTHENTICATE"
	switch g.section = ""; {
	case bytes.Contains(line, []byte("BODY.PEEK[]")):
		g.section = messageItem
	case bytes.Contains(line, []byte("BODY.PEEK[")):
		g.section = headerItem
	}
	g.flags = bytes.Contains(line, []byte("FLAGS"))
	g.search = bytes.Contains(line, []byte(" SEARCH "))
	switch g.verb {
	case "LOGIN", "AUTHENTICATE":
		g.told = false // capabilities change with the login
	case "EXAMINE":
		g.exists, g.counted = 0, false
		return serverName(line)
	case "STATUS":
		return serverName(line)
	}
	return line
}

// Read gives imapclient the next response.
func (g *guard) Read(p []byte) (int, error) {
	for g.out.Len() == 0 {
		r, err := g.read()
		if err == nil && r.tag != "*" && r.tag != "+" {
			err = g.settle()
		}
		if err != nil {
			return 0, err
		}
		g.respell(r)
	}
	return g.out.Read(p)
}

// settle waits until imapclient has written what a "+" asked for. A server may
// end a command right behind its "+", and imapclient would wait for ever if it
// were told so before it has written.
func (g *guard) settle() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.owed && !g.closed {
		g.settled.Wait()
	}
	if g.owed {
		return net.ErrClosed
	}
	return nil
}

// Close closes the connection. Whatever waits ends.
func (g *guard) Close() error {
	g.mu.Lock()
	g.closed = true
	g.settled.Broadcast()
	g.mu.Unlock()
	return g.Conn.Close()
}

func (g *guard) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.broken
}

// fail keeps the first error.
func (g *guard) fail(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.broken == nil {
		g.broken = err
	}
	return g.broken
}

// hangUp ends the connection.
func (g *guard) hangUp(why error) {
	_ = g.fail(why)
	_ = g.Close() // whoever reads is told why
}

// anomaly counts something that a server should not have sent.
func (g *guard) anomaly(kind string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.anomalies[kind]++
}

func (g *guard) anomalyCounts() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.anomalies)
}

func (g *guard) can(capability string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.caps[capability]
}

// knows reports whether the server told its capabilities in the present state.
func (g *guard) knows() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.told
}

func (g *guard) capabilityList() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.caps))
}

// busy reports whether a command is in flight.
func (g *guard) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting
}

// hurry lowers the timeout.
func (g *guard) hurry(timeout time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timeout = min(g.timeout, timeout)
}

// messages is how many the open mailbox holds, if the server said so.
func (g *guard) messages() (n uint32, counted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.exists, g.counted
}

// notify wakes who waits in IDLE.
func (g *guard) notify() {
	select {
	case g.news <- struct{}{}:
	default:
	}
}

// explain says what an error of the library means: it is the guard that knows
// why there was nothing more to read.
func (g *guard) explain(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch cause := g.broken; {
	case g.bye != "":
		return fmt.Errorf("%w: the server hung up: %s", ErrUnavailable, g.bye)
	case cause == nil:
		return fmt.Errorf("the answer makes no sense: %w", err)
	case errors.Is(cause, os.ErrDeadlineExceeded) && g.stuck:
		return fmt.Errorf("the server sends nothing of use: no progress within %s", g.limit)
	case errors.Is(cause, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %s", g.limit)
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(cause, io.ErrClosedPipe),
		errors.Is(cause, syscall.ECONNRESET), errors.Is(cause, syscall.EPIPE):
		return errors.New("the server closed the connection")
	default:
		return cause
	}
}

// greet reads the greeting (RFC 3501 section 7.1) and keeps it for imapclient.
func (g *guard) greet() (kind string, err error) {
	g.mu.Lock()
	g.waiting = true
	g.progress.begin(nil)
	g.mu.Unlock()
	r, err := g.read()
	if err != nil {
		return "", err
	}
	g.welcome(r.kind)
	return r.kind, nil
}

// welcome greets imapclient, with capabilities so that it does not ask for them
// by itself: its question would cross the session's commands.
func (g *guard) welcome(kind string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = false
	g.out.Reset()
	fmt.Fprintf(&g.out, "* %s [CAPABILITY%s] hello\r\n", kind, g.offers())
}

// ask sends a command before there is an imapclient and reads its answer.
func (g *guard) ask(verb string) error {
	const tag = "S1"
	if _, err := io.WriteString(g, tag+" "+verb+"\r\n"); err != nil {
		return err
	}
	for {
		r, err := g.read()
		if err != nil {
			return err
		}
		if r.tag == tag {
			if st := parseStatus(r); st.status != "OK" {
				return &Error{Command: verb, Status: st.status, Code: st.code, Text: st.text}
			}
			return nil
		}
	}
}

// response is one response of the server.
type response struct {
	tag    string // "*", "+" or the command's
	num    uint32 // of "* 12 FETCH"
	hasNum bool
	kind   string // FETCH, LIST, OK …, in upper case; empty after "+"
	rest   []byte // what follows, literals included; valid until the next read
}

// read gives the next response that can be made out. It notes capabilities,
// BYE and the end of the command in passing.
func (g *guard) read() (response, error) {
	for {
		if err := g.failed(); err != nil { // imapclient goes on reading after one
			return response{}, err
		}
		good, err := g.next()
		if err != nil {
			return response{}, g.fail(err)
		}
		r, known := g.take()
		if good && known {
			if g.note(r) {
				return r, nil
			}
			return response{}, g.fail(fmt.Errorf("the server sends nothing of use: %d responses", maxUseless))
		}
		kind := "unreadable line"
		if !good {
			kind = "malformed or oversized response"
		}
		g.anomaly(kind)
		if g.junk++; g.junk > maxJunk {
			return response{}, g.fail(errors.New("the server sends no IMAP"))
		}
	}
}

// note keeps what a response says in passing. It reports whether the server may
// go on: it has not sent too much of no use.
func (g *guard) note(r response) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r.kind {
	case "OK", "NO", "BAD", "PREAUTH":
		if st := parseStatus(r); st.code == "CAPABILITY" {
			g.capabilities(st.arg)
		}
	case "BYE":
		if g.bye = parseStatus(r).text; g.bye == "" {
			g.bye = "without saying why"
		}
	case "CAPABILITY":
		g.capabilities(string(r.rest))
	case "EXISTS":
		if r.hasNum {
			g.exists, g.counted = r.num, true
			g.notify()
		}
	}
	if r.tag != "*" && r.tag != "+" {
		g.within = g.within && g.owed // a literal not asked for is not written
		g.tag, g.waiting, g.idling, g.more = "", false, false, false
		g.notify()
		return true
	}
	if !g.waiting || g.idling {
		return true
	}
	g.progress.useless++ // until respell finds it of use
	return g.progress.useless <= maxUseless
}

// capabilities notes a list of them; g.mu is held.
func (g *guard) capabilities(list string) {
	g.caps, g.told = map[string]bool{}, true
	for w := range strings.FieldsSeq(list) {
		g.caps[strings.ToUpper(w)] = true
	}
}

// take splits the framed response into tag, number, kind and rest.
func (g *guard) take() (response, bool) {
	own := g.inFlight()
	tag, rest, _ := bytes.Cut(bytes.TrimRight(g.buf, "\r\n"), []byte(" "))
	r := response{tag: string(tag), rest: rest}
	tagged := own != "" && r.tag == own
	switch {
	case r.tag == "+":
		return r, true
	case r.tag != "*" && !tagged:
		return r, false
	}
	word, rest, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if n, err := strconv.ParseUint(string(word), 10, 32); err == nil && !tagged {
		r.num, r.hasNum = uint32(n), true
		word, rest, _ = bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	}
	r.kind, r.rest = strings.ToUpper(string(word)), rest
	if tagged && r.kind != "OK" && r.kind != "NO" && r.kind != "BAD" {
		return r, false
	}
	return r, r.kind != ""
}

func (g *guard) inFlight() (tag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tag
}

// next frames one response, a line with its literals, in g.buf. It reports
// whether that is complete: one beyond the bounds, or with a quote that is
// never closed, is read to its end but not kept.
func (g *guard) next() (good bool, err error) {
	if cap(g.buf) > keepBuffer {
		g.buf = nil
	}
	g.buf = g.buf[:0]
	g.mu.Lock()
	g.progress.wait()
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.progress.stop()
		g.mu.Unlock()
	}()
	good = true
	for quoted := false; ; {
		g.mu.Lock()
		g.arm()
		g.mu.Unlock()
		start := len(g.buf)
		over, err := g.readLine()
		if err != nil {
			return false, err
		}
		good = good && !over
		if !g.mayHoldStrings() {
			return good, nil
		}
		if n, ok := literalSize(g.buf[start:]); ok {
			quoted = false
			if good, err = g.readLiteral(n, good); err != nil {
				return false, err
			}
			continue
		}
		if quoted = openQuote(g.buf[start:], quoted); !quoted || over {
			return good, nil
		}
		// Either a line end inside a quoted string, which some servers send,
		// or a stray quote. A line that begins like a response decides.
		if g.responseAhead() {
			return false, nil
		}
	}
}

// mayHoldStrings reports whether the response is of a kind with strings in it.
// In "* OK see {5}" and in tagged lines braces and quotes are text.
func (g *guard) mayHoldStrings() bool {
	rest, ok := bytes.CutPrefix(g.buf, []byte("* "))
	if !ok {
		return false
	}
	word, _, _ := bytes.Cut(rest, []byte(" "))
	switch strings.ToUpper(string(word)) {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return false
	}
	return true
}

// responseAhead looks at the beginning of the next line.
func (g *guard) responseAhead() bool {
	if b, err := g.r.Peek(2); err != nil || string(b) == "* " || string(b) == "+ " {
		return true
	}
	tag := g.inFlight()
	b, err := g.r.Peek(len(tag) + 1)
	return err != nil || string(b) == tag+" "
}

// readLine appends one line to g.buf. Beyond the bounds only its end is kept,
// in which a literal may be announced.
func (g *guard) readLine() (over bool, err error) {
	start, total := len(g.buf), 0
	for {
		b, err := g.r.ReadSlice('\n')
		g.buf = append(g.buf, b...)
		total += len(b)
		if len(g.buf)-start > maxLine || len(g.buf) > maxResponse {
			over = true
			tail := g.buf[max(start, len(g.buf)-32):]
			g.buf = append(g.buf[:start], tail...)
		}
		switch {
		case err == nil:
			return over, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return over, err
		case total > maxDiscard:
			return over, fmt.Errorf("the server sent a line of more than %d bytes", maxDiscard)
		}
	}
}

// readLiteral appends a literal to g.buf, or skips it if it is too large or if
// the response is lost anyway.
func (g *guard) readLiteral(n int, good bool) (bool, error) {
	switch {
	case n > maxDiscard:
		return false, fmt.Errorf("the server announced a literal of %d bytes", n)
	case !good || n > maxLiteral || len(g.buf)+n > maxResponse:
		_, err := io.CopyN(io.Discard, g.r, int64(n))
		return false, err
	}
	at := len(g.buf)
	g.buf = append(g.buf, make([]byte, n)...)
	_, err := io.ReadFull(g.r, g.buf[at:])
	return true, err
}

// literalSize reads "{12}" or "{12+}" at the end of a line.
func literalSize(b []byte) (int, bool) {
	b = bytes.TrimRight(b, "\r\n")
	open := bytes.LastIndexByte(b, '{')
	if open < 0 || !bytes.HasSuffix(b, []byte("}")) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSuffix(string(b[open+1:len(b)-1]), "+"))
	return n, err == nil && n >= 0
}

// openQuote reports whether a line ends within a quoted string.
func openQuote(b []byte, quoted bool) bool {
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '"':
			quoted = !quoted
		case b[i] == '\\' && quoted:
			i++
		}
	}
	return quoted
}
