package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestFamiliarStrangersShareRoomsAndNoWord(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	const many = "b1@x.org b2@x.org b3@x.org b4@x.org b5@x.org b6@x.org b7@x.org"
	crowd := strings.Repeat("c%d@x.org ", 25)
	for i := range 25 {
		crowd = strings.Replace(crowd, "%d", fmt.Sprint(i), 1)
	}
	appendMail(t, l, inbox,
		mail("1@x", day(1), "Ana_Lima=ana@example.org > me@example.com "+many+"; Fay_Ross=fay@example.org Sue_Ray=sue@example.org", "One"),
		mail("2@x", day(2), "Ana_Lima=ana@example.org > me@example.com "+many+"; Fay_Ross=fay@example.org Sue_Ray=sue@example.org", "Two"),
		mail("3@x", day(3), "Ana_Lima=ana@example.org > me@example.com "+many+"; Fay_Ross=fay@example.org", "Three"),
		mail("3b@x", day(4), "Ana_Lima=ana@example.org > me@example.com "+many+"; Sue_Ray=sue@example.org", "Re: Two", "2@x"),
	)
	for i := range 3 { // too many for one room
		appendMail(t, l, inbox, mail(fmt.Sprintf("c%d@x", i), day(float64(10+i)), "Ana_Lima=ana@example.org > me@example.com "+crowd+"Max_Roe=max@example.org", fmt.Sprint("Crowd ", i)))
	}
	rooms := func(at float64) (names []string) {
		all, err := l.SharedRooms(t.Context(), day(at))
		if err != nil {
			t.Fatalf("SharedRooms() = %v", err)
		}
		for _, r := range all {
			names = append(names, fmt.Sprint(r.Name, " ", r.Rooms, " ", r.Last.Equal(day(3))))
		}
		return names
	}
	// Ana wrote to too many for a direct word, and two of Sue's mails are one thread.
	if got, want := rooms(300), []string{"Ana Lima 3 false", "Fay Ross 3 true"}; !slices.Equal(got, want) {
		t.Errorf("SharedRooms() = %q, want %q", got, want)
	}
	if got := rooms(2.5); len(got) != 0 {
		t.Errorf("SharedRooms() before the third = %q, want none", got)
	}
	appendMail(t, l, sent, mail("4@x", day(5), "me@example.com > fay@example.org", "Hello"))
	if got, want := rooms(300), []string{"Ana Lima 3 false"}; !slices.Equal(got, want) {
		t.Errorf("SharedRooms() after a word = %q, want %q", got, want)
	}
}
