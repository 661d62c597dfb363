package imap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
	keepBuffer  = 512 << 10 // a larger read buffer is given back
)

// conn is one IMAP4rev1 connection (RFC 3501). One goroutine uses it at a
// time, one command is in flight at a time. After an error that is no *Error
// it is unusable.
//
// No response is trusted: read frames a whole response before anything looks
// into it, so that a malformed one is dropped alone and counted.
type conn struct {
	raw     net.Conn // closed to interrupt whatever goes on
	stream  net.Conn // raw, or TLS over it
	r       *bufio.Reader
	timeout time.Duration // for each response while a command is in flight
	wait    time.Duration // the same; longer while IDLE

	seq       int
	tag       string
	caps      map[string]bool
	bye       string // what the server said when it hung up
	buf       []byte // the response being read
	anomalies map[string]int
	junk      int
	broken    error
}

func newConn(raw net.Conn, timeout time.Duration) *conn {
	c := &conn{raw: raw, timeout: timeout, wait: timeout, anomalies: map[string]int{}}
	c.use(raw)
	return c
}

func (c *conn) use(stream net.Conn) {
	c.stream, c.r, c.caps = stream, bufio.NewReaderSize(stream, 64<<10), nil
}

func (c *conn) close() error { return c.raw.Close() }

// anomaly counts something that a server should not have sent.
func (c *conn) anomaly(kind string) { c.anomalies[kind]++ }

// response is one response of the server.
type response struct {
	tag  string // "*", "+" or the command's
	num  uint32 // of "* 12 FETCH"
	kind string // FETCH, LIST, OK …, in upper case; empty after "+"
	rest []byte // what follows, literals included; valid until the next read
}

// line is a command as it is sent. Each part but the last ends with the
// announcement of a literal, after which the server must say "+".
type line struct{ parts []string }

func command(s string) *line { return &line{parts: []string{s}} }

// text appends a part that needs no quoting.
func (l *line) text(s string) *line {
	l.parts[len(l.parts)-1] += s
	return l
}

// str appends a string: quoted, or as a literal where it cannot be.
func (l *line) str(s string) *line {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			l.text(fmt.Sprintf("{%d}\r\n", len(s)))
			l.parts = append(l.parts, s)
			return l
		}
	}
	return l.text(`"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`)
}

// run sends a command and gives every untagged response, and every "+" that
// asks for more, to handle. It returns a *Error if the tagged one is not OK.
func (c *conn) run(ctx context.Context, verb string, l *line, handle func(response)) error {
	if c.broken != nil {
		return c.broken
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.Close() }) // ends a blocked read
	defer stop()
	st, err := c.exchange(l, handle)
	switch {
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
		c.broken = err
	case err != nil:
		err = fmt.Errorf("%s: %w", verb, c.explain(err))
		c.broken = err
	case st.status != "OK":
		err = &Error{Command: verb, Status: st.status, Code: st.code, Text: st.text}
	}
	return err
}

func (c *conn) exchange(l *line, handle func(response)) (status, error) {
	c.seq++
	c.tag = "A" + strconv.Itoa(c.seq)
	out := c.tag + " "
	for i, part := range l.parts {
		if i == len(l.parts)-1 {
			part += "\r\n"
		}
		if err := c.write(out + part); err != nil {
			return status{}, err
		}
		out = ""
		if i == len(l.parts)-1 {
			break
		}
		if st, err := c.until(true, handle); err != nil || st.status != "" {
			return st, err
		}
	}
	return c.until(false, handle)
}

// until reads up to the tagged response; with more it stops at a "+" too and
// then returns no status.
func (c *conn) until(more bool, handle func(response)) (status, error) {
	for {
		r, err := c.read()
		switch {
		case err != nil:
			return status{}, err
		case r.tag == "+" && more:
			return status{}, nil
		case r.tag == c.tag:
			return c.status(r), nil
		case handle != nil:
			handle(r)
		}
	}
}

func (c *conn) write(s string) error {
	_ = c.stream.SetWriteDeadline(time.Now().Add(c.timeout)) // on a closed connection the write fails
	_, err := io.WriteString(c.stream, s)
	return err
}

// explain says what a read or write error means.
func (c *conn) explain(err error) error {
	switch {
	case c.bye != "":
		return fmt.Errorf("%w: the server hung up: %s", ErrUnavailable, c.bye)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer within %s", c.wait)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("the server closed the connection")
	}
	return err
}

// read gives the next response that can be made out. It notes capabilities
// and BYE in passing.
func (c *conn) read() (response, error) {
	for {
		good, err := c.next()
		if err != nil {
			return response{}, err
		}
		r, known := c.take()
		if !good || !known {
			kind := "unreadable line"
			if !good {
				kind = "malformed or oversized response"
			}
			c.anomaly(kind)
			if c.junk++; c.junk > maxJunk {
				return response{}, errors.New("the server sends no IMAP")
			}
			continue
		}
		if r.tag == "*" {
			switch r.kind {
			case "OK", "NO", "BAD", "PREAUTH":
				c.status(r)
			case "BYE":
				if c.bye = c.status(r).text; c.bye == "" {
					c.bye = "without saying why"
				}
			case "CAPABILITY":
				c.capabilities(string(r.rest))
			}
		}
		return r, nil
	}
}

// take splits the framed response into tag, number, kind and rest.
func (c *conn) take() (response, bool) {
	tag, rest, _ := bytes.Cut(bytes.TrimRight(c.buf, "\r\n"), []byte(" "))
	r := response{tag: string(tag), rest: rest}
	switch r.tag {
	case "+":
		return r, true
	case "*", c.tag:
	default:
		return r, false
	}
	word, rest, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if n, err := strconv.ParseUint(string(word), 10, 32); err == nil && r.tag == "*" {
		r.num = uint32(n)
		word, rest, _ = bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	}
	r.kind, r.rest = strings.ToUpper(string(word)), rest
	if r.tag == c.tag && r.kind != "OK" && r.kind != "NO" && r.kind != "BAD" {
		return r, false
	}
	return r, r.kind != ""
}

// next frames one response, a line with its literals, in c.buf. It reports
// whether that is complete: one beyond the bounds, or with a quote that is
// never closed, is read to its end but not kept.
func (c *conn) next() (good bool, err error) {
	if cap(c.buf) > keepBuffer {
		c.buf = nil
	}
	c.buf = c.buf[:0]
	good = true
	for quoted := false; ; {
		_ = c.stream.SetReadDeadline(time.Now().Add(c.wait)) // on a closed connection the read fails
		start := len(c.buf)
		over, err := c.readLine()
		if err != nil {
			return false, err
		}
		good = good && !over
		if !c.mayHoldStrings() {
			return good, nil
		}
		if n, ok := literalSize(c.buf[start:]); ok {
			quoted = false
			if good, err = c.readLiteral(n, good); err != nil {
				return false, err
			}
			continue
		}
		if quoted = openQuote(c.buf[start:], quoted); !quoted || over {
			return good, nil
		}
		// Either a line end inside a quoted string, which some servers send,
		// or a stray quote. A line that begins like a response decides.
		if c.responseAhead() {
			return false, nil
		}
	}
}

// mayHoldStrings reports whether the response is of a kind with strings in it.
// In "* OK see {5}" and in tagged lines braces and quotes are text.
func (c *conn) mayHoldStrings() bool {
	rest, ok := bytes.CutPrefix(c.buf, []byte("* "))
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
func (c *conn) responseAhead() bool {
	if b, err := c.r.Peek(2); err != nil || string(b) == "* " || string(b) == "+ " {
		return true
	}
	b, err := c.r.Peek(len(c.tag) + 1)
	return err != nil || string(b) == c.tag+" "
}

// readLine appends one line to c.buf. Beyond the bounds only its end is kept,
// in which a literal may be announced.
func (c *conn) readLine() (over bool, err error) {
	start, total := len(c.buf), 0
	for {
		b, err := c.r.ReadSlice('\n')
		c.buf = append(c.buf, b...)
		total += len(b)
		if len(c.buf)-start > maxLine || len(c.buf) > maxResponse {
			over = true
			tail := c.buf[max(start, len(c.buf)-32):]
			c.buf = append(c.buf[:start], tail...)
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

// readLiteral appends a literal to c.buf, or skips it if it is too large or if
// the response is lost anyway.
func (c *conn) readLiteral(n int, good bool) (bool, error) {
	switch {
	case n > maxDiscard:
		return false, fmt.Errorf("the server announced a literal of %d bytes", n)
	case !good || n > maxLiteral || len(c.buf)+n > maxResponse:
		_, err := io.CopyN(io.Discard, c.r, int64(n))
		return false, err
	}
	at := len(c.buf)
	c.buf = append(c.buf, make([]byte, n)...)
	_, err := io.ReadFull(c.r, c.buf[at:])
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

// idle waits in IDLE (RFC 2177) until news says that something happened, or
// for d at most.
func (c *conn) idle(ctx context.Context, d time.Duration, news func(response) bool) error {
	var once sync.Once
	var failed error
	done := func() { once.Do(func() { failed = c.write("DONE\r\n") }) }
	var timer *time.Timer
	c.wait = d + c.timeout
	defer func() { c.wait = c.timeout }()
	err := c.run(ctx, "IDLE", command("IDLE"), func(r response) {
		switch {
		case r.tag == "+":
			if timer == nil {
				timer = time.AfterFunc(d, done)
			}
		case news(r):
			done()
		}
	})
	if timer != nil {
		timer.Stop()
	}
	once.Do(func() {}) // waits for a DONE that is being written
	if err == nil && failed != nil {
		err = fmt.Errorf("IDLE: %w", failed)
	}
	return err
}
