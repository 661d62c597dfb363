package planner

import (
	"maps"
	"slices"
	"time"
)

// The ceilings of SPEC invariant I5 hold whatever the configuration says.
const (
	MaxPerDay    = 10
	MaxOpenAhead = 30
)

const days = 24 * time.Hour

// automaticCircle is where contacts of stage 2 belong that nobody put anywhere.
const automaticCircle = "network"

// DefaultPolicy is the policy of somebody who configured nothing.
func DefaultPolicy() Policy {
	return Policy{
		Zone: time.UTC,
		WorkDays: [7]bool{
			time.Monday: true, time.Tuesday: true, time.Wednesday: true, time.Thursday: true, time.Friday: true,
		},
		WorkFrom:  9 * time.Hour,
		WorkTo:    17 * time.Hour,
		Evening:   18 * time.Hour,
		PerDay:    3,
		OpenAhead: 10,
		Expire:    5,
		Rules: map[Rule]RulePolicy{
			FirstMeeting: {On: true}, ReplyOwed: {On: true}, Awaiting: {On: true}, Fade: {On: true}, Cadence: {On: true},
			NewCards: {On: true}, PromiseMade: {On: true}, TheirPromise: {On: true}, Thanks: {On: true}, IntroReceived: {On: true},
			IntroGiven: {On: true}, CloseTheLoop: {On: true}, SecondStep: {On: true}, Milestone: {On: true},
			HowDidItGo: {On: true}, Dormant: {On: true}, CardSweep: {On: true},
		},
		Circles: []Circle{
			{"close", 14 * days}, {"active", 30 * days}, {"network", 90 * days}, {"light", 180 * days}, {"yearly", 365 * days},
		},
		AutoMax: 150,
		Link:    "mid:{message_id}",
	}
}

// normal brings every number into the range the planner can work with. It
// copies what it changes.
func (p Policy) normal() Policy {
	d := DefaultPolicy()
	if p.Zone == nil {
		p.Zone = d.Zone
	}
	if p.WorkFrom < 0 || p.WorkTo > days || p.WorkTo-p.WorkFrom < slotLength {
		p.WorkFrom, p.WorkTo = d.WorkFrom, d.WorkTo
	}
	if p.Evening <= 0 || p.Evening >= days {
		p.Evening = d.Evening
	}
	p.PerDay = min(max(p.PerDay, 0), MaxPerDay)
	p.OpenAhead = min(max(p.OpenAhead, 0), MaxOpenAhead)
	p.Expire = max(p.Expire, 0)
	p.AutoMax = max(p.AutoMax, 0)
	rules := maps.Clone(d.Rules)
	maps.Copy(rules, p.Rules)
	p.Rules = rules
	p.Circles = slices.DeleteFunc(slices.Clone(p.Circles), func(c Circle) bool { return c.Interval < days })
	return p
}

func (p Policy) circle(name string) (Circle, bool) {
	for _, c := range p.Circles {
		if c.Name == name {
			return c, true
		}
	}
	return Circle{}, false
}
