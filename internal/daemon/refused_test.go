package daemon_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"syncd/internal/daemon"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// A folder that is listed and cannot be opened costs itself alone: the connection
// stays, mail is told of as it comes, and status names the folder.
func TestRefusedFolderCostsItselfAlone(t *testing.T) {
	mail := imaptest.New("robin", "secret")
	defer mail.Close()
	mail.Create("Sent", `\Sent`)
	idling := make(chan struct{})
	var once sync.Once
	mail.Mangle = func(r string) string {
		switch {
		case strings.HasPrefix(r, "* LIST ") && strings.Contains(r, "INBOX"):
			return r + "* LIST () \"/\" Gone\r\n"
		case strings.HasPrefix(r, "+ idling"):
			once.Do(func() { close(idling) })
		}
		return r
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(listener) }()
	defer listener.Close()
	d := openOn(t, fmt.Sprintf(`[me]
addresses = ["robin@example.org"]
timezone = "UTC"
[[account]]
name = "demo"
user = "robin"
password = "secret"
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav.url = "http://127.0.0.1:1/"
`, listener.Addr().(*net.TCPAddr).Port))

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, nil, nil) }()
	select {
	case <-idling:
	case err := <-done:
		t.Fatal(err)
	}
	if got := mailError(t, d); !strings.Contains(got, `mailbox "Gone"`) {
		t.Errorf("the account's error is %q, want it to name the folder", got)
	}
	changed := d.Ledger().Changed()
	add(t, mail, "INBOX", "From: ana@example.com\r\nTo: robin@example.org\r\nSubject: In\r\nMessage-ID: <in@example.com>")
	for ; mails(t, d) == 0; changed = d.Ledger().Changed() {
		<-changed
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	logins := 0
	for _, c := range mail.Commands() {
		if strings.Contains(c, "AUTHENTICATE") || strings.Contains(c, "LOGIN") {
			logins++
		}
	}
	if logins != 1 {
		t.Errorf("logged in %d times, want once: %q", logins, mail.Commands())
	}
	if err := d.Read(t.Context()); err == nil || !strings.Contains(err.Error(), `mailbox "Gone"`) {
		t.Errorf("a single pass says %v, want it to name the folder", err)
	}
}

// mailError is what status says of the account's mail.
func mailError(t *testing.T, d *daemon.Daemon) string {
	t.Helper()
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range health {
		if h.Source.Type == ledger.Mailbox && h.Source.Name == "" {
			return h.Error
		}
	}
	return ""
}

func mails(t *testing.T, d *daemon.Daemon) int {
	t.Helper()
	totals, err := d.Ledger().Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return totals.In
}
