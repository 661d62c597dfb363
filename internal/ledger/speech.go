package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"syncd/internal/planner"
	"syncd/internal/text"
)

// speech is what the ledger keeps of the text of a message: the sentences that
// rules fire on, the days they name, and marks.
type speech struct {
	Known    bool   `json:"known,omitempty"` // the words were read
	Language string `json:"language,omitempty"`

	Asks      bool         `json:"asks,omitempty"`
	Ask       string       `json:"ask,omitempty"`   // the sentence that does, of several the plainest
	About     planner.Date `json:"about,omitempty"` // a day that it is a question about
	Weak      bool         `json:"weak,omitempty"`  // none of them waits for an answer, see text.Ask
	Gift      bool         `json:"gift,omitempty"`
	Thanks    bool         `json:"thanks,omitempty"`
	Refusal   bool         `json:"refusal,omitempty"`
	Stop      bool         `json:"stop,omitempty"`
	Delivers  bool         `json:"delivers,omitempty"`
	Gone      bool         `json:"gone,omitempty"`
	Attached  bool         `json:"attached,omitempty"`
	Linked    bool         `json:"linked,omitempty"`
	Promises  []vow        `json:"promises,omitempty"`
	Introduce bool         `json:"introduces,omitempty"` // its writer introduces those on it
	Referral  string       `json:"referral,omitempty"`   // hash of the name of the one on whose word its writer writes
	Made      string       `json:"made,omitempty"`       // the sentence of either

	Away planner.Date `json:"away,omitempty"` // the day of return
}

// saysOf is the column of what the text of the mail i says, under any of its names,
// NULL if that is not known.
const saysOf = `CASE WHEN i.kind <> 'mail' THEN NULL
	WHEN i.supersedes IS NULL THEN (SELECT w.says FROM said AS w WHERE w.message_id = i.evidence)
	ELSE (SELECT w.says FROM interaction AS o CROSS JOIN said AS w ON w.message_id = o.evidence
		WHERE o.group_id = i.group_id ORDER BY w.failed <> '', w.read DESC, w.message_id LIMIT 1) END`

// readSpeech reads that column; nil for none.
func readSpeech(says []byte) (*speech, error) {
	if len(says) == 0 {
		return nil, nil
	}
	s := &speech{}
	return s, json.Unmarshal(says, s)
}

// read reports whether the words of a text were read.
func (s *speech) read() bool { return s != nil && s.Known }

// wants reports whether whoever wrote a mail waits for an answer: who gives something
// does not.
func (s *speech) wants() bool { return s.Asks && !s.Weak && !s.Gift }

// plainness orders what asks: a question before a request, and what waits for an
// answer before either.
func plainness(a text.Ask) (n int) {
	if !a.Weak {
		n += 2
	}
	if a.Question {
		n++
	}
	return n
}

// delivers reports whether something is handed over.
func (s *speech) delivers() bool { return s != nil && (s.Attached || s.Linked || s.Delivers) }

// vow is a promise in a text.
type vow struct {
	ID       string       `json:"id"` // hash of the sentence
	Sure     bool         `json:"sure,omitempty"`
	Day      planner.Date `json:"day,omitempty"` // in the zone of the writer
	Sentence string       `json:"sentence,omitempty"`
	What     string       `json:"what,omitempty"`
}

// Bounds of what is kept of one message, whatever its source says of it.
const (
	maxVows     = 50
	maxKept     = 800 // bytes of a sentence
	maxBounced  = 20
	firstYear   = 1970
	lastYear    = 2199
	vowLength   = 12 // of the hash of a sentence
	nameLength  = 12
	unnamedVows = "#" // before the place of a promise without a sentence
)

// speechOf gives what is to be kept of a reading.
func speechOf(r *Reading) speech {
	if r.Failed != "" {
		return speech{}
	}
	s := speech{
		Known: r.Known, Language: keep(r.Language), Asks: len(r.Asks) > 0, Gift: r.Gift != "", Thanks: r.Thanks != "",
		Refusal: r.Refusal != "", Stop: r.Stop != "", Delivers: r.Delivery != "", Gone: r.Gone != "",
		Attached: r.Attached, Linked: r.Linked, Promises: vows(r.Promises), Away: dayIn(r.Away.Until),
	}
	if s.Asks {
		plainest := slices.MaxFunc(r.Asks, func(a, b text.Ask) int { return cmp.Compare(plainness(a), plainness(b)) })
		s.Ask, s.Weak = keep(plainest.Sentence), plainest.Weak
		if plainest.Question {
			s.About = dayIn(plainest.Day)
		}
	}
	switch name := strings.Join(nameParts(r.Referral.Name), " "); {
	case r.Introduces != "":
		s.Introduce, s.Made = true, keep(r.Introduces)
	case name != "":
		s.Referral, s.Made = nameHash(name), keep(r.Referral.Sentence)
	}
	if r.Bare {
		s.Ask, s.Made = "", ""
		for i := range s.Promises {
			s.Promises[i].Sentence, s.Promises[i].What = "", ""
		}
	}
	return s
}

func vows(promises []text.Promise) (all []vow) {
	seen := map[string]bool{}
	for i, p := range promises[:min(len(promises), maxVows)] {
		id := strings.Join(words(p.Sentence), " ")
		if id == "" {
			id = unnamedVows + strconv.Itoa(i)
		}
		v := vow{ID: shortHash(id, vowLength), Sure: p.Sure, Day: dayIn(p.Due), Sentence: keep(p.Sentence), What: keep(p.What)}
		if !seen[v.ID] {
			all = append(all, v)
		}
		seen[v.ID] = true
	}
	return all
}

// nameHash stands for a name, given as its parts, where it is not to be written down.
func nameHash(name string) string { return shortHash("name "+name, nameLength) }

// keep bounds a sentence, and leaves out what is not seen in it.
func keep(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) <= maxKept {
		return s
	}
	s = s[:maxKept]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// dayIn is the civil day of a time where it is, "" for one that nobody means.
func dayIn(at time.Time) planner.Date {
	if at.IsZero() || at.Year() < firstYear || at.Year() > lastYear {
		return ""
	}
	return planner.Date(at.Format(time.DateOnly))
}

// lines are what the journal needs to know of what was not known before.
func (s *speech) lines(r *Reading, before speech) (all []line) {
	known := map[string]bool{}
	for _, v := range before.Promises {
		known[v.ID] = v.Sure
	}
	for _, v := range s.Promises {
		if v.Sure && !known[v.ID] {
			all = append(all, line{Type: linePromise, At: r.At, Message: r.ID, Hash: v.ID, Day: v.Day})
		}
	}
	if s.introduces() && (s.Introduce != before.Introduce || s.Referral != before.Referral) {
		all = append(all, line{Type: lineIntroduction, At: r.At, Message: r.ID, Hash: s.Referral})
	}
	if s.Stop && !before.Stop {
		all = append(all, line{Type: lineStop, At: r.At, Message: r.ID})
	}
	return all
}

func (s *speech) introduces() bool { return s.Introduce || s.Referral != "" }

// recall adds what a line of the journal knows.
func (s *speech) recall(n line) {
	switch n.Type { //nolint:exhaustive // the others tell of no text
	case linePromise:
		s.Promises = append(s.Promises, vow{ID: n.Hash, Sure: true, Day: n.Day})
	case lineIntroduction:
		s.Introduce, s.Referral = n.Hash == "", n.Hash
	case lineStop:
		s.Stop = true
	}
}
