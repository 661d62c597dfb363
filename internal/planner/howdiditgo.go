package planner

import "time"

const (
	planBefore    = 5  // business days before the day
	planAfter     = 3  // days after it
	planUndated   = 21 // days after the line was written
	planWordSince = 5  // business days before it is due: a mail since then counts
)

// planStep is what becomes of a line about a plan or a challenge.
type planStep struct {
	fact   Fact
	step   string // before, after or undated
	due    day
	lapses time.Time
	since  time.Time // a mail from then on is one about it
}

// planSteps reads the lines about plans and challenges, each once.
func (p *pass) planSteps(q *person) []planStep {
	var steps []planStep
	seen := make(map[string]bool)
	for _, f := range q.Facts {
		if f.Kind != FactPlan && f.Kind != FactChallenge || seen[f.id()] {
			continue
		}
		seen[f.id()] = true
		f = oldest(q.Facts, f)
		noted := p.cal.dayOf(f.Evidence.At)
		on, dated := parseDate(f.On)
		if !dated {
			steps = append(steps, planStep{fact: f, step: "undated", due: noted + planUndated})
		} else {
			if due := max(p.cal.back(on, planBefore), p.cal.add(noted, 1)); due < on {
				steps = append(steps, planStep{fact: f, step: "before", due: due, lapses: p.cal.start(on)})
			}
			steps = append(steps, planStep{fact: f, step: "after", due: on + planAfter})
		}
	}
	for i := range steps {
		s := &steps[i]
		if s.since = p.cal.start(p.cal.back(s.due, planWordSince)); s.fact.Evidence.At.After(s.since) {
			s.since = s.fact.Evidence.At
		}
	}
	return steps
}

// oldest is the line that says the same and was written first.
func oldest(all []Fact, f Fact) Fact {
	for _, o := range all {
		if o.Says(f) && o.Evidence.At.Before(f.Evidence.At) {
			f = o
		}
	}
	return f
}

// findHowDidItGo sees what somebody plans, or what they struggle with, as the user
// noted it.
func findHowDidItGo(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, s := range p.planSteps(q) {
		if !q.LastOut.At.Before(s.since) {
			continue
		}
		c := p.candidate(HowDidItGo, q, s.fact.Evidence, s.step, p.cal.at(s.due, dueTime))
		c.Key.Evidence = s.fact.id()
		c.lapses = s.lapses
		c.words = string(HowDidItGo) + "-" + s.step
		c.shown.Line = s.fact
		c.shown.Subject = clean(s.fact.Text, subjectLength)
		if on, ok := parseDate(s.fact.On); ok {
			c.shown.Day = p.date(p.cal.at(on, dueTime), c.Due)
		}
		found = append(found, c)
	}
	return found
}

func endHowDidItGo(p *pass, q *person, o Open) End {
	for _, s := range p.planSteps(q) {
		if s.fact.id() == o.Key.Evidence && s.step == o.Key.Step && !q.LastOut.At.Before(s.since) {
			return End{Acted, q.LastOut, q.wroteText() + " on " + p.date(q.LastOut.At, o.Slot)}
		}
	}
	return End{Outcome: Withdrawn, Why: "the line is no longer among your notes"}
}

func missHowDidItGo(p *pass, q *person) string {
	if len(p.planSteps(q)) == 0 {
		return "you noted no plan and no challenge of theirs"
	}
	return q.wroteText() + " on " + p.full(q.LastOut.At) + ", at the time of what you noted"
}
