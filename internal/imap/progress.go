package imap

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBlocks bounds what is kept of the UIDs that were told, in blocks of 64.
const maxBlocks = 1 << 20

// progress tells whether a server gets on with a command. Each response comes
// in time where one of no use follows another, so what is measured too is how
// long the guard waited since the last that the command could use: one that
// tells what was asked for and was not told before. The time that syncd itself
// takes does not count.
type progress struct {
	waited  time.Duration // before the present wait
	since   time.Time     // of the present wait; zero: there is none
	useless int           // responses to this command

	list     bool              // the command asks for mailboxes
	told     map[string]bool   // mailboxes, states, and answers that come once
	byUID    bool              // it names messages by their UIDs
	asked    [][2]uint32       // the messages that it asks for: the first and last of each range
	messages map[uint32]uint64 // told, a bit for each
}

// begin starts over, for a command without its tag.
func (p *progress) begin(command []string) {
	*p = progress{since: p.since}
	p.renew()
	p.list = len(command) > 0 && command[0] == "LIST"
	if len(command) > 0 && command[0] == "UID" {
		p.byUID, command = true, command[1:]
	}
	if len(command) < 2 || command[0] != "FETCH" {
		return
	}
	for part := range strings.SplitSeq(command[1], ",") {
		low, high, more := strings.Cut(part, ":")
		if !more {
			high = low
		}
		p.asked = append(p.asked, [2]uint32{number(low), number(high)})
	}
}

// number reads the number of a message; "*" is the last there can be.
func number(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return math.MaxUint32
	}
	return uint32(n)
}

func (p *progress) wait() { p.since = time.Now() }

func (p *progress) stop() {
	p.waited = p.without(time.Now())
	p.since = time.Time{}
}

// without is how long there has been no progress.
func (p *progress) without(now time.Time) time.Duration {
	if p.since.IsZero() {
		return p.waited
	}
	return p.waited + now.Sub(p.since)
}

// renew notes progress.
func (p *progress) renew() {
	if p.waited = 0; !p.since.IsZero() {
		p.since = time.Now()
	}
}

// used notes that the response at hand is of use.
func (p *progress) used() {
	p.useless--
	p.renew()
}

// once takes a response of a kind that a command needs once, or when it asks for
// mailboxes once for each. Beyond what is kept of a listing a response counts
// neither way.
func (p *progress) once(kind, mailbox string) {
	if !p.list {
		mailbox = ""
	}
	thing := kind + " " + mailbox
	switch {
	case p.told[thing]:
	case len(p.told) >= 2*maxMailboxes: // each with its state
		p.useless--
	default:
		if p.told == nil {
			p.told = map[string]bool{}
		}
		p.told[thing] = true
		p.used()
	}
}

// message takes a message that was fetched.
func (p *progress) message(num, uid uint32) {
	if !p.byUID {
		uid = num
	}
	block, bit := uid/64, uint64(1)<<(uid%64)
	asked := slices.ContainsFunc(p.asked, func(r [2]uint32) bool { return r[0] <= uid && uid <= r[1] })
	if !asked || p.messages[block]&bit != 0 {
		return
	}
	if p.messages == nil {
		p.messages = map[uint32]uint64{}
	}
	if _, kept := p.messages[block]; kept || len(p.messages) < maxBlocks {
		p.messages[block] |= bit
	}
	p.used()
}
