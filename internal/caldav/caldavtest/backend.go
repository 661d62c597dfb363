package caldavtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"
	gowebdav "github.com/emersion/go-webdav"
	gocaldav "github.com/emersion/go-webdav/caldav"
)

// backend is the memory behind go-webdav's handler, for one request. Whoever
// makes it holds the lock of the server.
type backend struct {
	s          *Server
	body       string            // of the request
	components []string          // of a MKCALENDAR
	handed     map[string]object // what the library was given, by path
}

// CurrentUserPrincipal implements [gowebdav.UserPrincipalBackend].
func (b *backend) CurrentUserPrincipal(context.Context) (string, error) { return b.s.Principal(), nil }

// CalendarHomeSetPath implements [gocaldav.Backend], as do the methods below.
func (b *backend) CalendarHomeSetPath(context.Context) (string, error) { return b.s.Home(), nil }

// CreateCalendar makes a calendar right in the home.
func (b *backend) CreateCalendar(_ context.Context, made *gocaldav.Calendar) error {
	name, ok := strings.CutPrefix(made.Path, b.s.Home())
	name = strings.TrimSuffix(name, "/")
	switch {
	case !ok || name == "" || strings.Contains(name, "/"):
		return gowebdav.NewHTTPError(http.StatusForbidden, nil)
	case b.s.calendars[name] != nil: // or an address book, which has its name among them
		return gowebdav.NewHTTPError(http.StatusMethodNotAllowed, nil)
	}
	c := Calendar{Name: name, Title: orElse(made.Name, name), Components: b.components}
	if len(c.Components) == 0 {
		c.Components = []string{"VEVENT", "VTODO"}
	}
	b.s.calendars[name] = &calendar{Calendar: c, objects: map[string]object{}}
	return nil
}

// ListCalendars returns all calendars.
func (b *backend) ListCalendars(context.Context) ([]gocaldav.Calendar, error) {
	var list []gocaldav.Calendar
	for _, name := range slices.Sorted(maps.Keys(b.s.calendars)) {
		if c := b.s.calendars[name]; !c.cards {
			list = append(list, b.calendar(c))
		}
	}
	return list, nil
}

func (b *backend) calendar(c *calendar) gocaldav.Calendar {
	return gocaldav.Calendar{Path: b.s.Path(c.Name, ""), Name: c.Title, SupportedComponentSet: c.Components, ReadOnly: c.ReadOnly}
}

// GetCalendar returns the calendar at a path.
func (b *backend) GetCalendar(_ context.Context, path string) (*gocaldav.Calendar, error) {
	c, name := b.s.find(path)
	if c == nil || name != "" {
		return nil, gowebdav.NewHTTPError(http.StatusNotFound, nil)
	}
	found := b.calendar(c)
	return &found, nil
}

// GetCalendarObject returns the object at a path.
func (b *backend) GetCalendarObject(_ context.Context, path string, _ *gocaldav.CalendarCompRequest) (*gocaldav.CalendarObject, error) {
	o, ok := b.s.object(path)
	if !ok {
		return nil, gowebdav.NewHTTPError(http.StatusNotFound, nil)
	}
	handed := b.hand(path, o)
	return &handed, nil
}

// ListCalendarObjects returns the objects that listings show.
func (b *backend) ListCalendarObjects(_ context.Context, path string, _ *gocaldav.CalendarCompRequest) ([]gocaldav.CalendarObject, error) {
	var list []gocaldav.CalendarObject
	c, _ := b.s.find(path)
	objects := b.s.listed(c)
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		list = append(list, b.hand(b.s.Path(c.Name, name), objects[name]))
	}
	return list, nil
}

// hand gives an object to the library. Its data is kept from it: it would write
// them anew with go-ical, and what that cannot read or write would be lost.
func (b *backend) hand(path string, o object) gocaldav.CalendarObject {
	b.handed[path] = o
	co := gocaldav.CalendarObject{Path: path, ContentLength: int64(len(o.data)), Data: standIn}
	if !b.s.faults.NoETags {
		co.ETag = b.s.faults.tag(o)
	}
	return co
}

// standIn is a calendar that go-ical can write.
var standIn = func() *ical.Calendar {
	event := ical.NewEvent()
	event.Props.SetText(ical.PropUID, "stand-in")
	event.Props.SetDateTime(ical.PropDateTimeStamp, time.Unix(0, 0).UTC())
	c := ical.NewCalendar()
	c.Props.SetText(ical.PropVersion, "2.0")
	c.Props.SetText(ical.PropProductID, "-//syncd//caldavtest//EN")
	c.Children = append(c.Children, event.Component)
	return c
}()

// QueryCalendarObjects returns the listed objects that match. One that go-ical
// cannot read matches nothing; of one whose zone or rule is beyond the library,
// the time does not count. [gocaldav.Filter] would fail for all.
func (b *backend) QueryCalendarObjects(ctx context.Context, path string, q *gocaldav.CalendarQuery) ([]gocaldav.CalendarObject, error) {
	if _, err := b.GetCalendar(ctx, path); err != nil {
		return nil, err
	}
	all, err := b.ListCalendarObjects(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	filter, timeless := edited(q.CompFilter, widen), edited(q.CompFilter, forget)
	return slices.DeleteFunc(all, func(co gocaldav.CalendarObject) bool {
		data := b.handed[co.Path].data
		cal, err := decode(data)
		if err != nil {
			return true
		}
		co.Data = cal
		ok, err := matches(filter, co, property(data, "RRULE"))
		if err != nil {
			ok, err = matches(timeless, co, "")
		}
		return err != nil || !ok
	}), nil
}

// decode reads an object with go-ical, which panics on some.
func decode(data string) (c *ical.Calendar, err error) {
	defer recovered(&err)
	return ical.NewDecoder(strings.NewReader(data)).Decode()
}

// matches leaves alone the rules that rrule-go expands for ever, and catches its
// panics.
func matches(filter gocaldav.CompFilter, co gocaldav.CalendarObject, rule string) (ok bool, err error) {
	defer recovered(&err)
	for _, freq := range []string{"HOURLY", "MINUTELY", "SECONDLY"} {
		if strings.Contains(strings.ToUpper(rule), freq) {
			return false, errors.New("a rule for hours")
		}
	}
	return gocaldav.Match(filter, &co)
}

func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}

// edited is a filter with all its time-ranges (RFC 4791 section 9.9) changed.
func edited(f gocaldav.CompFilter, change func(*gocaldav.CompFilter)) gocaldav.CompFilter {
	if !f.Start.IsZero() || !f.End.IsZero() {
		change(&f)
	}
	f.Comps = slices.Clone(f.Comps)
	for i := range f.Comps {
		f.Comps[i] = edited(f.Comps[i], change)
	}
	return f
}

func forget(f *gocaldav.CompFilter) { f.Start, f.End = time.Time{}, time.Time{} }

// widen gives a time-range both its ends, without which the library finds no
// recurrence, and a little on both sides, since it misses what begins or ends
// with the range.
func widen(f *gocaldav.CompFilter) {
	if f.Start.IsZero() {
		f.Start = f.End.AddDate(-100, 0, 0)
	}
	if f.End.IsZero() {
		f.End = f.Start.AddDate(100, 0, 0)
	}
	f.Start, f.End = f.Start.Add(-1), f.End.Add(1)
}

// PutCalendarObject stores the body of the request as it is.
func (b *backend) PutCalendarObject(_ context.Context, path string, cal *ical.Calendar, opts *gocaldav.PutCalendarObjectOptions) (*gocaldav.CalendarObject, error) {
	f := b.s.faults
	c, name := b.s.find(path)
	switch {
	case c == nil || name == "":
		return nil, gowebdav.NewHTTPError(http.StatusConflict, nil)
	case c.ReadOnly:
		return nil, gowebdav.NewHTTPError(http.StatusForbidden, nil)
	}
	old, exists := c.objects[name]
	if !f.allows(opts.IfMatch, opts.IfNoneMatch, old, exists) {
		return nil, gowebdav.NewHTTPError(http.StatusPreconditionFailed, nil)
	}
	kind, uid, err := gocaldav.ValidateCalendarObject(cal)
	switch {
	case err != nil || uid == "":
		return nil, gocaldav.NewPreconditionError(gocaldav.PreconditionValidCalendarObjectResource)
	case !slices.Contains(c.Components, kind):
		return nil, gocaldav.NewPreconditionError(gocaldav.PreconditionSupportedCalendarComponent)
	case b.s.taken(c, name, uid):
		return nil, gocaldav.NewPreconditionError(gocaldav.PreconditionNoUIDConflict)
	}
	if _, deleted := c.bin[uid]; deleted && f.KeepDeleted && !exists {
		return nil, gowebdav.NewHTTPError(http.StatusForbidden, errBinned)
	}
	if f.RenameHrefs && !exists {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:8]) + ".ics"
	}
	data := without(b.body, f.Drop)
	if f.Stored != nil {
		data = f.Stored(data)
	}
	c.put(name, data, b.s.clock())
	var stored gocaldav.CalendarObject // without a path: the answer has no Location
	if !f.NoETagOnPut && !f.NoETags && !f.RenameHrefs {
		stored.ETag = f.tag(c.objects[name])
	}
	return &stored, nil
}

// DeleteCalendarObject removes an object, or a calendar with everything in it.
func (b *backend) DeleteCalendarObject(_ context.Context, path string) error {
	c, name := b.s.find(path)
	_, exists := b.s.object(path)
	switch {
	case c == nil || name != "" && !exists:
		return gowebdav.NewHTTPError(http.StatusNotFound, nil)
	case c.ReadOnly:
		return gowebdav.NewHTTPError(http.StatusForbidden, nil)
	case name == "":
		delete(b.s.calendars, c.Name)
	default:
		c.remove(name, b.s.clock())
	}
	return nil
}

// errBinned is told apart from other refusals by put.
var errBinned = errors.New("deleted calendar object with this UID already exists")

// allows checks If-Match and If-None-Match (RFC 9110 section 13.2.2).
func (f Faults) allows(match, none gowebdav.ConditionalMatch, o object, exists bool) bool {
	tag := ""
	if exists {
		tag = f.tag(o)
	}
	if match.IsSet() {
		same, err := match.MatchETag(tag)
		// Strong comparison: a weak ETag never matches (RFC 9110 section 8.8.3.2).
		if err != nil || !same || f.WeakETags && !match.IsWildcard() {
			return false
		}
	}
	same, err := gowebdav.ConditionalMatch(strings.TrimPrefix(string(none), "W/")).MatchETag(tag)
	return !none.IsSet() || err != nil || !same
}

// taken says whether another object has that UID.
func (s *Server) taken(in *calendar, name, uid string) bool {
	for _, c := range s.calendars {
		if c != in && !s.faults.GlobalUIDs {
			continue
		}
		for n, o := range c.objects {
			if (c != in || n != name) && property(o.data, "UID") == uid {
				return true
			}
		}
	}
	return false
}
