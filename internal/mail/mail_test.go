package mail_test

import (
	"fmt"
	"mime"
	netmail "net/mail"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/mail"
)

var received = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)

// parse makes a header of lines.
func parse(lines ...string) mail.Header {
	return mail.Parse([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), received)
}

func TestParseWholeHeader(t *testing.T) {
	got := parse(
		"Return-Path: <ana@example.org>",
		"Date: Tue, 3 Mar 2026 18:05:09 +0100",
		"From: =?utf-8?Q?Ana_L=C3=B3pez?= <Ana@Example.org>",
		"To: Bob <bob@example.com>,",
		"\t\"Hall, Susan\" <susan@example.net>",
		"To: carol@example.com",
		"Cc: dave@example.com",
		"Subject: =?utf-8?B?UmU6IMOcYmVy?= the",
		"  plan",
		"Message-ID: <1@example.org>",
		"In-Reply-To: Your message of Monday <0@example.com>",
		"References: <r@example.com>",
		" <0@example.com> <r@example.com>",
		"Content-Type: TEXT/Plain; charset=utf-8",
	)
	want := mail.Header{
		From:    []mail.Address{{Name: "Ana López", Address: "ana@example.org"}},
		To:      []mail.Address{{Name: "Bob", Address: "bob@example.com"}, {Name: "Hall, Susan", Address: "susan@example.net"}, {Address: "carol@example.com"}},
		Cc:      []mail.Address{{Address: "dave@example.com"}},
		Subject: "Re: Über the plan",
		Topic:   "Über the plan", Reply: true,
		MessageID:   "1@example.org",
		InReplyTo:   "0@example.com",
		References:  []string{"r@example.com", "0@example.com"},
		ContentType: "text/plain",
		Date:        time.Date(2026, 3, 3, 17, 5, 9, 0, time.UTC),
		DateFrom:    mail.DateFromHeader,
		Delivered:   true,
		Fingerprint: got.Fingerprint,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse() mismatch (-want +got):\n%s", diff)
	}
	if len(got.Fingerprint) != 64 {
		t.Errorf("Fingerprint = %q, want 64 digits", got.Fingerprint)
	}
}

func TestAddresses(t *testing.T) {
	type as = []mail.Address
	exact := func(name, address string) mail.Address { return mail.Address{Name: name, Address: address} }
	loose := func(name, address string) mail.Address {
		return mail.Address{Name: name, Address: address, Loose: true}
	}
	for _, tt := range []struct {
		in   string
		want as
	}{
		{`"Alice" <a@x.com>, b@y.com`, as{exact("Alice", "a@x.com"), exact("", "b@y.com")}},
		{`a@x.com, bad address here, b@y.com`, as{exact("", "a@x.com"), exact("", "b@y.com")}},
		{`a@x.com; b@y.com`, as{exact("", "a@x.com"), exact("", "b@y.com")}},
		{`a@x.com,, b@y.com,`, as{exact("", "a@x.com"), exact("", "b@y.com")}},
		{`undisclosed-recipients:;`, nil},
		{`Team: a@x.com, "B" <b@y.com>;, c@z.com`, as{exact("", "a@x.com"), exact("B", "b@y.com"), exact("", "c@z.com")}},
		{`Bob "The X" Builder <b@x.com>`, as{exact("Bob The X Builder", "b@x.com")}},
		{`"Bob \"The X\" Builder" <b@x.com>`, as{exact(`Bob "The X" Builder`, "b@x.com")}},
		{`John Q. Public <j@x.com>`, as{exact("John Q. Public", "j@x.com")}},
		{`Doe, Jane <j@x.com>`, as{loose("Doe, Jane", "j@x.com")}},
		{`"unterminated <b@x.com>, c@y.com`, as{exact("unterminated", "b@x.com"), exact("", "c@y.com")}},
		{`<b@x.com, c@y.com`, as{exact("", "b@x.com"), exact("", "c@y.com")}},
		{`b@x.com (Comment (nested))`, as{exact("Comment (nested)", "b@x.com")}},
		{`Bob@Work <bob@x.com>`, as{loose("Bob@Work", "bob@x.com")}},
		{`bob@x.com <bob@x.com>`, as{loose("", "bob@x.com")}},
		{`"bob@x.com" <bob@x.com>`, as{exact("", "bob@x.com")}},
		{`'bob@x.com' <bob@x.com>`, as{loose("", "bob@x.com")}},
		{`'bob@x.com'`, as{loose("", "bob@x.com")}},
		{`'Bob Hill' <bob@x.com>`, as{exact("Bob Hill", "bob@x.com")}},
		{`=?gb2312?B?zfU=?= <b@x.com>`, as{exact("王", "b@x.com")}},
		{`=?x-nonexistent?Q?foo?= <b@x.com>, c@y.com`, as{exact("foo", "b@x.com"), exact("", "c@y.com")}},
		{`=?UTF-8?Q?M=FCller?= <b@x.com>`, as{exact("Müller", "b@x.com")}},
		{`=?utf-8?B?w5xiZXI=?= =?utf-8?B?IEFsbGVz?= <b@x.com>`, as{exact("Über Alles", "b@x.com")}},
		{`=?utf-8?B?w5xiZXLD?= =?utf-8?B?nA==?= <b@x.com>`, as{exact("ÜberÜ", "b@x.com")}},
		{`=?UTF-8?Q?Doe=2C_Jane?= <j@x.com>`, as{exact("Doe, Jane", "j@x.com")}},
		{`"=?UTF-8?Q?M=C3=BCller?=" <b@x.com>`, as{exact("Müller", "b@x.com")}},
		{`=?cp932?B?k2OShg==?= <t@x.com>`, as{exact("田中", "t@x.com")}},
		{`=?utf-8?Q?Bob_=3Cbob=40x.com=3E?=`, as{loose("Bob", "bob@x.com")}},
		{"M\xfcller <b@x.com>, c@y.com", as{exact("Müller", "b@x.com"), exact("", "c@y.com")}},
		{`Müller <müller@exämple.com>`, as{exact("Müller", "müller@xn--exmple-cua.com")}},
		{`b@x.com.`, as{loose("", "b@x.com")}},
		{`b..c@x.com`, as{loose("", "b..c@x.com")}},
		{`.ward@example.com`, as{loose("", ".ward@example.com")}},
		{`W..White <w..white@example.com>`, as{loose("W..White", "w..white@example.com")}},
		{`"b c"@x.com`, as{exact("", `"b c"@x.com`)}},
		{`"b.c"@x.com`, as{exact("", "b.c@x.com")}},
		{`".b"@x.com`, as{exact("", ".b@x.com")}},
		{`b@[192.0.2.1]`, as{exact("", "b@[192.0.2.1]")}},
		{`b@localhost`, as{exact("", "b@localhost")}},
		{`b`, nil},
		{`MAILER-DAEMON`, nil},
		{`<>`, nil},
		{`Mailer <>`, nil},
		{`<@relay.com:b@x.com>`, as{exact("", "b@x.com")}},
		{`b @ x.com`, as{exact("", "b@x.com")}},
		{`b@x.com <mailto:b@x.com>`, as{loose("", "b@x.com")}},
		{`mailto:b@x.com`, as{exact("", "b@x.com")}},
		{`"Bob" b@x.com`, as{loose("", "b@x.com")}},
		{`b@x.com <Bob>`, as{loose("", "b@x.com")}},
		{`/O=ORG/OU=EXCHANGE/CN=RECIPIENTS/CN=BOB`, nil},
		{"Bob \u202egro.elpmaxe\u202c <b@x.com>", as{exact("Bob gro.elpmaxe", "b@x.com")}},
	} {
		got := parse("To: " + tt.in).To
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("To: %q mismatch (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestAddressesAreBounded(t *testing.T) {
	if got := parse("To: " + strings.Repeat("a@example.com, ", 5000)).To; len(got) != 1000 {
		t.Errorf("%d addresses of 5000, want the first 1000", len(got))
	}
}

// TestAddressesAgreeWithNetMail holds the tolerant reader to the strict one on
// what the strict one accepts.
func TestAddressesAgreeWithNetMail(t *testing.T) {
	for _, in := range []string{
		`a@x.com`, `A <a@x.com>`, `"A, B" <a@x.com>, c@y.com`, `a@x.com (A)`, `G: a@x.com, b@x.com;`,
		`G:;, a@x.com`, `"q\"q" <a@x.com>`, `=?utf-8?q?=C3=A9?= <a@x.com>`, `"a b"@x.com`, `<a@x.com>`,
		`a.b+c@sub.x.com`, ` a@x.com , b@y.com `, `A (c) B <a@x.com>`, `"<x@y>" <a@x.com>`,
	} {
		want, err := netmail.ParseAddressList(in)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		got := parse("To: " + in).To
		if len(got) != len(want) {
			t.Errorf("%q: %d addresses, want %d", in, len(got), len(want))
			continue
		}
		for i := range want {
			address := strings.ReplaceAll(got[i].Address, `"`, "")
			if address != want[i].Address || got[i].Loose {
				t.Errorf("%q: got %+v, want %q", in, got[i], want[i].Address)
			}
		}
	}
}

func TestBrokenLinesLoseOnlyThemselves(t *testing.T) {
	for name, block := range map[string]string{
		"line feeds":         "From: a@x.com\nTo: b@x.com\n\n",
		"garbage line":       "From: a@x.com\r\ngarbage line\r\n and more\r\nTo: b@x.com\r\n\r\n",
		"leading blank":      " From: a@x.com\r\nTo: b@x.com\r\n\r\n",
		"leading space":      " leading: x\r\nFrom: a@x.com\r\nTo: b@x.com\r\n\r\n",
		"leading empty line": "\r\nFrom: a@x.com\r\nTo: b@x.com\r\n\r\n",
		"empty name":         "From: a@x.com\r\n: empty\r\nTo: b@x.com\r\n\r\n",
		"space before colon": "From : a@x.com\r\nTo : b@x.com\r\n\r\n",
		"name in capitals":   "FROM: a@x.com\r\nTO: b@x.com\r\n\r\n",
		"umlaut in name":     "Fröm: c@x.com\r\nFrom: a@x.com\r\nTo: b@x.com\r\n\r\n",
		"two From":           "From:\r\nFrom: a@x.com\r\nFrom: c@x.com\r\nTo: b@x.com\r\n\r\n",
		"mbox line":          "From a@x.com Mon Jan  1 00:00:00 2026\r\nFrom: a@x.com\r\nTo: b@x.com\r\n\r\n",
		"byte order mark":    "\xef\xbb\xbfFrom: a@x.com\r\nTo: b@x.com\r\n\r\n",
		"NUL":                "From: a@x.com\r\nSubject: a\x00b\r\nTo: b@x.com\r\n\r\n",
		"no end":             "From: a@x.com\r\nTo: b@x.com",
		"body follows":       "From: a@x.com\r\nTo: b@x.com\r\n\r\nTo: c@x.com\r\n",
	} {
		h := mail.Parse([]byte(block), received)
		if len(h.From) != 1 || h.From[0].Address != "a@x.com" || len(h.To) != 1 || h.To[0].Address != "b@x.com" {
			t.Errorf("%s: From %v, To %v", name, h.From, h.To)
		}
	}
}

func TestSubject(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                                 "plain",
		"=?utf-8?Q?a_b=20c?=":                   "a b c",
		"=?utf-8?Q?two words?= after":           "two words after",
		"=?iso-8859-1*de?Q?=FCber?=":            "über",
		"=?utf-8?B?4pyT?=\r\n =?utf-8?B?4pyT?=": "✓✓",
		"=?utf-8?B?w5xiZXI?=":                   "Über",
		"a\x07\x1b[31mb\u202ec\u2066":           "a[31mbc",
		"broken =?utf-8?Q?word":                 "broken =?utf-8?Q?word",
		"tab\tand\r\n  fold":                    "tab and fold",
		"latin \xe9":                            "latin é",
		"caf\xc3\xa9 \xe2\x9c\x93 cut \xc3":     "café ✓ cut \ufffd",
		"=?utf-7?Q?M+APw-ller +- +2D3cAQ-?=":    "Müller + 🐁",
		"=?unicode-1-1-utf-7?Q?caf+AOk?=":       "café",
		"=?cp-850?Q?M=81ller?=":                 "Müller",
		"=?ANSI?Q?=80?=":                        "€",
		"=?hz-gb-2312?Q?~{VP~}?=":               "中",
		"=?koi8-r?B?8NLJ18XU?=":                 "Привет",
		"=?iso-2022-jp?B?GyRCRURDZhsoQg==?=":    "田中",
		"=?ks_c_5601-1987?B?sei/tcjG?=":         "김영훈",
		"=?big5?B?pKSk5Q==?=":                   "中文",
		"=?iso-2022-kr?Q?abc?=":                 "abc",
	} {
		if got := parse("Subject: " + in).Subject; got != want {
			t.Errorf("Subject %q = %q, want %q", in, got, want)
		}
	}
}

// TestUnmarkedText holds 8-bit text in a header, for which it names no charset,
// to the charset of what stands beside it.
func TestUnmarkedText(t *testing.T) {
	for want, lines := range map[string][]string{
		"Привет": {"Subject: \xf0\xd2\xc9\xd7\xc5\xd4", "Content-Type: text/plain; charset=KOI8-R"},
		"中文":     {"Subject: \xd6\xd0\xce\xc4", "Content-Type: text/plain; format=flowed; charset=\"gb2312\""},
		"Grüße":  {"Subject: Gr\xfc\xdfe", "Content-Type: text/plain; charset=utf-8"},
		"Grüne":  {"Subject: Gr\xfcne", "From: =?iso-2022-kr?Q?x?= <a@example.com>"},
		"Иван":   {"Subject: \xc8\xe2\xe0\xed", "From: =?windows-1251?B?yOLg7Q==?= <a@example.com>"},
	} {
		if got := parse(lines...).Subject; got != want {
			t.Errorf("Subject of %q = %q, want %q", lines, got, want)
		}
	}
}

// An empty Content-Type before the one with the charset must not make what is
// read a matter of chance.
func TestCharsetBesideIsFoundAlways(t *testing.T) {
	lines := []string{"Content-Type:  ", "Content-Type: text/plain; charset=koi8-r", "Subject: \xf0\xd2\xc9\xd7\xc5\xd4", "From: \xe9\xd7\xc1\xce <a@example.com>"}
	want := parse(lines...)
	if want.Subject != "Привет" || want.From[0].Name != "Иван" {
		t.Errorf("Parse() = %q by %q, want Привет by Иван", want.Subject, want.From[0].Name)
	}
	for range 300 {
		if diff := cmp.Diff(want, parse(lines...)); diff != "" {
			t.Fatalf("Parse() of the same block again (-want +got):\n%s", diff)
		}
	}
}

func TestTopic(t *testing.T) {
	type answer struct {
		topic string
		reply bool
	}
	for in, want := range map[string]answer{
		"Lunch": {"Lunch", false}, "Re: Lunch": {"Lunch", true}, "RE: re[2]: Fwd: Lunch": {"Lunch", true}, "AW: WG: Lunch": {"Lunch", true},
		"SV: Lunch": {"Lunch", true}, "Re：Lunch": {"Lunch", true}, "回复：Lunch": {"Lunch", true}, "Lunch (fwd)": {"Lunch", false},
		"Regarding: Lunch": {"Regarding: Lunch", false}, "Re:": {"", true}, "Report: Q3": {"Report: Q3", false}, "RE : Lunch": {"Lunch", true},
		"RES: Lunch": {"Lunch", true}, "R: Lunch": {"Lunch", true}, "Odp: Lunch": {"Lunch", true}, "Fwd: Lunch": {"Lunch", false},
		"转发: Lunch": {"Lunch", false}, "İLT: Lunch": {"Lunch", false}, "YNT: Lunch": {"Lunch", true}, "Σχετ: Lunch": {"Lunch", true},
		"Re: Re: Lunch (fwd)": {"Lunch", true}, " Re: ": {"", true}, "": {"", false},
	} {
		topic, reply := mail.Topic(in)
		if got := (answer{topic, reply}); got != want {
			t.Errorf("Topic(%q) = %v, want %v", in, got, want)
		}
	}
}

func TestDate(t *testing.T) {
	const feb = "1994-02-07T21:52:25Z"
	for _, tt := range []struct {
		in, want string
		from     mail.DateFrom
	}{
		{"Mon, 7 Feb 1994 21:52:25 -0800", "1994-02-08T05:52:25Z", mail.DateFromHeader},
		{"Mon, 7 Feb 1994 21:52:25 -0800 (PST)", "1994-02-08T05:52:25Z", mail.DateFromHeader},
		{"7 Feb 94 21:52 GMT", "1994-02-07T21:52:00Z", mail.DateFromHeader},
		{"Mon, 07 Feb 1994 21:52:25 UT", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 21:52:25", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 9:5:5 +0000", "1994-02-07T09:05:05Z", mail.DateFromHeader},
		{"Monday, 7 Feb 1994 21:52:25 +0000", feb, mail.DateFromHeader},
		{"Monday, 7 February 1994 21:52:25 +0000", feb, mail.DateFromHeader},
		{"Mon Feb  7 21:52:25 1994", feb, mail.DateFromHeader},
		{"Mon Feb  7 16:52:25 EST 1994", feb, mail.DateFromHeader},
		{"Feb 7, 1994 9:52:25 PM", feb, mail.DateFromHeader},
		{"1994-02-07T21:52:25Z", feb, mail.DateFromHeader},
		{"1994-02-07 22:52:25.123 +01:00", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 16:52:25 EST", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 13:52:25 PST", feb, mail.DateFromHeader},
		{"Mon,7 Feb 1994 21:52:25 +0000", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 21.52.25 +0000", feb, mail.DateFromHeader},
		{"Tue, 8 Feb 1994 05:52:25 GMT+0800", feb, mail.DateFromHeader},
		{"Tue, 8 Feb 1994 05:52:25 GMT+8", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 16:52:25-0500", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 24:00:00 +0000", "1994-02-08T00:00:00Z", mail.DateFromHeader},
		{"Mon, 7 Feb 1994 21:52:60 +0000", "1994-02-07T21:52:59Z", mail.DateFromHeader},
		{"Tue, 8 Feb 1994 03:22:25 +0530 IST", feb, mail.DateFromHeader},
		{"Mon, 7-Feb-94 21:52:25 GMT", feb, mail.DateFromHeader},
		{"Mon, 7  Feb  1994 21:52:25 +0000", feb, mail.DateFromHeader},
		{"Mon, 7 feb 1994 21:52:25 +0000", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 1994 21(late):   52  :  25 +0000", feb, mail.DateFromHeader},
		{"Mon, 7 Feb 101 21:52:25 +0000", "2001-02-07T21:52:25Z", mail.DateFromHeader},
		{"", "2026-03-04T10:00:00Z", mail.DateMissing},
		{"yesterday", "2026-03-04T10:00:00Z", mail.DateUnparseable},
		{"Mon, 32 Feb 1994 21:52:25 +0000", "2026-03-04T10:00:00Z", mail.DateUnparseable},
		{"Mon, 7 Feb 1994 21:52:25 +9900", "2026-03-04T10:00:00Z", mail.DateUnparseable},
		{"Thu, 01 Jan 1970 00:00:00 +0000", "2026-03-04T10:00:00Z", mail.DateBefore1990},
		{"Fri, 31 Dec 9999 23:59:59 -1200", "2026-03-04T10:00:00Z", mail.DateAfterReceived},
		{"Thu, 05 Mar 2026 10:00:00 +0000", "2026-03-05T10:00:00Z", mail.DateFromHeader},
		{"Thu, 05 Mar 2026 10:00:01 +0000", "2026-03-04T10:00:00Z", mail.DateAfterReceived},
	} {
		h := parse("Date: " + tt.in)
		if got := h.Date.Format(time.RFC3339); got != tt.want || h.DateFrom != tt.from {
			t.Errorf("Date %q = %s from %q, want %s from %q", tt.in, got, h.DateFrom, tt.want, tt.from)
		}
	}
	if h := mail.Parse([]byte("From: a@x.com\r\n\r\n"), time.Time{}); !h.Date.IsZero() {
		t.Errorf("Date without any = %s, want zero", h.Date)
	}
}

func TestMessageIDs(t *testing.T) {
	for in, want := range map[string]string{
		"<a@b>": "a@b", "a@b": "a@b", "<a b@c>": "a b@c", "Your message <a@b>": "a@b", "<noat>": "noat",
		"<a@b@c>": "a@b@c", "<a@[1.2.3.4]>": "a@[1.2.3.4]", "<a@b": "a@b", "<<a@b>>": "a@b", "<a@b>(comment)": "a@b",
		"<a:b@c>": "a:b@c", "\r\n <a@b>": "a@b",
	} {
		if got := parse("Message-ID: " + in); got.MessageID != want || got.Synthetic {
			t.Errorf("Message-ID %q = %q, want %q", in, got.MessageID, want)
		}
	}
	if diff := cmp.Diff([]string{"a@b", "c@d"}, parse("References: <a@b>,<c@d> junk <a@b>").References); diff != "" {
		t.Errorf("References mismatch (-want +got):\n%s", diff)
	}
	if got := parse("In-Reply-To: a@b (x)").InReplyTo; got != "a@b" {
		t.Errorf("InReplyTo = %q, want a@b", got)
	}
	var long []string
	for i := range 500 {
		long = append(long, "<"+strings.Repeat("x", i+1)+"@x.com>")
	}
	if refs := parse("References: " + strings.Join(long, " ")).References; len(refs) != 100 || refs[0] != "x@x.com" {
		t.Errorf("%d references beginning with %q, want 100 beginning with x@x.com", len(refs), refs[0])
	}
}

// TestCopiesAreRecognised holds Fingerprint and the synthetic id to content:
// marks of delivery, Bcc and order of recipients make no other message.
func TestCopiesAreRecognised(t *testing.T) {
	stored := parse("Date: Tue, 3 Mar 2026 18:05:09 +0100", "From: A <a@x.com>", "To: b@x.com, c@x.com", "Bcc: d@x.com", "Subject: Hello  there")
	delivered := parse("Return-Path: <a@x.com>", "Date: Tue, 3 Mar 2026 17:05:09 +0000", "From: a@X.com", "To: c@x.com", "Cc: b@x.com", "Subject: hello there")
	other := parse("Date: Tue, 3 Mar 2026 17:05:10 +0000", "From: a@x.com", "To: c@x.com", "Cc: b@x.com", "Subject: hello there")
	if stored.Fingerprint != delivered.Fingerprint || stored.MessageID != delivered.MessageID {
		t.Errorf("two copies have fingerprints %q and %q", stored.Fingerprint, delivered.Fingerprint)
	}
	if stored.Fingerprint == other.Fingerprint {
		t.Error("a message a second later has the same fingerprint")
	}
	if !strings.HasPrefix(stored.MessageID, "x-syncd:") || !stored.Synthetic {
		t.Errorf("MessageID = %q, Synthetic %v", stored.MessageID, stored.Synthetic)
	}
	if stored.Delivered || !delivered.Delivered {
		t.Errorf("Delivered = %v and %v, want false and true", stored.Delivered, delivered.Delivered)
	}
}

func TestNoise(t *testing.T) {
	const from = "From: Ana <ana@example.org>"
	for _, tt := range []struct {
		lines []string
		want  mail.Noise
	}{
		{[]string{from}, ""},
		{[]string{from, "Auto-Submitted: no"}, ""},
		{[]string{from, "Auto-Submitted: NO (really)"}, ""},
		{[]string{from, "Return-Path: <ana@example.org>"}, ""},
		{[]string{from, "Precedence: normal"}, ""},
		{[]string{from, "List-Id: Dev <dev.example.org>"}, mail.ListID},
		{[]string{from, "List-Unsubscribe: <https://example.org/u>"}, mail.ListUnsubscribe},
		{[]string{from, "List-Post: NO"}, mail.ListPost},
		{[]string{from, "Precedence: Bulk"}, mail.Precedence},
		{[]string{from, "Auto-Submitted: auto-replied; x=y"}, mail.AutoSubmitted},
		{[]string{from, "X-Autoreply: yes"}, mail.Autoreply},
		{[]string{from, "X-Autorespond: out"}, mail.Autoreply},
		{[]string{from, "Subject: Out of Office AutoReply: Gas tariff"}, mail.Autoreply},
		{[]string{from, "Subject: =?utf-8?Q?R=C3=A9ponse_automatique_=3A?= bonjour"}, mail.Autoreply},
		{[]string{from, "Subject: Undelivered Mail Returned to Sender"}, mail.Autoreply},
		{[]string{from, "Subject: Fwd: Returned mail: see transcript"}, ""},
		{[]string{from, "Mailing-List: contact dev-help@example.org; run by ezmlm"}, mail.MailingList},
		{[]string{from, "X-BeenThere: dev@example.org"}, mail.MailingList},
		{[]string{"From: Mail Delivery Subsystem <postoffice@example.org>"}, mail.NoReply},
		{[]string{"From: post_master@example.org"}, mail.NoReply},
		{[]string{"From: <>"}, mail.NoReply},
		{[]string{"From: The Postmaster's Arms <pub@example.org>"}, ""},
		{[]string{from, "Subject: Re: Automatic reply: your draft"}, ""},
		{[]string{from, "Subject: complaint about message from 192.0.2.222"}, mail.Autoreply},
		{[]string{from, "Subject: Away from my mail: Gas tariff"}, mail.Autoreply},
		{[]string{from, "Subject: Away from my mail"}, ""},
		{[]string{from, "Subject: Away from my mail", "Precedence: bulk"}, mail.Precedence},
		{[]string{from, "Subject: Away from my mail next week - can you decide?"}, ""},
		{[]string{from, "Subject: Away from the office on Monday"}, ""},
		{[]string{from, "Subject: Undelivered mail returned to sender, what now?"}, ""},
		{[]string{from, "Subject: Complaint about message from the landlord"}, ""},
		{[]string{from, "Subject: Out of office chairs"}, ""},
		{[]string{from, "Feedback-ID: 1:2:3"}, mail.FeedbackID},
		{[]string{from, "Return-Path: < >"}, mail.NullReturnPath},
		{[]string{from, "Content-Type: multipart/report; report-type=delivery-status"}, mail.Report},
		{[]string{from, "Content-Type: text/calendar; method=REQUEST"}, mail.Calendar},
		{[]string{from, "Content-Class: urn:content-classes:calendarmessage"}, mail.Calendar},
		{[]string{"From: Google Calendar <calendar-notification@google.com>"}, mail.Calendar},
		{[]string{"From: no-reply@example.org"}, mail.NoReply},
		{[]string{"From: orders.noreply@example.org"}, mail.NoReply},
		{[]string{"From: notifications@example.org"}, mail.NoReply},
		{[]string{"From: notification+x1@example.org"}, mail.NoReply},
		{[]string{"From: MAILER-DAEMON@example.org"}, mail.NoReply},
		{[]string{"From: MAILER-DAEMON"}, mail.NoReply},
		{[]string{"From: norbert.reply@example.org"}, ""},
		{[]string{"From: info@example.org"}, ""},
	} {
		if got := parse(tt.lines...).Noise; got != tt.want {
			t.Errorf("Noise of %q = %q, want %q", tt.lines, got, tt.want)
		}
	}
}

func TestInvite(t *testing.T) {
	for in, want := range map[string]string{
		"Accepted: Lunch": "Lunch", "ACCEPTED:Lunch": "Lunch", "Declined: Lunch": "Lunch", "Tentative: Lunch": "Lunch",
		"Invitation: Lunch @ Tue May 12, 2026 10am - 11am (CEST) (bob@example.com)":                 "Lunch",
		"Updated invitation: Talk @ Ana's @ Weekly from 10:00 to 11:00 on Monday (ana@example.com)": "Talk @ Ana's",
		"Accepted: Dinner @ Bar 54":                                "Dinner @ Bar 54",
		"Invitation: Lunch @ Di 12. Mai 2026 10:00 - 11:00 (MESZ)": "Lunch",
		"Invitation: Review (May 12 10:00 AM CEDT in Room 3)":      "Review",
		"Accepted: Invitation: Review: part two":                   "Review: part two",
		"Canceled event with note: Lunch @ Tue May 12, 2026":       "Lunch",
		"Zusage: Essen": "Essen", "Mit Vorbehalt: Essen": "Essen", "Accepté : Déjeuner": "Déjeuner", "承諾: 会議": "会議", "已接受：会议": "会议",
		"İptal edildi: Toplantı": "Toplantı", "=?utf-8?Q?Accept=C3=A9_:_D=C3=A9jeuner?=": "Déjeuner",
		"Re: Invitation: Lunch": "", "Fwd: Accepted: Lunch": "", "Lunch": "", "Accepted": "", "Accepted: ": "", "You are accepted: congratulations": "",
	} {
		if got := parse("Subject: " + in).Invite; got != want {
			t.Errorf("Invite of %q = %q, want %q", in, got, want)
		}
	}
}

func TestListAddresses(t *testing.T) {
	h := parse("From: a@x.com", "List-Post: <mailto:Dev@lists.example.org?subject=x>", "List-Id: \"The <dev> list\" <dev.example.org>")
	if diff := cmp.Diff([]string{"dev@lists.example.org", "dev@example.org"}, h.ListAddresses); diff != "" {
		t.Errorf("ListAddresses mismatch (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("From: \"a <b@x.com>, (c, <d@y.com\r\nDate: x\r\nTo: =?utf-8?B?4?= <@a,@b:c@d>\r\n\r\n"))
	f.Add([]byte("Subject: =?iso-2022-jp?B?GyRC?= =?x?Q?=\xff?=\r\nMessage-ID: <\x00>\r\nReferences: <<>>"))
	f.Fuzz(func(t *testing.T, block []byte) {
		h := mail.Parse(block, received)
		if h.MessageID == "" || h.Date.IsZero() || len(h.Fingerprint) != 64 {
			t.Errorf("id %q, date %s, fingerprint %q", h.MessageID, h.Date, h.Fingerprint)
		}
		for _, a := range slices.Concat(h.From, h.Sender, h.To, h.Cc, h.Bcc) {
			if at := strings.LastIndexByte(a.Address, '@'); at <= 0 || at == len(a.Address)-1 || strings.ContainsAny(a.Address+a.Name, "\r\n\x00") {
				t.Errorf("address %+v", a)
			}
		}
		if strings.ContainsAny(h.Subject, "\r\n\x00\u202e") {
			t.Errorf("subject %q", h.Subject)
		}
	})
}

// FuzzAddressesFound holds the reader to net/mail: an address that the strict
// parser finds is found here too.
func FuzzAddressesFound(f *testing.F) {
	f.Add(`"a, b" <c@x.com>, d@y.com (e)`)
	f.Add(`G: a@x.com, "b\"c" <d@y.com>;`)
	f.Fuzz(func(t *testing.T, list string) {
		strict, err := netmail.ParseAddressList(list)
		if err != nil || strings.ContainsAny(list, "\r\n\x00\\") || len(list) > 500 { // one address is bounded
			return
		}
		found := parse("To: " + list).To
		for _, a := range strict {
			local, domain, _ := strings.Cut(strings.ToLower(a.Address), "@")
			if strings.ContainsFunc(local+domain, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"()<>[]:;@,`'", r) }) {
				continue
			}
			if !slices.ContainsFunc(found, func(f mail.Address) bool { return f.Address == local+"@"+domain }) {
				t.Errorf("%q: %q not in %v", list, local+"@"+domain, found)
			}
		}
	})
}

// FuzzDate holds the reader to net/mail, which is strict, on dates with a zone
// in numbers: it reads names of zones as UTC.
func FuzzDate(f *testing.F) {
	f.Add("Mon, 7 Feb 1994 21:52:25 -0800")
	f.Add("7 Feb 94 21:52 +0000 (x)")
	f.Add("Mon Feb  7 16:52:25 EST 1994")
	f.Fuzz(func(t *testing.T, v string) {
		h := parse("Date: " + v)
		if h.DateFrom != mail.DateFromHeader && !h.Date.Equal(received) || h.Date.Year() < 1990 || h.Date.After(received.Add(24*time.Hour)) {
			t.Errorf("Date %q = %s from %q", v, h.Date, h.DateFrom)
		}
		strict, err := netmail.ParseDate(v)
		if _, sec := strict.Zone(); err != nil || strings.ContainsAny(v, "\r\n") || !numericZone.MatchString(v) || sec <= -15*3600 || sec >= 15*3600 ||
			strict.Year() < 1990 || strict.After(received.Add(24*time.Hour)) {
			return
		}
		if !h.Date.Equal(strict) || h.DateFrom != mail.DateFromHeader {
			t.Errorf("Date %q = %s from %q, want %s", v, h.Date, h.DateFrom, strict.UTC())
		}
	})
}

var numericZone = regexp.MustCompile(`[+-]\d{4}$`)

// FuzzEncodedWords holds the reader to what mime writes.
func FuzzEncodedWords(f *testing.F) {
	f.Add("Grüße aus Köln", "=?utf-8?Q?=C3?= =?gb2312?B?zfU=?=")
	f.Add("a_b =?x?= ✓", "=?utf-7?Q?+AOk?= =?hz-gb-2312?Q?~{VP?=")
	f.Fuzz(func(t *testing.T, text, raw string) {
		if s := parse("Subject: " + strings.NewReplacer("\r", "", "\n", "").Replace(raw)).Subject; strings.ContainsAny(s, "\r\n\x00\u202e") || !utf8.ValidString(s) {
			t.Errorf("Subject of %q = %q", raw, s)
		}
		if !utf8.ValidString(text) || ascii(text) {
			return
		}
		want := parse("Subject: " + text).Subject
		if strings.ContainsAny(text, "\r\n") || strings.Contains(text, "=?") || strings.Contains(want, "=?") || len([]rune(text)) > 500 {
			return
		}
		for _, e := range []mime.WordEncoder{mime.QEncoding, mime.BEncoding} {
			if got := parse("Subject: " + e.Encode("utf-8", text)).Subject; got != want {
				t.Errorf("Subject of %q = %q, want %q", e.Encode("utf-8", text), got, want)
			}
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// BenchmarkParse reads headers as they lie in a mailbox: folded recipients,
// encoded words, threads, list mail.
func BenchmarkParse(b *testing.B) {
	var blocks [][]byte
	bytes := 0
	for i := range 1000 {
		lines := []string{
			"Return-Path: <ana@example.org>", "Delivered-To: me@example.com",
			fmt.Sprintf("Date: Tue, %d Mar 2026 18:%02d:09 +0100 (CET)", 1+i%28, i%60),
			"From: =?utf-8?Q?Ana_L=C3=B3pez?= <ana@example.org>",
			"To: \"Hall, Susan\" <susan@example.net>,\r\n Bob Wu <bob@example.com>, me@example.com",
			fmt.Sprintf("Subject: Re: =?utf-8?B?w5xiZXI=?= the plan of day %d", i),
			fmt.Sprintf("Message-ID: <%d@example.org>", i), fmt.Sprintf("In-Reply-To: <%d@example.com>", i-1),
			fmt.Sprintf("References: <r@example.com>\r\n <%d@example.com>", i-1),
			"Content-Type: multipart/alternative; boundary=\"x\"",
		}
		if i%4 == 0 {
			lines = append(lines, "List-Id: The plan <plan.example.org>", "List-Post: <mailto:plan@example.org>", "Precedence: list")
		}
		blocks = append(blocks, []byte(strings.Join(lines, "\r\n")+"\r\n\r\n"))
		bytes += len(blocks[i])
	}
	b.SetBytes(int64(bytes / len(blocks)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		mail.Parse(blocks[i%len(blocks)], received)
	}
}

// TestLongListsAreBounded has lists of nothing but signs, as long as a header
// block may be.
func TestLongListsAreBounded(t *testing.T) {
	for _, sign := range []string{",", ";", "a,", "a@b,", "a:b@c;", "<a@b>", "a@b <", `"a@b`, "@"} {
		block := []byte("To: " + strings.Repeat(sign, 256<<10/len(sign)) + "\r\n\r\n")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		mail.Parse(block, received)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 {
			t.Errorf("%q repeated: %d bytes allocated, want at most 16 MiB", sign, n)
		}
	}
}
