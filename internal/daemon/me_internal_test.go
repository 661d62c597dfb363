package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/config"
	"syncd/internal/ledger"
)

func TestMe(t *testing.T) {
	c, err := config.Parse("config.toml", []byte(`
[me]
timezone = "Etc/UTC"
[[account]]
user = "me@example.com"
password_command = "true"
imap.host = "imap.example.com"
caldav.url = "https://dav.example.com/"
[circles.active]
members = ["*@acme.example"]
[circles.daily]
interval = "1d"
[people]
ignore = ["*@shop.example"]
ignore_folders = ["Clubs/*"]
[[contact]]
addresses = ["Ana@example.org", "ana@acme.example"]
name = "Ana Lima"
circle = "close"
mute = true
not_same_as = ["ana@example.net"]
[[contact]]
addresses = ["spam@example.org"]
ignore = true
`), true)
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Me{
		Addresses: []string{"me@example.com"}, Internal: []string{"example.com"}, Zone: c.Me.Zone,
		Ignore: []string{"*@shop.example"}, IgnoreFolders: []string{"Clubs/*"},
		People: []ledger.Person{
			{Addresses: []string{"ana@example.org", "ana@acme.example"}, Name: "Ana Lima", Circle: "close", Muted: true, Apart: []string{"ana@example.net"}},
			{Addresses: []string{"spam@example.org"}, Ignored: true},
			{Addresses: []string{"*@acme.example"}, Circle: "active"},
		},
		Circles: []string{"daily", "close", "active", "network", "light", "yearly"},
	}
	same := cmp.Comparer(func(a, b any) bool { return a == b })
	if diff := cmp.Diff(want, me(c), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Zone" }, same)); diff != "" {
		t.Errorf("me() mismatch (-want +got):\n%s", diff)
	}
}
