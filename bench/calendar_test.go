package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"syncd/internal/servertest"
)

// event is the nth calendar object: meetings with one to five people, every
// tenth a weekly series, every twentieth an absence.
func event(n int) string {
	var b strings.Builder
	start := time.Date(2016, 5, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * 4 * time.Hour)
	fmt.Fprintf(&b, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.org//bench//EN\r\nBEGIN:VEVENT\r\nUID:%d@bench.example.org\r\nDTSTAMP:20260501T080000Z\r\n", n)
	if n%20 == 7 {
		fmt.Fprintf(&b, "DTSTART;VALUE=DATE:%s\r\nDTEND;VALUE=DATE:%s\r\nSUMMARY:Vacation\r\n", start.Format("20060102"), start.AddDate(0, 0, 3).Format("20060102"))
	} else {
		fmt.Fprintf(&b, "DTSTART:%s\r\nDTEND:%s\r\nSUMMARY:Meeting %d\r\nORGANIZER;CN=Ana:mailto:%s\r\n",
			start.Format("20060102T150405Z"), start.Add(time.Hour).Format("20060102T150405Z"), n, myAddress)
		for i := range 1 + n%5 {
			name, address := person((n*7 + i*31) % people)
			fmt.Fprintf(&b, "ATTENDEE;CN=\"%s\";PARTSTAT=ACCEPTED:mailto:%s\r\n", name, address)
		}
		if n%10 == 0 {
			b.WriteString("RRULE:FREQ=WEEKLY;COUNT=20\r\n")
		}
	}
	b.WriteString("END:VEVENT\r\nEND:VCALENDAR\r\n")
	return b.String()
}

// calendar reads many objects, and then nothing new.
func calendar(b *bench) {
	r := servertest.Radicale(b)
	d := r.NewUser(b)
	d.MakeCalendar(b, "Follow-ups")
	collection := d.MakeCalendar(b, "Work")
	n := b.size(20_000)
	d.Put(b, collection+"0.ics", event(0))
	dir := collectionDir(b, d)
	info, err := os.Stat(dir)
	if err != nil {
		b.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	for i := 1; i < n; i++ { // a PUT takes Radicale longer with each object
		path := filepath.Join(dir, fmt.Sprintf("%d.ics", i))
		if err := os.WriteFile(path, []byte(event(i)), 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			b.Fatal(err)
		}
	}
	// An export makes Radicale read them all once, as PUTs would have.
	if _, ok := d.Get(b, collection); !ok {
		b.Fatal("Radicale exports nothing")
	}
	a := account{dav: d}
	state := tempDir(b)
	rows := [][]string{{fmt.Sprintf("%d objects", n), "time", "objects", "processor", "Radicale's", "memory", "Radicale's", "requests"}}
	for _, pass := range []string{"first read", "nothing new"} {
		before := len(d.Requests())
		var own usage
		server := beside(d.Group(), func() { own, _ = a.sync(b, state) })
		rows = append(rows, []string{
			pass, short(own.wall), rate(n, own.wall), short(own.cpu), short(server.cpu), mebibytes(own.peak), mebibytes(server.peak),
			methods(d.Requests()[before:]),
		})
	}
	b.out.table(rows)
}

// collectionDir is where Radicale keeps the one calendar with an object.
func collectionDir(b *bench, d *servertest.DAVUser) string {
	b.Helper()
	for _, root := range []string{"/dev/shm", os.TempDir()} {
		found, err := filepath.Glob(filepath.Join(root, "syncd-*/storage/collection-root", d.Name, "Work"))
		if err != nil {
			b.Fatal(err)
		}
		for _, dir := range found {
			if info, err := os.Stat(filepath.Join(dir, "0.ics")); err == nil && time.Since(info.ModTime()) < time.Minute {
				return dir
			}
		}
	}
	b.Fatal("Radicale's calendar was not found on disk")
	return ""
}
