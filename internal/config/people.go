package config

import (
	"cmp"
	"net/url"
	"slices"
)

// Member says that the addresses a pattern matches are in a circle.
type Member struct {
	Pattern string
	Circle  string
}

// ByInterval returns the names of the circles, those with the shortest interval
// first.
func (c *Config) ByInterval() []string {
	names := c.circleNames()
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(c.Circles[a].Interval, c.Circles[b].Interval)
	})
	return names
}

// CircleMembers returns the members of all circles so that the first that
// matches an address decides: an address written out before a pattern, then the
// shorter interval, then the name.
func (c *Config) CircleMembers() []Member {
	var literals, patterns []Member
	for _, name := range c.ByInterval() {
		for _, g := range c.Circles[name].Members {
			m := Member{Pattern: string(g), Circle: name}
			if Glob(g).Literal() {
				literals = append(literals, m)
			} else {
				patterns = append(patterns, m)
			}
		}
	}
	return append(literals, patterns...)
}

// OnlyLoopback reports whether every server of the configuration is on this
// machine, by a literal address or the name localhost.
func (c *Config) OnlyLoopback() bool {
	for _, a := range c.Accounts {
		if a.IMAP != nil && !loopback(a.IMAP.Host) {
			return false
		}
		var urls []URL
		if a.CalDAV != nil {
			urls = append(urls, a.CalDAV.URL)
		}
		if a.CardDAV != nil {
			urls = append(urls, a.CardDAV.URL)
		}
		for _, address := range urls {
			u, err := url.Parse(string(address))
			if err != nil || !loopback(u.Hostname()) {
				return false
			}
		}
	}
	return true
}
