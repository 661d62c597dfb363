package planner

// AddBusinessDays gives the nth business day after d, whatever day d is.
func (p Policy) AddBusinessDays(d Date, n int) Date {
	from, ok := parseDate(d)
	if !ok {
		return d
	}
	return newCalendar(p.normal()).add(from, n).date()
}
