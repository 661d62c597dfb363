package carddav_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/carddav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func vcf(lines ...string) string {
	return "BEGIN:VCARD\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VCARD\r\n"
}

func TestRead(t *testing.T) {
	full := ledger.Card{
		UID: "susan-1", Name: "Susan Hall", Nicknames: []string{"Sue", "S, H"},
		Addresses: []string{"susan.hall@example.com", "sue@xn--bcher-kva.example"}, Groups: []string{"Close", "work, old"},
		Circle: "network", Birthday: planner.DayOf{Year: 1980, Month: time.May, Day: 12}, Wedding: planner.DayOf{Year: 2009, Month: time.August, Day: 8},
		Org: "Example, Inc., Sales", Title: "Director", Rev: time.Date(2024, time.March, 1, 10, 20, 30, 0, time.UTC),
	}
	tests := []struct {
		name, data string
		want       ledger.Card
		lost       string
	}{
		{"4.0", vcf("VERSION:4.0", "UID:urn:uuid:susan-1", "FN:Susan Hall", "NICKNAME:Sue,S\\, H", "EMAIL;PREF=1:susan.hall@example.com",
			"EMAIL;TYPE=work:sue@bücher.example", "CATEGORIES:Close,work\\, old", "NOTE:met at the fair\\nsyncd: Network\\n", "BDAY:19800512",
			"ANNIVERSARY:20090808T1430-0500", "ORG:Example\\, Inc.;Sales", "TITLE:Director", "REV:20240301T102030Z"), full, ""},
		{"3.0", vcf("VERSION:3.0", "UID:susan-1", "N:Hall;Susan;;;", "FN:Susan Hall", "NICKNAME:Sue,S\\, H",
			"item1.EMAIL;type=INTERNET;type=pref:Susan.Hall@Example.com", "item1.X-ABLabel:_$!<Work>!$_", "EMAIL:sue@xn--bcher-kva.example",
			"CATEGORIES:Close", "CATEGORIES:work\\, old,Close", "NOTE:met at the fair\\nSYNCD:network", "BDAY;value=date:1980-05-12",
			"item2.X-ABDATE;type=pref:2009-08-08", "item2.X-ABLabel:_$!<Anniversary>!$_", "ORG:Example\\, Inc.;Sales;", "TITLE:Director",
			"REV:2024-03-01T10:20:30Z"), full, ""},
		{"2.1", vcf("VERSION:2.1", "UID:susan-1", "N:Hall;Susan", "FN;QUOTED-PRINTABLE:Susan=20Ha=", "ll", "NICKNAME:Sue,S\\, H",
			"EMAIL;PREF;INTERNET:susan.hall@example.com", "EMAIL;INTERNET;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:sue@b=FCcher.example",
			"CATEGORIES:Close,work\\, old", "NOTE;ENCODING=QUOTED-PRINTABLE:met at the fair=0D=0A=", "syncd: network=0D=0A", "BDAY:1980-05-12T00:00:00Z",
			"X-ANNIVERSARY:2009-08-08", "ORG:Example\\, Inc.;Sales", "TITLE:Director", "REV:20240301T102030"), full, ""},
		{"a byte order mark, other line ends", "\ufeff" + strings.ReplaceAll(vcf("VERSION:3.0", "FN:Susan", " Hall"), "\r\n", "\n"), ledger.Card{Name: "SusanHall"}, ""},
		{"carriage returns", strings.ReplaceAll(vcf("VERSION:3.0", "FN:Susan Hall"), "\r\n", "\r"), ledger.Card{Name: "Susan Hall"}, ""},
		{"folded inside of a character", vcf("VERSION:4.0", "FN:J\xc3", " \xb6rg"), ledger.Card{Name: "Jörg"}, ""},
		{"folded at a blank", vcf("VERSION:2.1", "FN:Susan", "  Hall"), ledger.Card{Name: "Susan Hall"}, ""},
		{"soft line break and fold", vcf("VERSION:2.1", "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Ren=C3=A9 =", " Dupont"), ledger.Card{Name: "René Dupont"}, ""},
		{"no UTF-8", vcf("VERSION:3.0", "FN:J\xf6rg", "TITLE;CHARSET=KOI8-R:\xc4\xc1"), ledger.Card{Name: "Jörg", Title: "да"}, ""},
		{"charset already undone", vcf("VERSION:2.1", "FN;CHARSET=ISO-8859-1:Jörg"), ledger.Card{Name: "Jörg"}, ""},
		{"not trimmed", vcf("VERSION:3.0", "FN:  Susan  Hall ", "EMAIL: susan@example.com "), ledger.Card{Name: "Susan Hall", Addresses: []string{"susan@example.com"}}, ""},
		{"no END", "BEGIN:VCARD\nFN:Susan Hall\nEMAIL:s@example.com", ledger.Card{Name: "Susan Hall", Addresses: []string{"s@example.com"}}, "no END"},
		{"the first of two", vcf("FN:Ana") + vcf("FN:Bo"), ledger.Card{Name: "Ana"}, ""},
		{"the first of two, no END", "BEGIN:VCARD\nFN:Ana\nBEGIN:VCARD\nFN:Bo\nEND:VCARD\n", ledger.Card{Name: "Ana"}, "no END"},
		{
			"an agent", vcf("VERSION:2.1", "AGENT:", "BEGIN:VCARD", "FN:Bo", "EMAIL:bo@example.com", "END:VCARD", "", "FN:Ana"),
			ledger.Card{Name: "Ana"},
			"",
		},
		{
			"a photo without folding", vcf("VERSION:2.1", "PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQ", "SkZJRgAB", "", "FN:Ana"),
			ledger.Card{Name: "Ana"},
			"",
		},
		{"name from N", vcf("N:van der Berg,Meyer;Susan\\;Ann;Q.;Dr.;Jr."), ledger.Card{Name: "Susan;Ann Q. van der Berg,Meyer"}, ""},
		{"an address for a name", vcf("FN:Sue@example.com", "N:;Sue;;;", "EMAIL:sue@example.com"), ledger.Card{Name: "Sue", Addresses: []string{"sue@example.com"}}, ""},
		{"no name", vcf("FN:", "N:;;;;", "TEL:+1 555 0100"), ledger.Card{}, ""},
		{
			"addresses", vcf("EMAIL:mailto:a%2Bb@example.com?subject=x", "EMAIL:Bo <bo@example.com>", "EMAIL:BO@EXAMPLE.COM", "EMAIL:c@example.com; d@example.com",
				"EMAIL:/o=Exchange/cn=x", "EMAIL:", "EMAIL;TYPE=\"a:b\":e@example.com", "EMAIL;TYPE=\"a:f@example.com", "EMAIL:g h@example.com@example.com", "EMAIL:i@\u00ad"),
			ledger.Card{Addresses: []string{"a+b@example.com", "bo@example.com", "c@example.com", "d@example.com", "e@example.com", "f@example.com"}},
			"an EMAIL that holds no address",
		},
		{"a bad line", vcf("FN:Ana", "no property", "EMAIL:a@example.com"), ledger.Card{Name: "Ana", Addresses: []string{"a@example.com"}}, "a line that is no property"},
		{
			"Apple's group", vcf("VERSION:3.0", "N:Friends", "FN:Friends", "X-ADDRESSBOOKSERVER-KIND:group",
				"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:A-1", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:B-2", "UID:G-1"),
			ledger.Card{UID: "G-1", Name: "Friends", Members: []string{"A-1", "B-2"}},
			"",
		},
		{
			"a group", vcf("VERSION:4.0", "KIND:group", "FN:Friends", "MEMBER:urn:uuid:a-1", "MEMBER:mailto:bo@example.com"),
			ledger.Card{Name: "Friends", Members: []string{"a-1", "mailto:bo@example.com"}},
			"",
		},
		{"an empty group", vcf("VERSION:4.0", "KIND:GROUP", "FN:Nobody"), ledger.Card{Name: "Nobody", Members: []string{}}, ""},
		{"Apple's company", vcf("VERSION:3.0", "N:;;;;", "FN:Pizza Roma", "ORG:Pizza Roma;", "X-ABShowAs:COMPANY"), ledger.Card{Name: "Pizza Roma", Org: "Pizza Roma", Members: []string{}}, ""},
		{"an organisation", vcf("VERSION:4.0", "KIND:org", "FN:Pizza Roma"), ledger.Card{Name: "Pizza Roma", Members: []string{}}, ""},
		{"a place", vcf("VERSION:4.0", "KIND:Location", "FN:Room 1"), ledger.Card{Name: "Room 1", Members: []string{}}, ""},
		{"a thing", vcf("VERSION:4.0", "KIND:device", "FN:Printer"), ledger.Card{Name: "Printer", Members: []string{}}, ""},
		{"a program", vcf("VERSION:4.0", "KIND:application", "FN:Builds"), ledger.Card{Name: "Builds", Members: []string{}}, ""},
		{"a person, said so", vcf("VERSION:4.0", "KIND:individual", "FN:Ana"), ledger.Card{Name: "Ana"}, ""},
		{"control characters", vcf("FN:A\u202eb\x01c\\nd"), ledger.Card{Name: "Abc d"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, lost, err := carddav.Read([]byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Read() mismatch (-want +got):\n%s", diff)
			}
			if got := strings.Join(lost, ", "); got != test.lost {
				t.Errorf("lost %q, want %q", got, test.lost)
			}
		})
	}
}

func TestReadDates(t *testing.T) {
	const none = "a date that is none"
	may := planner.DayOf{Month: time.May, Day: 12}
	tests := []struct {
		line string
		want planner.DayOf
		lost string
	}{
		{"BDAY:19800512", planner.DayOf{Year: 1980, Month: time.May, Day: 12}, ""},
		{"BDAY;VALUE=date:1980-05-12", planner.DayOf{Year: 1980, Month: time.May, Day: 12}, ""},
		{"BDAY:1980-5-2", planner.DayOf{Year: 1980, Month: time.May, Day: 2}, ""},
		{"BDAY:1980-05-12T23:10:00+02:00", planner.DayOf{Year: 1980, Month: time.May, Day: 12}, ""},
		{"BDAY;VALUE=date-time:19800512T231000Z", planner.DayOf{Year: 1980, Month: time.May, Day: 12}, ""},
		{"BDAY:1980-05-12 00:00:00", planner.DayOf{Year: 1980, Month: time.May, Day: 12}, ""},
		{"BDAY:--0512", may, ""},
		{"BDAY:--05-12", may, ""},
		{"BDAY:--0512T1200", may, ""},
		{"BDAY:0000-05-12", may, ""},
		{"BDAY:1604-05-12", may, ""},
		{"BDAY;X-APPLE-OMIT-YEAR=1604:1604-05-12", may, ""},
		{"BDAY;X-APPLE-OMIT-YEAR=1900:1900-05-12", may, ""},
		{"BDAY;X-APPLE-OMIT-YEAR=1604:1980-05-12", planner.DayOf{Year: 1980, Month: time.May, Day: 12}, ""},
		{"BDAY:--0229", planner.DayOf{Month: time.February, Day: 29}, ""},
		{"BDAY:19800229", planner.DayOf{Year: 1980, Month: time.February, Day: 29}, ""},
		{"BDAY:19810229", planner.DayOf{}, none},
		{"BDAY:1980-13-01", planner.DayOf{}, none},
		{"BDAY:1980-00-10", planner.DayOf{}, none},
		{"BDAY:1980", planner.DayOf{}, none},
		{"BDAY:1980-05", planner.DayOf{}, none},
		{"BDAY:--05", planner.DayOf{}, none},
		{"BDAY:---12", planner.DayOf{}, none},
		{"BDAY:T1200", planner.DayOf{}, none},
		{"BDAY:next May", planner.DayOf{}, none},
		{"BDAY:+980-+5-12", planner.DayOf{}, none},
		{"BDAY;VALUE=text:circa 1800", planner.DayOf{}, "a date in words"},
		{"BDAY:", planner.DayOf{}, ""},
	}
	for _, test := range tests {
		card, lost, err := carddav.Read([]byte(vcf("VERSION:4.0", test.line)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, card.Birthday); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.line, diff)
		}
		if got := strings.Join(lost, ", "); got != test.lost {
			t.Errorf("%s: lost %q, want %q", test.line, got, test.lost)
		}
	}
}

func TestReadNoCard(t *testing.T) {
	for _, data := range []string{"", "\ufeff", "BEGIN:VCALENDAR\nEND:VCALENDAR\n", `["vcard",[["version",{},"text","4.0"]]]`, "<html>BEGIN:VCARD</html>", "END:VCARD\n"} {
		if card, _, err := carddav.Read([]byte(data)); err == nil {
			t.Errorf("Read(%q) = %+v, want an error", data, card)
		}
	}
}

// What is kept of a card has bounds, whatever it holds.
func TestReadBounds(t *testing.T) {
	var b strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&b, "EMAIL:%d@example.com\r\nCATEGORIES:%d\r\n", i, i)
	}
	card, lost, err := carddav.Read([]byte(vcf("FN:"+strings.Repeat("é ", 100_000), "ORG:"+strings.Repeat("a;", 100_000), b.String())))
	if err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(card.Name)); n != 500 {
		t.Errorf("a name of %d characters", n)
	}
	if len(card.Addresses) != 100 || len(card.Groups) != 100 || len(card.Org) > 500 {
		t.Errorf("%d addresses, %d categories, %d of an organisation", len(card.Addresses), len(card.Groups), len(card.Org))
	}
	if want := []string{"the end of a long text", "more lines than any card has"}; !cmp.Equal(want, lost) {
		t.Errorf("lost %q, want %q", lost, want)
	}
}

// FuzzCard holds that no card panics or gives what the ledger does not take, and
// that the library itself fails on none.
func FuzzCard(f *testing.F) {
	f.Add([]byte(vcf("VERSION:2.1", "N;QUOTED-PRINTABLE:H=E4l=", "l;S", "EMAIL;INTERNET;PREF:s@example.com", "AGENT:", "BEGIN:VCARD", "END:VCARD", "BDAY:1604-05-12")))
	f.Add([]byte(vcf("VERSION:3.0", "item1.EMAIL;TYPE=\"x:y\":mailto:a%40b@c", "X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:1", "NOTE:a\\nsyncd: x\\")))
	f.Add([]byte("\ufeffBEGIN:VCARD\rFN;CHARSET=utf-7:\xff\\n\r a\rREV:20240301T102030Z\r"))
	f.Fuzz(func(t *testing.T, data []byte) {
		card, _, err := carddav.Read(data)
		if err != nil {
			if !strings.Contains(err.Error(), "no vCard in it") {
				t.Errorf("Read(): %v", err)
			}
			return
		}
		for _, a := range card.Addresses {
			if a != ledger.ASCII(a) {
				t.Errorf("address %q", a)
			}
		}
		for _, s := range append([]string{card.Name, card.Org, card.Title, card.Circle}, card.Groups...) {
			if len([]rune(s)) > 500 || strings.ContainsAny(s, "\r\n\x00") || strings.ToValidUTF8(s, "") != s {
				t.Errorf("text %q", s)
			}
		}
		for _, d := range []planner.DayOf{card.Birthday, card.Wedding} {
			if !d.IsZero() && (d.Month < 1 || d.Month > 12 || d.Day < 1 || d.Day > 31 || d.Year < 0) {
				t.Errorf("day %+v", d)
			}
		}
	})
}

// A card of everyday size, one with a photo, and the worst there may be.
func BenchmarkRead(b *testing.B) {
	photo := "PHOTO;ENCODING=b;TYPE=JPEG:" + strings.Repeat(strings.Repeat("A", 74)+"\r\n ", 13_000) + "AAAA"
	for name, data := range map[string]string{
		"plain":   vcf("VERSION:3.0", "UID:1", "N:Hall;Susan;;;", "FN:Susan Hall", "EMAIL;TYPE=work:susan@example.com", "TEL:+1 555 0100", "BDAY:1980-05-12", "CATEGORIES:Close"),
		"photo":   vcf("VERSION:3.0", "FN:Susan Hall", photo, "EMAIL:susan@example.com"),
		"lines":   vcf(strings.Repeat("EMAIL:\r\n", 130_000)),
		"parts":   vcf("N:" + strings.Repeat(";", 1_000_000)),
		"escapes": vcf("NOTE:" + strings.Repeat("\\n", 500_000)),
		"quoted":  vcf("VERSION:2.1", "NOTE;QUOTED-PRINTABLE:"+strings.Repeat("=\r\n", 330_000)),
		"folded":  vcf("VERSION:3.0", "NOTE:"+strings.Repeat("\r\n ", 330_000)),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := carddav.Read([]byte(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
