package mail_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"syncd/internal/mail"
)

// body is a message of these header fields and this body.
func body(fields, text string) string {
	return "From: Ana <ana@example.org>\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\n" + strings.ReplaceAll(fields+"\n\n"+text, "\n", "\r\n")
}

// parts is a multipart body with the boundary "x".
func parts(each ...string) string {
	return "This is a multi-part message.\n--x\n" + strings.Join(each, "\n--x\n") + "\n--x--\n"
}

func TestReadBody(t *testing.T) {
	alternative := "Content-Type: multipart/alternative; boundary=x"
	mixed := "Content-Type: multipart/mixed; boundary=\"x\""
	for _, tt := range []struct {
		name, raw string
		cut       int // how much of the end was not read; 0: it is whole
		want      mail.Body
	}{
		{name: "no MIME", raw: body("Subject: x", "I'll send it.\n"), want: mail.Body{Text: "I'll send it.\n"}},
		{name: "empty", raw: "", want: mail.Body{}},
		{name: "no body", raw: "Subject: x\r\n", want: mail.Body{}},
		{name: "the header is cut", raw: body("Subject: x", "Hello"), cut: 12, want: mail.Body{Open: true}},
		{name: "the text is cut", raw: body("Subject: x", "Hello and good bye"), cut: 9, want: mail.Body{Text: "Hello and", Open: true}},
		{name: "quoted-printable", raw: body("Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: Quoted-Printable", "Gr=FC=DFe, 100 %=3D =\nviel=\n"), want: mail.Body{Text: "Grüße, 100 %= viel"}},
		{
			name: "quoted-printable, broken and cut", cut: 1,
			raw:  body("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable", "a=ZZ b = c\x0cd =\x00\n"+strings.Repeat("long ", 2000)+"=C3=BC=C3"),
			want: mail.Body{Text: "a=ZZ b = cd " + strings.Repeat("long ", 2000) + "ü=C", Open: true},
		},
		{name: "base64", raw: body("Content-Type: text/plain; charset=\"UTF-8\"\nContent-Transfer-Encoding: base64", "R3LDvMOfZSwg\n  YmlzIGJhbGQ=\n-- footer"), want: mail.Body{Text: "Grüße, bis bald"}},
		{name: "base64, cut in a character", raw: body("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64", "R3LDvMOfZSwgYmlzIGJhbGQ="), cut: 17, want: mail.Body{Text: "Grü\ufffd", Open: true}},
		{name: "a transfer encoding of its own", raw: body("Content-Transfer-Encoding: x-uuencode", "begin 644 a"), want: mail.Body{Unreadable: "its transfer encoding is unknown"}},
		{name: "no charset, UTF-8", raw: body("Content-Type: text/plain", "Grüße"), want: mail.Body{Text: "Grüße"}},
		{name: "no charset, Latin-1", raw: body("Content-Type: text/plain", "Gr\xfc\xdfe"), want: mail.Body{Text: "Grüße"}},
		{name: "unknown charset", raw: body("Content-Type: text/plain; charset=x-klingon", "Gr\xfc\xdfe"), want: mail.Body{Text: "Grüße"}},
		{name: "wrong charset", raw: body("Content-Type: text/plain; charset=ISO-8859-1", "Grüße"), want: mail.Body{Text: "Grüße"}},
		{name: "not in UTF-8 as it says", raw: body("Content-Type: text/plain; charset=utf-8", "Gr\xfc\xdfe"), want: mail.Body{Text: "Grüße"}},
		{name: "a charset that go-message lacks", raw: body("Content-Type: text/plain; charset=cp932", "\x93\xfa\x96\x7b"), want: mail.Body{Text: "日本"}},
		{name: "content type that is none", raw: body("Content-Type: text", "Hello"), want: mail.Body{Text: "Hello"}},
		{
			name: "flowed", raw: body("Content-Type: text/plain; format=flowed", "I'll send you \nthe list \nby Friday.\nNext.\n From here on.\n>> I asked \n>> you.\n> Me.\n-- \nAna"),
			want: mail.Body{Text: "I'll send you the list by Friday.\nNext.\nFrom here on.\n> I asked you.\n> Me.\n-- \nAna"},
		},
		{name: "flowed, DelSp", raw: body("Content-Type: text/plain; format=Flowed; DelSp=Yes", "日本 \n語\n"), want: mail.Body{Text: "日本語"}},
		{
			name: "the plain one of two", raw: body(alternative, parts("Content-Type: text/html\n\n<b>rich</b>", "Content-Type: text/plain\n\nplain")),
			want: mail.Body{Text: "plain"},
		},
		{
			name: "the plain one is empty", raw: body(alternative, parts("Content-Type: text/plain\n\n \n", "Content-Type: text/html\n\n<b>rich</b>")),
			want: mail.Body{Text: "rich"},
		},
		{
			name: "an invitation", raw: body(alternative, parts("Content-Type: text/plain\n\nLunch?", "Content-Type: text/calendar; method=REQUEST; name=\"meeting.ics\"\n\nBEGIN:VCALENDAR")),
			want: mail.Body{Text: "Lunch?"},
		},
		{
			name: "with a file", raw: body(mixed, parts("\nHere it is.", "Content-Type: application/pdf; name=\"a;b.pdf\"\nContent-Disposition: attachment\n\nxx")),
			want: mail.Body{Text: "Here it is.", Attached: true},
		},
		{
			name: "a file first", raw: body(mixed, parts("Content-Disposition: attachment; filename*0*=utf-8''n%20; filename*1=o.txt\n\nnot this", "Content-Type: text/plain\n\nthis")),
			want: mail.Body{Text: "this", Attached: true},
		},
		{
			name: "an empty text first, and the footer of a list last", raw: body(mixed, parts("Content-Type: text/plain\n\n", "Content-Type: text/html\n\nthis", "Content-Type: text/plain\n\nTo leave the list …")),
			want: mail.Body{Text: "this"},
		},
		{
			name: "a forwarded mail", raw: body(mixed, parts("Content-Type: text/plain\n\nSee below.", "Content-Type: message/rfc822\n\nSubject: y\n\nI'll send it.")),
			want: mail.Body{Text: "See below.", Attached: true},
		},
		{
			name: "nothing but a forwarded mail", raw: body(mixed, parts("Content-Type: message/rfc822\n\nSubject: y\n\nI'll send it.")),
			want: mail.Body{Attached: true},
		},
		{
			name: "a digest", raw: body("Content-Type: multipart/digest; boundary=x", parts("\nSubject: y\n\nI'll send it.")),
			want: mail.Body{Attached: true},
		},
		{
			name: "a picture in the text", raw: body("Content-Type: multipart/related; boundary=x", parts("Content-Type: text/html\n\nHi <img src=cid:1>", "Content-Type: image/png; name=logo.png\nContent-ID: <1>\nContent-Disposition: inline; filename=logo.png\n\nxx")),
			want: mail.Body{Text: "Hi"},
		},
		{
			name: "signed", raw: body("Content-Type: multipart/signed; boundary=x; protocol=\"application/pgp-signature\"", parts("Content-Type: text/plain\n\nHi", "Content-Type: application/pgp-signature; name=signature.asc\n\nxx")),
			want: mail.Body{Text: "Hi"},
		},
		{
			name: "encrypted", raw: body("Content-Type: multipart/encrypted; boundary=x", parts("Content-Type: application/pgp-encrypted\n\nVersion: 1", "Content-Type: application/octet-stream\n\nxx")),
			want: mail.Body{Unreadable: "it is encrypted, or signed as a whole"},
		},
		{name: "S/MIME", raw: body("Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "xx"), want: mail.Body{Unreadable: "it is encrypted, or signed as a whole"}},
		{
			name: "parts within parts, the second boundary begins like the first", raw: body(mixed, parts(
				"Content-Type: multipart/alternative; boundary=xx\n\n--xx\n\nplain\n--xx\nContent-Type: multipart/mixed; boundary=xxx\n\n--xxx\nContent-Type: text/html\n\nrich\n--xxx\nContent-Type: image/jpeg; name=a.jpg\n\nxx\n--xxx--\n--xx--")),
			want: mail.Body{Text: "plain", Attached: true},
		},
		{name: "no boundary is named", raw: body("Content-Type: multipart/alternative", parts("Content-Type: text/plain\n\nplain")), want: mail.Body{Text: "plain"}},
		{name: "another boundary is used", raw: body("Content-Type: multipart/alternative; boundary=y", parts("Content-Type: text/plain\n\n-- \nplain")), want: mail.Body{Text: "-- \nplain"}},
		{name: "no boundary at all", raw: body("Content-Type: multipart/alternative", "--\nplain\n-- \n"), want: mail.Body{}},
		{name: "not closed", raw: body(mixed, "--x\n\nHi\n--x\nContent-Type: image/png\n\n"), want: mail.Body{Text: "Hi"}},
		{
			name: "more parts lie behind the end", cut: 40, raw: body(mixed, parts("\nHi", "Content-Type: image/png\n\n"+strings.Repeat("x", 60))),
			want: mail.Body{Text: "Hi", Attached: true},
		},
		{
			name: "the text lies behind the end", cut: 40, raw: body(alternative, parts("Content-Type: image/png\n\n"+strings.Repeat("x", 60), "\nHi")),
			want: mail.Body{Open: true},
		},
		{
			name: "a broken field in a part", raw: body(alternative, parts("Content-Type: text/plain\nwhat is this\nContent-Transfer-Encoding: base64\n\nSGk=")),
			want: mail.Body{Text: "Hi"},
		},
		{name: "more than 32 KiB", raw: body("Subject: x", strings.Repeat("aü\n", 20000)), cut: 1, want: mail.Body{Text: strings.Repeat("aü\n", 8192)}},
		{name: "HTML in the charset of its own", raw: body("Content-Type: text/html", "<meta http-equiv=x content='text/html; charset=windows-1250'><p>\xe8esky"), want: mail.Body{Text: "česky"}},
		{
			name: "links", raw: body("Content-Type: text/html", `Here is <a href="https://example.org/a?b&amp;c">the article</a>, <a href="mailto:bo@example.com">Bo</a>.`),
			want: mail.Body{Text: "Here is the article, Bo.", Linked: "Here is the article <https://example.org/a?b&c>, Bo."},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := mail.ReadBody([]byte(tt.raw[:len(tt.raw)-tt.cut]), tt.cut == 0, time.Time{})
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(mail.Body{}, "Written")); diff != "" {
				t.Errorf("ReadBody() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadBodyHTML(t *testing.T) {
	for name, tt := range map[string]struct{ page, want string }{
		"paragraphs and lines":    {"<html><head><title>x</title><style>p {}</style></head><body><p>Hello  Bob,</p>\n<p>one<br>two</p><div>three</div><div><br></div><div>four</div>", "Hello Bob,\n\none\ntwo\n\nthree\n\nfour"},
		"a list":                  {"<ul><li>one</li><li> two</ul>after", "- one\n- two\n\nafter"},
		"a table":                 {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		"inline markup":           {"I<b>'ll</b> <i>send</i>&nbsp;it &amp; more<span>.</span>", "I'll send it & more."},
		"a quote":                 {"Sure.<blockquote type=cite>I asked<br>you<p>twice</blockquote>Bye", "Sure.\n\n> I asked\n> you\n\n> twice\n\nBye"},
		"a quote in a quote":      {"<blockquote>a<blockquote>b</blockquote>c</blockquote></blockquote>d", "> a\n\n> b\n\n> c\n\nd"},
		"a quote that never ends": {"a<blockquote>b<p>c", "a\n\n> b\n\n> c"},
		"written lines":           {"<pre>a  b\n c\n</pre>d", "a  b\n c\n\nd"},
		"scripts and comments":    {"a<script>if (a < b) { '<p>' }</script><!-- x --><![if !mso]>b", "ab"},
		"a script that never end": {"a<script>b", "a"},
		"broken tags":             {"a <b c <d", "a"},
		"only entities":           {"&#72;&#x69;&nosuch;&#0;", "Hi&nosuch;\ufffd"},
	} {
		t.Run(name, func(t *testing.T) {
			got := mail.ReadBody([]byte("Content-Type: text/html\n\n"+tt.page), true, time.Time{})
			if diff := cmp.Diff(tt.want, got.Text); diff != "" {
				t.Errorf("Text mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadBodyReport(t *testing.T) {
	report := func(status string) string {
		return body("Content-Type: multipart/report; report-type=delivery-status; boundary=x", parts(
			"Content-Type: text/plain\n\nYour mail could not be delivered.",
			"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"+status,
			"Content-Type: message/rfc822\n\nSubject: y\n\nI'll send it."))
	}
	for name, tt := range map[string]struct {
		status string
		want   []string
	}{
		"unknown":           {"Original-Recipient: rfc822;x@example.com\nFinal-Recipient: RFC822; Bo@Example.com\nAction: failed\nStatus: 5.1.1 (bad destination)\nDiagnostic-Code: smtp;\n  550 5.1.1 no such user", []string{"bo@example.com"}},
		"two":               {"Final-Recipient: rfc822; <bo@example.com>\nAction: failed\nStatus: 5.1.10\n\n\nFinal-Recipient: rfc822;cy@example.net\nAction: failed\nStatus: 5.4.4", []string{"bo@example.com", "cy@example.net"}},
		"late":              {"Final-Recipient: rfc822; bo@example.com\nAction: delayed\nStatus: 4.4.1", nil},
		"given up":          {"Final-Recipient: rfc822; bo@example.com\nAction: failed\nStatus: 4.4.7", nil},
		"full":              {"Final-Recipient: rfc822; bo@example.com\nAction: failed\nStatus: 5.2.2", nil},
		"refused as spam":   {"Final-Recipient: rfc822; bo@example.com\nAction: failed\nStatus: 5.7.1", nil},
		"delivered":         {"Final-Recipient: rfc822; bo@example.com\nAction: delivered\nStatus: 5.1.1", nil},
		"no address":        {"Final-Recipient: rfc822; \nAction: failed\nStatus: 5.1.1", nil},
		"no status":         {"Final-Recipient: rfc822; bo@example.com\nAction: failed", nil},
		"one of three":      {"Final-Recipient: rfc822; a@example.com\nAction: relayed\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; b@example.com\nAction: failed\nStatus: 5.1.2\n\nx", []string{"b@example.com"}},
		"without its type":  {"Final-Recipient: bo@example.com\nAction: failed\nStatus: 5.2.1", []string{"bo@example.com"}},
		"address and words": {"Final-Recipient: rfc822; unknown user\nAction: failed\nStatus: 5.1.1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := mail.ReadBody([]byte(report(tt.status)), true, time.Time{})
			want := mail.Body{Text: "Your mail could not be delivered.", Unreachable: tt.want}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(mail.Body{}, "Written")); diff != "" {
				t.Errorf("ReadBody() mismatch (-want +got):\n%s", diff)
			}
		})
	}
	// A mail that merely holds such a part is no report.
	raw := strings.Replace(report("Final-Recipient: rfc822; bo@example.com\nAction: failed\nStatus: 5.1.1"), "multipart/report", "multipart/mixed", 1)
	if got := mail.ReadBody([]byte(raw), true, time.Time{}); got.Unreachable != nil {
		t.Errorf("a mail that is no report gives %q", got.Unreachable)
	}
}

// TestReadBodyDate: what a text says of Friday is meant where it was written.
func TestReadBodyDate(t *testing.T) {
	internal := time.Date(2026, 3, 2, 9, 5, 0, 0, time.UTC)
	for date, want := range map[string]string{
		"Mon, 2 Mar 2026 23:30:00 -0800": "2026-03-02T23:30:00-08:00 -0800",
		"Mon, 2 Mar 2026 10:00:00 EST":   "2026-03-02T10:00:00-05:00 -0500",
		"Mon, 2 Mar 2026 09:00:00 GMT":   "2026-03-02T09:00:00Z +0000",
		"yesterday":                      "2026-03-02T09:05:00Z +0000",
		"Mon, 2 Mar 2062 10:00:00 +0100": "2026-03-02T09:05:00Z +0000",
		"Mon, 2 Mar 2026 10:00:00 +0530": "2026-03-02T10:00:00+05:30 +0530",
	} {
		got := mail.ReadBody([]byte("Date: "+date+"\n\nx"), true, internal).Written
		if s := got.Format(time.RFC3339) + " " + got.Location().String(); s != want {
			t.Errorf("Date %q: written %s, want %s", date, s, want)
		}
	}
	if got := mail.ReadBody(nil, true, time.Time{}).Written; !got.IsZero() {
		t.Errorf("without any date: %s", got)
	}
}

// FuzzReadBody holds ReadBody to its bounds: its texts are UTF-8, no longer than
// 32 KiB, and no part of what was cut away.
func FuzzReadBody(f *testing.F) {
	for _, seed := range []string{
		body("Content-Type: multipart/mixed; boundary=x", parts("\nHi", "Content-Type: text/html\n\n<p>Hi<blockquote>x")),
		body("Content-Type: text/plain; format=flowed; charset=utf-16\nContent-Transfer-Encoding: base64", base64.StdEncoding.EncodeToString([]byte("\xfe\xff\x00H\x00i"))),
		body("Content-Type: multipart/report; boundary=x", parts("Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822;a@example.com\nAction: failed\nStatus: 5.1.1")),
		body("Content-Type: text/html; charset=iso-2022-jp\nContent-Transfer-Encoding: quoted-printable", "=1B$B=\n=0C<a href=https://example.org>x</a>"),
		strings.Repeat("--x\nContent-Type: multipart/mixed; boundary=x\n\n", 50),
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed[:len(seed)/2]), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, whole bool) {
		b := mail.ReadBody(raw, whole, time.Time{})
		for _, s := range []string{b.Text, b.Linked} {
			if len(s) > 32<<10 || strings.ToValidUTF8(s, "") != s {
				t.Errorf("a text of %d bytes, or not in UTF-8", len(s))
			}
		}
		if whole && b.Open {
			t.Error("a whole message is open")
		}
		if b.Text == "" && b.Linked != "" || b.Text != "" && b.Unreadable != "" {
			t.Errorf("%+v contradicts itself", b)
		}
	})
}
