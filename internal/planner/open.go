package planner

// matchOpen finds the candidate behind every open entry. An entry without one
// has ended, and so has one whose time to be answered is over.
func (p *pass) matchOpen() {
	for _, o := range p.open {
		q := p.owner(o)
		c := p.candidateOf(q, o)
		end, ended := p.ending(o, q, c)
		switch {
		case ended:
			p.finish(o, q, end)
			continue
		case c == nil:
			c = p.keep(o, q)
		}
		c.Key, c.Generation, c.Slot, c.Status, c.uid = o.Key, o.Generation, o.Slot, StatusOpen, o.UID
		switch {
		case q == nil:
			p.out.FollowUps = append(p.out.FollowUps, c.FollowUp)
		case o.Touched || q.opened != nil:
			q.further = append(q.further, c)
		default:
			q.opened = c
		}
	}
}

func (p *pass) candidateOf(q *person, o Open) *candidate {
	if q == nil {
		return nil
	}
	for _, c := range q.candidates {
		if p.within(c.Key) == p.within(o.Key) {
			return c
		}
	}
	// Cards that are merged by an address book get another UID.
	for _, c := range q.candidates {
		if c.newCard() && o.Key.Rule == FirstMeeting && !o.Key.ofMany() && c.Status != StatusOpen {
			return c
		}
	}
	return nil
}

// ending decides whether an open entry has ended, and by what.
func (p *pass) ending(o Open, q *person, c *candidate) (End, bool) {
	end, ended := p.byEvidence(o, q, c)
	// Until the first run is complete, what is missing proves nothing (I15).
	if ended && end.Outcome == Withdrawn && p.snapshot.FirstRunAt.IsZero() {
		end, ended = End{}, false
	}
	if !ended && p.expired(o, q) {
		return End{Outcome: Expired, Why: "left as it was for some days"}, true
	}
	return end, ended
}

func (p *pass) byEvidence(o Open, q *person, c *candidate) (End, bool) {
	if q == nil {
		return End{Outcome: Withdrawn, Why: "no contact has this address or card any longer"}, true
	}
	r := ruleNamed(o.Key.Rule)
	if r == nil {
		return End{Outcome: Withdrawn, Why: "this version has no such rule"}, true
	}
	var end End
	if c == nil {
		o.Key.Evidence = p.within(o.Key).evidence
		end = r.ended(p, q, o)
		if end.Outcome != Withdrawn {
			return end, true
		}
	}
	switch {
	case q.shut() != "":
		return End{Outcome: Withdrawn, Why: q.shut()}, true
	case !p.policy.Rules[r.name].On:
		return End{Outcome: Withdrawn, Why: "the rule " + string(r.name) + " is off"}, true
	case c != nil && c.Status == StatusOpen:
		return End{Outcome: Withdrawn, Why: "the same follow-up is in the calendar already"}, true
	case c != nil && !o.Touched && q.opened != nil:
		return End{Outcome: Withdrawn, Why: "another event about them is in the calendar"}, true
	}
	return end, c == nil
}

// expired reports whether an entry was left alone for long enough, counted from
// where it lies now, or from when its end was taken back; one about a day of theirs,
// until three days after it. One that bears the user's words ends too, though it
// stays in the calendar.
func (p *pass) expired(o Open, q *person) bool {
	if p.policy.Expire == 0 || o.Taken {
		return false
	}
	if o.Key.Rule == Milestone && q != nil {
		if end := p.occasionEnd(q, o); !end.IsZero() {
			return p.clock.reached(end)
		}
	}
	if o.Again.After(o.Start) { // it was not left alone before
		return p.clock.reached(p.cal.at(p.cal.add(p.cal.dayOf(o.Again), p.policy.Expire), p.cal.wall(o.Again)))
	}
	last := p.cal.add(p.cal.dayOf(o.Start), p.policy.Expire)
	if o.AllDay {
		return p.clock.reached(p.cal.start(last + 1))
	}
	return p.clock.reached(p.cal.at(last, p.cal.wall(o.Start)))
}

// keep stands for an entry nothing is known of yet. Its words stay as they are.
func (p *pass) keep(o Open, q *person) *candidate {
	c := &candidate{who: q, rule: ruleNamed(o.Key.Rule), kept: true}
	c.Rule, c.Due, c.Title = o.Key.Rule, o.Slot, o.Title
	c.Because = []Reason{"Kept until the first scan is complete."}
	if q != nil {
		c.Contact, c.Name = q.ID, q.Name
	}
	return c
}

func (p *pass) finish(o Open, q *person, end End) {
	h := Held{HeldBecause: end.Why, End: &end}
	h.Key, h.Generation, h.Rule, h.Status = o.Key, o.Generation, o.Key.Rule, StatusHeld
	h.Due, h.Slot, h.Title = o.Slot, o.Slot, o.Title
	h.Contact = o.Contact
	if !end.Evidence.IsZero() {
		h.Evidence = []Evidence{end.Evidence}
	}
	if q != nil {
		h.Contact, h.Name = q.ID, q.Name
		// What ended in this pass does not begin again in it.
		for i, c := range q.candidates {
			if p.within(c.Key) == p.within(o.Key) && c.Status != StatusOpen {
				q.candidates = append(q.candidates[:i:i], q.candidates[i+1:]...)
				break
			}
		}
	}
	p.out.Held = append(p.out.Held, h)
	p.finished[o.UID] = true
}

func ruleNamed(name Rule) *rule {
	for i := range rules {
		if rules[i].name == name {
			return &rules[i]
		}
	}
	return nil
}
