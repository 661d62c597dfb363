package caldav

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"time"

	"syncd/internal/ical"
	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// ahead is how far into the future meetings are read.
const ahead = 366 * 24 * time.Hour

// Bounds of what anyone may send us. Whoever invites thousands for every day
// makes millions of participants of a few kilobytes.
const (
	maxUID    = 1000      // octets; it is stored with every instance
	maxPeople = 100       // of one event; a meeting of so many moves no clock
	maxShares = 100_000   // meetings of one object times the people in each
	fullBatch = maxShares // the same of a batch, which is then given away
)

// ownUID begins the UID of every entry syncd writes (SPEC section 7).
const ownUID = "syncd-"

var errNoEvent = errors.New("no event in it that could be read")

// noMeetings says whether a calendar holds dates of people rather than meetings
// with them (SPEC section 2.2). Google's name themselves in their address alone,
// as in en.uk#holiday@group.v.calendar.google.com.
func noMeetings(c Collection) bool {
	return saysNoMeeting(c.Name) || saysNoMeeting(webdav.LastSegment(c.URL))
}

// instances expands the events in one calendar object that may count. An object
// without any is fine, one that cannot be read is an error.
func instances(data []byte, at time.Time, zone *time.Location) ([]ical.Instance, error) {
	cal, err := ical.Parse(data)
	if err != nil {
		return nil, err
	}
	all, err := eventsOf(cal)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e ical.Event) bool { return e.UID == "" || len(e.UID) > maxUID })
	if !slices.ContainsFunc(all, counts) {
		return nil, nil
	}
	// An instance that does not count must not come back as its series has it.
	return ical.Expand(all, time.Time{}, at.Add(ahead), zone)
}

// eventsOf returns the events in an object. That there is none is an error,
// unless the object holds something else, such as a task.
func eventsOf(cal *ical.Calendar) ([]ical.Event, error) {
	events, warnings := cal.Events()
	if len(events) > 0 {
		return events, nil
	}
	for _, top := range cal.Components {
		for _, c := range top.Children {
			if c.Name != "VEVENT" && c.Name != "VTIMEZONE" {
				return nil, nil
			}
		}
	}
	if len(warnings) > 0 {
		return nil, fmt.Errorf("%w: %s", errNoEvent, warnings[0].Text)
	}
	return nil, errNoEvent
}

// counts says whether an event can be a meeting or an absence at all: it is not private, not
// one of our own wherever it was copied to, and not a date of a person.
func counts(e ical.Event) bool {
	switch {
	case e.Class == "PRIVATE", e.Class == "CONFIDENTIAL":
		return false
	case strings.HasPrefix(e.UID, ownUID), marked(e.Description):
		return false
	}
	return !saysNoMeeting(e.ProdID)
}

// copiedMarker is what may become of the marker in a copy: programs quote it,
// put it into a line with other text, and make one dash of three.
var copiedMarker = regexp.MustCompile(`[-\x{2010}-\x{2015}\x{2212}]\s*syncd: your notes`)

func marked(description string) bool {
	return strings.Contains(description, "syncd") && copiedMarker.MatchString(oneLine(html.UnescapeString(Normal(description))))
}

// content is what all instances of an event have in common.
type content struct {
	title, location string
	counts          bool
	people          []ledger.Participant
	unlisted        int    // people without an address
	theirs          bool   // by another's hand, though no organizer has an address
	absent          bool   // says that someone is away, if it is all-day
	who             string // is away
}

func contentOf(e *ical.Event, writable bool) *content {
	k := &content{title: ical.Line(e.Summary), location: ical.Line(e.Location), counts: counts(*e)}
	if !k.counts {
		return k
	}
	k.people, k.unlisted = people(e), unlisted(e)
	k.theirs = noOrganizer(e) && !writable || !noOrganizer(e) && ledger.ASCII(e.Organizer.Address) == "" ||
		len(e.Attendees) == 0 && saysAbsent(k.title)
	k.who, k.absent = onlyPerson(e, k.people)
	k.absent = k.absent && !cancelled(e) && saysAbsent(k.title)
	return k
}

func meeting(i ical.Instance, k *content, zone *time.Location) ledger.MeetingInstance {
	return ledger.MeetingInstance{
		UID:          i.UID,
		RecurrenceID: i.RecurrenceID,
		Start:        i.Start.In(zone).UTC(),
		End:          i.End.In(zone).UTC(),
		Title:        k.title,
		Location:     k.location,
		People:       k.people,
		Unlisted:     k.unlisted,
		Theirs:       k.theirs,
		Cancelled:    cancelled(i.Event),
		Series:       i.RecurrenceID != "",
		KnownAt:      knownAt(i, zone),
	}
}

func cancelled(e *ical.Event) bool { return e.Status == "CANCELLED" || e.Method == "CANCEL" }

// knownAt is when one could know of an event. A CREATED after the start is the
// date of an import.
func knownAt(i ical.Instance, zone *time.Location) time.Time {
	start, created := i.Start.In(zone).UTC(), i.Event.Created.UTC()
	if created.IsZero() || created.After(start) {
		return start
	}
	return created
}

// people returns organizer and attendees, each address once. An organizer who
// is an attendee too keeps the answer they gave there. Of more than maxPeople
// the first are kept, persons before things, so that it still is a large meeting.
func people(e *ical.Event) []ledger.Participant {
	var list []ledger.Participant
	at := map[string]int{}
	add := func(a ical.Attendee, role ledger.Role) {
		address := ledger.ASCII(a.Address)
		if address == "" {
			return
		}
		if i, again := at[address]; again {
			p := &list[i]
			if p.Status == "" {
				p.Status = a.PartStat
			}
			if p.Name == "" {
				p.Name = ical.Line(a.Name)
			}
			return
		}
		at[address] = len(list)
		list = append(list, ledger.Participant{
			Address: address, Name: ical.Line(a.Name), Role: role, Status: a.PartStat, Thing: thing(a),
		})
	}
	add(e.Organizer, ledger.RoleOrganizer)
	for _, a := range e.Attendees {
		add(a, ledger.RoleAttendee)
	}
	if len(list) > maxPeople {
		persons := slices.DeleteFunc(slices.Clone(list), func(p ledger.Participant) bool { return p.Thing })
		things := slices.DeleteFunc(list, func(p ledger.Participant) bool { return !p.Thing })
		list = slices.Clone(append(persons, things...)[:maxPeople])
	}
	return list
}

func noOrganizer(e *ical.Event) bool { return e.Organizer == ical.Attendee{} }

// unlisted counts the people of an event without an address, each name once, up
// to more than a meeting that counts may have.
func unlisted(e *ical.Event) int {
	names, nameless := map[string]bool{}, 0
	for _, a := range e.Attendees {
		switch {
		case ledger.ASCII(a.Address) != "" || thing(a):
		case a.Name == "":
			nameless++
		default:
			names[a.Name] = true
		}
	}
	if o := e.Organizer; !noOrganizer(e) && ledger.ASCII(o.Address) == "" && !thing(o) && nameless == 0 {
		names[o.Name] = true // else one of the nameless may be the organizer
	}
	return min(len(names)+nameless, maxPeople)
}

// roomAddress matches what rooms are called where their CUTYPE is not given.
var roomAddress = regexp.MustCompile(`^(conf|conference|meeting|board|class)?[-_.]?rooms?([-_.]?[0-9].*|[-_.].*)?@`)

// thing says whether a calendar user takes no part as a person: its CUTYPE is
// that of a thing (RFC 5545 section 3.2.3), it is only told of the event (ROLE
// NON-PARTICIPANT, section 3.2.16; Outlook gives it to rooms), or its address is
// one of Google's for rooms and calendars, or begins like a room's.
func thing(a ical.Attendee) bool {
	switch a.CUType {
	case "ROOM", "RESOURCE", "GROUP":
		return true
	}
	address := ledger.ASCII(a.Address)
	return a.Role == "NON-PARTICIPANT" || strings.HasSuffix(address, ".calendar.google.com") || roomAddress.MatchString(address)
}

// object reads a calendar object into what the ledger takes: the latest of its
// instances, as far as ical.MaxInstances and maxShares go.
func object(c Collection, href, etag string, data []byte, at time.Time, zone *time.Location) (ledger.Object, error) {
	o := ledger.Object{Href: href, ETag: etag}
	if noMeetings(c) {
		return o, nil
	}
	list, err := instances(data, at, zone)
	if err != nil {
		return o, fmt.Errorf("read calendar object: %w", err)
	}
	contents := map[*ical.Event]*content{}
	shares, cut := 0, len(list) >= ical.MaxInstances
	for _, i := range slices.Backward(list) {
		k := contents[i.Event]
		if k == nil {
			k = contentOf(i.Event, c.Writable)
			contents[i.Event] = k
		}
		if !k.counts {
			continue
		}
		if i.Start.IsDate() {
			if k.absent {
				o.Absences = append(o.Absences, absence(i, k.who, zone))
			}
			continue
		}
		if shares += len(k.people); shares > maxShares {
			cut = true
			break
		}
		o.Meetings = append(o.Meetings, meeting(i, k, zone))
	}
	slices.Reverse(o.Meetings)
	slices.Reverse(o.Absences)
	if cut && len(o.Meetings) > 0 {
		o.Since = o.Meetings[0].Start
	}
	return o, nil
}

// weight is how much of a batch an object is.
func weight(o ledger.Object) int {
	n := len(o.Meetings) + len(o.Absences)
	for _, m := range o.Meetings {
		n += len(m.People)
	}
	return n
}
