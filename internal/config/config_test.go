package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"syncd/internal/auth"
	"syncd/internal/config"
	"syncd/internal/planner"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what was found as what is wanted")

const smallest = `
[[account]]
user = "ana@example.org"
password_command = "pass show mail"
imap.host = "imap.example.org"
caldav.url = "https://dav.example.org/"
`

// load writes content to a file of mode 0600 and loads it.
func load(t *testing.T, content string) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(path)
}

func mustLoad(t *testing.T, content string) *config.Config {
	t.Helper()
	c, err := load(t, content)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each testdata/*.toml ends with the errors it gives, as comments.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata: %v", err)
	}
	const mark = "\n# errors:\n"
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			content, wanted, _ := strings.Cut(string(data), mark)
			_, err = config.Parse("config.toml", []byte(content), strings.Contains(file, "private"))
			var errs config.Errors
			if !errors.As(err, &errs) {
				t.Fatalf("Parse() error = %v; want Errors", err)
			}
			var got strings.Builder
			for _, e := range errs {
				fmt.Fprintf(&got, "# %s\n", e)
			}
			if strings.Contains(got.String(), "hunter2") {
				t.Errorf("an error shows a secret:\n%s", got.String())
			}
			if *update {
				if err := os.WriteFile(file, []byte(content+mark+got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(wanted, got.String()); diff != "" {
				t.Errorf("Parse() errors mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSmallest(t *testing.T) {
	t.Setenv("TZ", "Europe/Vienna")
	c := mustLoad(t, smallest)
	want := config.Defaults()
	want.Me.Addresses = []config.Address{"ana@example.org"}
	want.Me.InternalDomains = []config.Domain{"example.org"}
	want.Me.Timezone = "Europe/Vienna"
	want.Me.Zone = c.Me.Zone
	want.Accounts = []config.Account{{
		Name:   "imap.example.org",
		Login:  config.Login{User: "ana@example.org", PasswordCommand: "pass show mail"},
		IMAP:   &config.IMAP{Host: "imap.example.org", Port: 993, TLS: config.TLS},
		CalDAV: &config.CalDAV{URL: "https://dav.example.org/"},
	}}
	want.Followups.Account = "imap.example.org"
	if !reflect.DeepEqual(c, want) {
		t.Errorf("Parse() mismatch (-want +got):\n%s", cmp.Diff(effective(t, want), effective(t, c)))
	}
	if got := c.Me.Zone.String(); got != "Europe/Vienna" {
		t.Errorf("Me.Zone = %s; want Europe/Vienna", got)
	}
}

func effective(t *testing.T, c *config.Config) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.WriteEffective(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPolicy(t *testing.T) {
	c := mustLoad(t, smallest+`
[me]
timezone = "America/New_York"
work_days = ["mon", "thu"]
work_hours = "08:30-12:15"
holidays = [2027-01-01, "2027-05-01"]
away = [{ from = 2027-08-02, to = 2027-08-13 }]
on_my_mind = "The garden."
[followups]
per_day = 5
open = 20
expire = "keep"
evening = "19:30"
title_style = "neutral"
link = "https://mail.example.org/?q={message_id}"
[circles.friends]
interval = "45d"
[circles.close]
members = ["bo@example.com"]
[rules.fade]
enabled = false
[people]
automatic = 20
`)
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	want := planner.Policy{
		Zone:      zone,
		WorkDays:  [7]bool{time.Monday: true, time.Thursday: true},
		WorkFrom:  8*time.Hour + 30*time.Minute,
		WorkTo:    12*time.Hour + 15*time.Minute,
		Evening:   19*time.Hour + 30*time.Minute,
		Holidays:  []planner.Date{"2027-01-01", "2027-05-01"},
		Away:      []planner.DateRange{{From: "2027-08-02", To: "2027-08-13"}},
		PerDay:    5,
		OpenAhead: 20,
		Expire:    0,
		Rules: map[planner.Rule]planner.RulePolicy{
			planner.FirstMeeting: {On: true}, planner.ReplyOwed: {On: true}, planner.Awaiting: {On: true},
			planner.Fade: {On: false}, planner.Cadence: {On: true}, planner.NewCards: {On: true},
			planner.PromiseMade: {On: true}, planner.TheirPromise: {On: true}, planner.Thanks: {On: true},
			planner.IntroReceived: {On: true}, planner.IntroGiven: {On: true}, planner.CloseTheLoop: {On: true},
			planner.SecondStep: {On: true}, planner.Milestone: {On: true}, planner.HowDidItGo: {On: true},
			planner.Dormant: {On: true}, planner.CardSweep: {On: true},
		},
		Circles: []planner.Circle{
			{Name: "active", Interval: 30 * day},
			{Name: "close", Interval: 14 * day},
			{Name: "friends", Interval: 45 * day},
			{Name: "light", Interval: 180 * day},
			{Name: "network", Interval: 90 * day},
			{Name: "yearly", Interval: 365 * day},
		},
		AutoMax:  20,
		Neutral:  true,
		Link:     "https://mail.example.org/?q={message_id}",
		OnMyMind: "The garden.",
	}
	if diff := cmp.Diff(want, c.Policy(), cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("Policy() mismatch (-want +got):\n%s", diff)
	}
}

func TestMyAddressesAndDomains(t *testing.T) {
	for name, test := range map[string]struct {
		content   string
		addresses []config.Address
		domains   []config.Domain
	}{
		"from the login":     {smallest, []config.Address{"ana@example.org"}, []config.Domain{"example.org"}},
		"configured first":   {"me.addresses = [\"Ana@Work.Example.com\"]" + smallest, []config.Address{"ana@work.example.com", "ana@example.org"}, []config.Domain{"work.example.com"}},
		"public provider":    {"me.addresses = [\"ana@gmail.com\"]" + smallest, []config.Address{"ana@gmail.com", "ana@example.org"}, nil},
		"no internal domain": {"me.internal_domains = []" + smallest, []config.Address{"ana@example.org"}, []config.Domain{}},
		"not me":             {"me.addresses = [\"bo@example.net\"]\nme.not_me = [\"ana@example.org\"]" + smallest, []config.Address{"bo@example.net"}, []config.Domain{"example.net"}},
		"a tag not me":       {"me.not_me = [\"ana+office@example.org\"]" + smallest, []config.Address{"ana@example.org"}, []config.Domain{"example.org"}},
		"no tag of mine":     {"me.addresses = [\"bo@example.net\"]\nme.not_me = [\"ana@example.org\"]" + strings.Replace(smallest, "ana@", "ana+login@", 1), []config.Address{"bo@example.net"}, []config.Domain{"example.net"}},
	} {
		c := mustLoad(t, test.content)
		if diff := cmp.Diff(test.addresses, c.Me.Addresses); diff != "" {
			t.Errorf("%s: addresses mismatch (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.domains, c.Me.InternalDomains); diff != "" {
			t.Errorf("%s: internal domains mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// The first member that matches an address decides about its circle.
func TestCircleMembers(t *testing.T) {
	c := mustLoad(t, smallest+`
[circles.close]
members = ["*@acme.example"]
[circles.light]
members = ["bo@acme.example", "c?o@example.com"]
`)
	want := []config.Member{
		{Pattern: "bo@acme.example", Circle: "light"}, {Pattern: "*@acme.example", Circle: "close"}, {Pattern: "c?o@example.com", Circle: "light"},
	}
	if diff := cmp.Diff(want, c.CircleMembers()); diff != "" {
		t.Errorf("CircleMembers mismatch (-want +got):\n%s", diff)
	}
}

// Mail bears domains in A-labels, so the configuration has to as well.
func TestInternationalDomains(t *testing.T) {
	c := mustLoad(t, `[me]
addresses = ["Ana@Bücher.example"]
not_me = ["office@bücher.example"]
internal_domains = ["Grün.example"]
[people]
ignore = ["*@straße.example", "*@*.bücher.example", "*@Shop_1.example", "bo@[192.0.2.1]"]
[circles.close]
members = ["jö@bücher.example"]
`+smallest)
	got := []any{c.Me.Addresses[0], c.Me.NotMe, c.Me.InternalDomains, c.People.Ignore, c.Circles["close"].Members}
	want := []any{
		config.Address("ana@xn--bcher-kva.example"),
		[]config.Address{"office@xn--bcher-kva.example"},
		[]config.Domain{"xn--grn-ioa.example"},
		[]config.AddressGlob{"*@xn--strae-oqa.example", "*@*.xn--bcher-kva.example", "*@shop_1.example", "bo@[192.0.2.1]"},
		[]config.AddressGlob{"jö@xn--bcher-kva.example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func TestGlobMatch(t *testing.T) {
	for _, test := range []struct {
		glob config.Glob
		name string
		want bool
	}{
		{"INBOX", "inbox", true},
		{"Archive/*", "Archive/2026/June", true},
		{"[Gmail]/*", "[Gmail]/All Mail", true},
		{"*a*b*c", "xxaxxbxxabc", true},
		{"*a*b*c", "xxaxxbxxab", false},
		{"?", "é", true},
		{"*", "", true},
		{"", "", true},
		{"a", "", false},
	} {
		if got := test.glob.Match(test.name); got != test.want {
			t.Errorf("Glob(%q).Match(%q) = %t; want %t", test.glob, test.name, got, test.want)
		}
	}
}

func TestCredentials(t *testing.T) {
	one := mustLoad(t, smallest)
	if c := one.Accounts[0].Credentials(); c.IMAP == nil || c.IMAP != c.CalDAV || c.CardDAV != nil {
		t.Errorf("one login at two servers gives %+v", c)
	}
	two := mustLoad(t, `
[[account]]
name = "work"
user = "ana@example.org"
password_env = "SYNCD_TEST_MAIL"
[account.imap]
host = "127.0.0.1"
tls = "none"
[account.caldav]
url = "http://localhost:5232/"
user = "ana"
password_env = "SYNCD_TEST_CAL"
[account.carddav]
url = "http://localhost:5232/"
user = "ana"
password_env = "SYNCD_TEST_CAL"
`)
	t.Setenv("SYNCD_TEST_MAIL", "one")
	t.Setenv("SYNCD_TEST_CAL", "two")
	logins := two.Accounts[0].Credentials()
	if logins.CalDAV != logins.CardDAV {
		t.Errorf("one login at two servers gives %+v", logins)
	}
	for _, test := range []struct {
		credentials    *auth.Credentials
		user, password string
	}{{logins.IMAP, "ana@example.org", "one"}, {logins.CalDAV, "ana", "two"}} {
		password, err := test.credentials.Password(t.Context())
		if got := test.credentials.User(); got != test.user || password != test.password || err != nil {
			t.Errorf("credentials = %s, %s, %v; want %s, %s", got, password, err, test.user, test.password)
		}
	}
	if got := two.Accounts[0].IMAP.Port; got != 143 {
		t.Errorf("port without TLS = %d; want 143", got)
	}
}

func TestPaths(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	dir := t.TempDir()
	content := strings.Replace(smallest, `password_command = "pass show mail"`, `password_file = "secrets/mail"`, 1) +
		"caldav.password_file = \"~/dav\"\n"
	c, err := config.Parse(filepath.Join(dir, "config.toml"), []byte(content), false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Accounts[0].PasswordFile), filepath.Join(dir, "secrets/mail"); got != want {
		t.Errorf("password_file = %s; want %s", got, want)
	}
	if got, want := string(c.Accounts[0].CalDAV.PasswordFile), filepath.Join(home, "dav"); got != want {
		t.Errorf("caldav.password_file = %s; want %s", got, want)
	}
}

// A password may stand in the file only if nobody else may read it.
func TestLiteralPasswordNeedsPrivateFile(t *testing.T) {
	content := strings.Replace(smallest, `password_command = "pass show mail"`, `password = "hunter2"`, 1)
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(path)
		if (err == nil) != ok {
			t.Errorf("mode %04o: Load() error = %v; want none: %t", mode, err, ok)
		}
		if err != nil && (!strings.Contains(err.Error(), "chmod 600 "+path) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("mode %04o: Load() error = %v", mode, err)
		}
		if shown := fmt.Sprintf("%+v %#v", c, c); strings.Contains(shown, "hunter2") {
			t.Errorf("the configuration prints its password: %s", shown)
		}
	}
}

func TestLoadFileErrors(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load() error = %v; want fs.ErrNotExist", err)
	}
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("Load() of a directory gave no error")
	}
	if _, err := load(t, strings.Repeat("#", 1<<20+1)); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("Load() of a large file: error = %v", err)
	}
	if _, err := load(t, "\xff\xfe"); err == nil || !strings.Contains(err.Error(), ":1:1: this is not a text file in UTF-8") {
		t.Errorf("Load() of bytes: error = %v", err)
	}
}

func TestCertificateFile(t *testing.T) {
	_, err := load(t, smallest+"imap.ca_file = \"config.toml\"\ncaldav.ca_file = \"none.pem\"\n")
	if err == nil || !strings.Contains(err.Error(), "there is no certificate in") || !strings.Contains(err.Error(), "none.pem: no such file") {
		t.Errorf("Load() error = %v", err)
	}
}

// All-day events of a file are holidays: each day of long ones, whenever they
// recur. What is wrong with one costs no other.
func TestHolidayFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	event := func(lines string) string { return "BEGIN:VEVENT\n" + lines + "\nEND:VEVENT\n" }
	write("National.ICS", "BEGIN:VCALENDAR\n"+
		event("UID:1\nDTSTART;VALUE=DATE:20270405\nDTEND;VALUE=DATE:20270407")+
		event("UID:2\nDTSTART;VALUE=DATE:20980501\nRRULE:FREQ=YEARLY")+
		event("DTSTART;VALUE=DATE:20271001")+
		event("DTSTART;VALUE=DATE:20271004")+
		event("UID:3\nDTSTART:20271005T090000Z\nSUMMARY:a meeting")+
		event("UID:4\nDTSTART;VALUE=DATE:20271006\nSTATUS:CANCELLED")+
		event("UID:5\nDTSTART;VALUE=DATE:20271007\nRRULE:FREQ=HOURLY")+
		event("UID:6\nDTSTART:nonsense")+
		event("UID:7\nDTSTART;VALUE=DATE:19991231\nDTEND;VALUE=DATE:20000102")+"END:VCALENDAR\n")
	path := write("config.toml", "me.holidays = [2027-12-24, \"National.ICS\", \"2027-10-01\"]"+smallest)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []planner.Date{"2000-01-01", "2027-04-05", "2027-04-06", "2027-10-01", "2027-10-04", "2027-12-24", "2098-05-01", "2099-05-01"}
	if diff := cmp.Diff(want, c.Policy().Holidays); diff != "" {
		t.Errorf("Holidays mismatch (-want +got):\n%s", diff)
	}
	if shown, line := effective(t, c), fmt.Sprintf("holidays = [2027-12-24, %q, 2027-10-01]\n", filepath.Join(dir, "National.ICS")); !strings.Contains(shown, line) {
		t.Errorf("WriteEffective() lacks %s", line)
	} else if again := mustLoad(t, strings.ReplaceAll(shown, auth.Mask, "true")); !reflect.DeepEqual(again.Me.HolidayDates, c.Me.HolidayDates) {
		t.Errorf("holidays of the effective configuration = %v", again.Me.HolidayDates)
	}

	for name, content := range map[string]string{"page.ics": "<html></html>", "large.ics": strings.Repeat("X\n", 1<<19+1)} {
		write(name, content)
	}
	for name, want := range map[string]string{
		"page.ics":  "holidays: read " + dir + "/page.ics: no iCalendar data",
		"large.ics": "holidays: " + dir + "/large.ics is larger than 1 MiB",
		"none.ics":  "holidays: stat " + dir + "/none.ics: no such file or directory",
		"../.ics":   "holidays: stat " + filepath.Dir(dir) + "/.ics: no such file or directory",
	} {
		path := write("config.toml", "[me]\nholidays = [2027-12-24, \""+name+"\"]\n"+smallest)
		if _, err := config.Load(path); err == nil || err.Error() != path+":2:25: "+want {
			t.Errorf("Load() with %s: %v; want %s", name, err, want)
		}
	}
}

// A rule that many days fit is read in every year.
func TestHolidaysOfEveryWeek(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fridays.ics")
	if err := os.WriteFile(path, []byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20200103\n"+
		"RRULE:FREQ=DAILY;BYDAY=TH,FR\nEND:VEVENT\nEND:VCALENDAR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := mustLoad(t, fmt.Sprintf("me.holidays = [%q]\n", path)+smallest).Policy()
	if n := len(p.Holidays); n != 8348 || p.BusinessDay("2020-01-03") || p.BusinessDay("2026-01-01") || p.BusinessDay("2099-12-31") {
		t.Errorf("%d holidays", n)
	}
}

// What is written is read back as the same, but for what is masked.
func TestWriteEffective(t *testing.T) {
	t.Setenv("TZ", "Europe/Vienna")
	c := mustLoad(t, `
[me]
name = "Ana \"A\" Muster\\"
addresses = ["ana@example.org"]
internal_domains = []
away = [{ from = 2027-08-02, to = 2027-08-13 }]
holidays = [2027-01-01]
[circles."old friends"]
interval = "36h"
members = ["*@example.com"]
[[account]]
name = "home"
user = "ana"
password = "hunter2"
folders = ["INBOX", "Archive/*"]
[account.imap]
host = "imap.example.org"
[account.caldav]
url = "https://dav.example.org/"
password_command = "echo hunter2"
`)
	first := effective(t, c)
	if strings.Contains(first, "hunter2") {
		t.Errorf("WriteEffective() shows a secret:\n%s", first)
	}
	again, err := config.Parse("config.toml", []byte(first), true)
	if err != nil {
		t.Fatalf("Parse() of the effective configuration: %v\n%s", err, first)
	}
	if diff := cmp.Diff(first, effective(t, again)); diff != "" {
		t.Errorf("effective configuration mismatch after reading it (-first +again):\n%s", diff)
	}
	if diff := cmp.Diff(c.Policy(), again.Policy(), cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("policy mismatch after reading the effective configuration (-first +again):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	if got, err := config.Find(); err == nil && got != "/etc/syncd/config.toml" {
		t.Errorf("Find() = %s; want none", got)
	}
	want := filepath.Join(home, ".config/syncd/config.toml")
	if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := config.Find(); got != want || err != nil {
		t.Errorf("Find() = %s, %v; want %s", got, err, want)
	}
	t.Setenv("HOME", "/nonexistent")
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	if got, err := config.Find(); got != want || err != nil {
		t.Errorf("Find() with XDG_CONFIG_HOME = %s, %v; want %s", got, err, want)
	}
}

func TestStateDir(t *testing.T) {
	for _, test := range []struct{ state, xdg, home, want string }{
		{"/var/lib/syncd:/var/lib/other", "/xdg", "/home/ana", "/var/lib/syncd"},
		{"", "/xdg", "/home/ana", "/xdg/syncd"},
		{"", "relative", "/home/ana", "/home/ana/.local/state/syncd"},
		{"", "", "", ""},
	} {
		t.Setenv("STATE_DIRECTORY", test.state)
		t.Setenv("XDG_STATE_HOME", test.xdg)
		t.Setenv("HOME", test.home)
		if got, err := config.StateDir(); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("StateDir() = %s, %v; want %s", got, err, test.want)
		}
	}
}

func TestSystemZone(t *testing.T) {
	tree := func(link, file string) string {
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if link != "" {
			if err := os.Symlink(link, filepath.Join(root, "etc/localtime")); err != nil {
				t.Fatal(err)
			}
		}
		if file != "" {
			if err := os.WriteFile(filepath.Join(root, "etc/timezone"), []byte(file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return root
	}
	for _, test := range []struct{ tz, link, file, want string }{
		{"Asia/Tokyo", "/usr/share/zoneinfo/Europe/Berlin", "", "Asia/Tokyo"},
		{":/usr/share/zoneinfo/Asia/Tokyo", "", "", "Asia/Tokyo"},
		{"EST5EDT4,nonsense", "", "", "UTC"},
		{"empty", "/usr/share/zoneinfo/Europe/Berlin", "", "UTC"},
		{"", "/usr/share/zoneinfo/Europe/Berlin", "Asia/Tokyo\n", "Europe/Berlin"},
		{"", "../usr/share/zoneinfo/posix/America/Argentina/Salta", "", "America/Argentina/Salta"},
		{"", "", "Asia/Tokyo\n", "Asia/Tokyo"},
		{"", "", "Local\n", "UTC"},
		{"", "", "", "UTC"},
	} {
		t.Setenv("TZ", strings.TrimPrefix(test.tz, "empty"))
		if test.tz == "" {
			if err := os.Unsetenv("TZ"); err != nil { // restored by Setenv above
				t.Fatal(err)
			}
		}
		if got := config.SystemZone(tree(test.link, test.file)).String(); got != test.want {
			t.Errorf("SystemZone() with TZ %q, localtime %q, timezone %q = %s; want %s", test.tz, test.link, test.file, got, test.want)
		}
	}
}

func TestZoneSuggestion(t *testing.T) {
	if _, err := os.Stat("/usr/share/zoneinfo/tzdata.zi"); err != nil {
		t.Skipf("no list of time zones on this machine: %v", err)
	}
	_, err := load(t, "me.timezone = \"Europe/Berln\""+smallest)
	if err == nil || !strings.HasSuffix(err.Error(), `:1:15: timezone: "Europe/Berln" is not a time zone; did you mean "Europe/Berlin"?`) {
		t.Errorf("Load() error = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "../../config.example.toml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(smallest))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("config.toml", data, true)
		if err == nil {
			var b bytes.Buffer
			if err := c.WriteEffective(&b); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Parse("config.toml", b.Bytes(), true); err != nil {
				t.Fatalf("the effective configuration is not valid: %v\n%s", err, b.String())
			}
			return
		}
		var errs config.Errors
		if !errors.As(err, &errs) || len(errs) == 0 {
			t.Fatalf("Parse() error = %v; want Errors", err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, e := range errs {
			if e.Line < 1 || e.Line > lines || e.Column < 1 || e.Message == "" || strings.Contains(e.Message, "\n") {
				t.Errorf("error %q is out of place", e)
			}
		}
	})
}

// A person is named by addresses, by cards or by both.
func TestContactCards(t *testing.T) {
	c := mustLoad(t, smallest+"\n[[contact]]\ncards = [\"B-1\"]\nmute = true\n[[contact]]\naddresses = [\"bo@example.net\"]\ncards = [\"b-1\"]\n")
	want := []config.Contact{{Cards: []string{"B-1"}, Mute: true}, {Addresses: []config.Address{"bo@example.net"}, Cards: []string{"b-1"}}}
	if diff := cmp.Diff(want, c.Contacts); diff != "" {
		t.Errorf("contacts mismatch (-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{
		"[[contact]]\ncards = []\n":                                    "addresses is missing",
		"[[contact]]\ncards = [\" \"]\n":                               "is no UID of a card",
		"[[contact]]\ncards = [\"a\"]\n[[contact]]\ncards = [\"a\"]\n": "already",
	} {
		if _, err := config.Parse("config.toml", []byte(smallest+"\n"+text), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %q", text, err, want)
		}
	}
}
