package imap_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"syncd/internal/auth"
	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
)

// script dials a scripted peer and gives the error.
func script(t *testing.T, mode imap.TLSMode, greeting string, answers ...imaptest.Answer) (*imaptest.Script, error) {
	t.Helper()
	peer := &imaptest.Script{Greeting: greeting, Answers: answers}
	session, err := imap.Dial(t.Context(), imap.Account{
		Name: "work", Host: "localhost", TLS: mode, Dialer: peer.Dial, Timeout: time.Second,
	}, credentials(), slog.New(slog.DiscardHandler))
	if err == nil {
		_ = session.Close(context.Background())
	}
	return peer, err
}

func TestDialRefusesToGoUnprotected(t *testing.T) {
	dialed := false
	_, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "imap.example.org", TLS: imap.None, Dialer: func(context.Context, string, string) (net.Conn, error) {
		dialed = true
		return nil, errors.New("dialed")
	}}, credentials(), slog.New(slog.DiscardHandler))
	if !errors.Is(err, imap.ErrInsecure) || dialed {
		t.Errorf("plaintext to a host that is not loopback: %v, dialed %v", err, dialed)
	}
	for name, tt := range map[string]struct {
		mode     imap.TLSMode
		greeting string
		answers  []imaptest.Answer
		want     string
	}{
		"STARTTLS not offered":     {imap.StartTLS, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", nil, "does not offer STARTTLS"},
		"PREAUTH before STARTTLS":  {imap.StartTLS, "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", nil, "logs in by itself"},
		"plaintext after STARTTLS": {imap.StartTLS, "* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", []imaptest.Answer{{Command: "STARTTLS", Reply: "%T OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"}}, "plaintext after STARTTLS"},
		"unknown mode":             {"ssl", "* OK [CAPABILITY IMAP4rev1] hi\r\n", nil, "unknown TLS mode"},
		"LOGINDISABLED":            {imap.None, "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n", nil, "takes no password without TLS"},
		"PRIVACYREQUIRED":          {imap.None, "* OK [CAPABILITY IMAP4rev1] hi\r\n", []imaptest.Answer{{Command: "LOGIN", Reply: "%T NO [PRIVACYREQUIRED] not so\r\n"}}, "PRIVACYREQUIRED"},
	} {
		peer, err := script(t, tt.mode, tt.greeting, tt.answers...)
		if !errors.Is(err, imap.ErrInsecure) || !strings.Contains(err.Error(), tt.want) || errors.Is(err, imap.ErrAuth) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		for _, c := range peer.Commands() {
			if name != "PRIVACYREQUIRED" && (strings.HasPrefix(c, "LOGIN") || strings.HasPrefix(c, "AUTHENTICATE")) {
				t.Errorf("%s: the client sent %s", name, c[:5])
			}
		}
	}
}

func TestDialErrors(t *testing.T) {
	const offers = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n"
	login := func(reply string) []imaptest.Answer {
		return []imaptest.Answer{{Command: "AUTHENTICATE", Reply: reply}}
	}
	for name, tt := range map[string]struct {
		greeting string
		answers  []imaptest.Answer
		want     string
		is, not  error
	}{
		"wrong password":     {offers, login("%T NO [AUTHENTICATIONFAILED] Invalid credentials\r\n"), "AUTHENTICATE: NO [AUTHENTICATIONFAILED] Invalid credentials", imap.ErrAuth, imap.ErrUnavailable},
		"NO without a code":  {offers, login("%T NO\r\n"), "AUTHENTICATE: NO", imap.ErrAuth, imap.ErrUnavailable},
		"app password":       {offers, login("%T NO [ALERT] Application-specific password required\r\n"), "Application-specific password required", imap.ErrAuth, imap.ErrUnavailable},
		"password repeated":  {offers, login("%T NO bad password " + password + "\r\n"), "bad password ***", imap.ErrAuth, imap.ErrUnavailable},
		"not available":      {offers, login("%T NO [UNAVAILABLE] try later\r\n"), "try later", imap.ErrUnavailable, imap.ErrAuth},
		"too many":           {offers, login("%T NO [LIMIT] too many connections\r\n"), "too many", imap.ErrUnavailable, imap.ErrAuth},
		"BYE greeting":       {"* BYE overloaded\r\n", nil, "the server hung up: overloaded", imap.ErrUnavailable, imap.ErrAuth},
		"BYE at login":       {offers, []imaptest.Answer{{Command: "AUTHENTICATE", Reply: "* BYE too many failures\r\n", Hangup: true}}, "the server hung up: too many failures", imap.ErrUnavailable, imap.ErrAuth},
		"not IMAP":           {"SSH-2.0-OpenSSH_9.2\r\n", nil, "no IMAP greeting (does this port want tls = \"tls\"?)", nil, imap.ErrAuth},
		"BAD":                {offers, login("%T BAD what?\r\n"), "AUTHENTICATE: BAD what?", nil, imap.ErrAuth},
		"control characters": {offers, login("%T NO \x1b[31mno\x07\r\n"), "NO [31mno", imap.ErrAuth, nil},
	} {
		_, err := script(t, imap.None, tt.greeting, tt.answers...)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if !strings.HasPrefix(err.Error(), `account "work": localhost:143: `) || !strings.Contains(err.Error(), tt.want) || strings.ContainsAny(err.Error(), "\r\n\x1b\x07") {
			t.Errorf("%s: error %q, want %q", name, err, tt.want)
		}
		if strings.Contains(err.Error(), password) {
			t.Errorf("%s: the password is in the error", name)
		}
		if tt.is != nil && !errors.Is(err, tt.is) || tt.not != nil && errors.Is(err, tt.not) {
			t.Errorf("%s: %v is ErrAuth %v, ErrUnavailable %v", name, err, errors.Is(err, imap.ErrAuth), errors.Is(err, imap.ErrUnavailable))
		}
	}
}

func TestLoginWays(t *testing.T) {
	const odd = `p"a\s s ` + "\u00e9"
	for name, caps := range map[string][]string{
		"initial response": {"IMAP4rev1", "AUTH=PLAIN", "SASL-IR"}, "continuation": {"IMAP4rev1", "AUTH=PLAIN"}, "LOGIN": {"IMAP4rev1"},
	} {
		s := imaptest.New(`b"o\b`, odd)
		s.Capabilities = caps
		session, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial},
			auth.NewCredentials("work", `b"o\b`, auth.Literal(odd)), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if err := session.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

func TestPREAUTHNeedsNoPassword(t *testing.T) {
	peer, err := script(t, imap.None, "* PREAUTH [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range peer.Commands() {
		if !strings.HasPrefix(c, "LOGOUT") {
			t.Errorf("the client sent %s", c)
		}
	}
}

func TestPasswordThatCannotBeHadIsNoWrongPassword(t *testing.T) {
	s := server(t, 0)
	_, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial},
		auth.NewCredentials("work", "bob", auth.Command("exit 3")), slog.New(slog.DiscardHandler))
	if !errors.Is(err, auth.ErrUnavailable) || errors.Is(err, imap.ErrAuth) {
		t.Errorf("Dial: %v", err)
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := server(t, 2)
	s.Mangle = replaceSecond("junk "+password+"\r\n", -1)
	session, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial},
		credentials(), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range session.Scan(t.Context(), mailbox(t, session, "INBOX"), ledgerCursor) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), password) {
		t.Error("the password is in the log")
	}
}

// TestCancelEndsADialThatHangs holds a done ctx to its cause, at every step.
func TestCancelEndsADialThatHangs(t *testing.T) {
	why := errors.New("going down")
	for name, tt := range map[string]struct {
		mode     imap.TLSMode
		greeting string
		answers  []imaptest.Answer
	}{
		"greeting":   {imap.None, "", nil},
		"capability": {imap.None, "* OK hi\r\n", []imaptest.Answer{{Silent: true}}},
		"login":      {imap.None, "* OK [CAPABILITY IMAP4rev1] hi\r\n", []imaptest.Answer{{Silent: true}}},
		"handshake":  {imap.StartTLS, "* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", []imaptest.Answer{{Command: "STARTTLS", Reply: "%T OK go\r\n"}, {Silent: true}}},
	} {
		peer := &imaptest.Script{Greeting: tt.greeting, Answers: tt.answers}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
		_, err := imap.Dial(ctx, imap.Account{Name: "work", Host: "localhost", TLS: tt.mode, Dialer: peer.Dial}, credentials(), slog.New(slog.DiscardHandler))
		if !errors.Is(err, why) {
			t.Errorf("%s: %v, want %v", name, err, why)
		}
	}
}

func TestCancelEndsAScan(t *testing.T) {
	why := errors.New("going down")
	s := server(t, 3)
	session := open(t, s)
	box := mailbox(t, session, "INBOX")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.Mangle = func(r string) string {
		if strings.Contains(r, "BODY[HEADER") {
			cancel(why)
			return ""
		}
		if strings.Contains(r, " OK UID FETCH completed") && ctx.Err() != nil {
			return ""
		}
		return r
	}
	for _, err := range session.Scan(ctx, box, ledgerCursor) {
		if !errors.Is(err, why) {
			t.Errorf("Scan: %v, want %v", err, why)
		}
	}
}

// TestNothingIsLeftBehind ends sessions in every way: the bubble reports a
// goroutine of the library that still waits.
func TestNothingIsLeftBehind(t *testing.T) {
	const hi = "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n"
	examined := imaptest.Answer{Command: "EXAMINE", Reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 4]\r\n%T OK done\r\n"}
	for name, tt := range map[string]struct {
		greeting string
		answers  []imaptest.Answer
	}{
		"login refused":    {"* OK [CAPABILITY IMAP4rev1] hi\r\n", []imaptest.Answer{{Command: "LOGIN", Reply: "%T NO no\r\n"}}},
		"challenge":        {"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n", []imaptest.Answer{{Command: "AUTHENTICATE", Reply: "+ abcd\r\n"}}},
		"hung up":          {"* OK [CAPABILITY IMAP4rev1] hi\r\n", []imaptest.Answer{{Hangup: true}}},
		"silent in FETCH":  {hi, []imaptest.Answer{examined, {Command: "UID FETCH", Reply: "* 1 FETCH (UID 1)\r\n"}}},
		"hung up in FETCH": {hi, []imaptest.Answer{examined, {Command: "UID FETCH", Reply: strings.Repeat("* 1 FETCH (UID 1)\r\n", 500) + "* 2 FETCH (", Hangup: true}}},
		"silent in IDLE":   {hi, []imaptest.Answer{examined, {Command: "UID FETCH", Reply: "%T NO no\r\n"}, {Command: "IDLE", Reply: "+ idling\r\n"}, {Command: "", Silent: true}}},
		"refuses IDLE":     {hi, []imaptest.Answer{examined, {Command: "UID FETCH", Reply: "%T NO no\r\n"}, {Command: "IDLE", Reply: "%T BAD what\r\n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peer := &imaptest.Script{Greeting: tt.greeting, Answers: tt.answers}
				session, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial}, credentials(), slog.New(slog.DiscardHandler))
				if err != nil {
					return
				}
				for _, err := range session.Scan(t.Context(), imap.Mailbox{Name: "INBOX", Raw: "INBOX"}, ledgerCursor) {
					if err == nil {
						t.Error("a batch")
					}
				}
				if session.Usable() {
					if err := session.Wait(t.Context(), time.Hour); err == nil {
						t.Error("Wait: no error")
					}
				}
				if err := session.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestWrongPortsAndModes uses real sockets: what a person sees who mixes up
// ports and TLS modes.
func TestWrongPortsAndModes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, "* OK plain IMAP here\r\n")
				_, _ = bufio.NewReader(c).ReadString('\n')
			}()
		}
	}()
	dial := func(host string, port int, mode imap.TLSMode) error {
		_, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: host, Port: port, TLS: mode, Timeout: 5 * time.Second}, credentials(), slog.New(slog.DiscardHandler))
		return err
	}
	if err := dial("127.0.0.1", port, imap.TLS); err == nil || !strings.Contains(err.Error(), "does not speak TLS on this port") {
		t.Errorf("TLS to a plain port: %v", err)
	}
	_ = l.Close()
	if err := dial("127.0.0.1", port, imap.TLS); err == nil || !strings.Contains(err.Error(), "nothing listens there") {
		t.Errorf("closed port: %v", err)
	}
}
