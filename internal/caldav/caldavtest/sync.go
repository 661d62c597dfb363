package caldavtest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// sync answers sync-collection (RFC 6578 section 3.2).
func (s *Server) sync(c *calendar, q asked) *reply {
	token := strings.TrimSpace(q.Token)
	from, valid := s.version(c, token)
	if token != "" && s.faults.SyncTokenError != 0 {
		return status(s.faults.SyncTokenError)
	}
	if !valid || token != "" && s.faults.SyncTokenExpired {
		return refusal(`<D:valid-sync-token/>`)
	}
	to := s.seen(c)
	all := token == "" || s.faults.SyncEverything
	if !all && s.faults.SyncPage > 0 {
		to = min(to, from+s.faults.SyncPage)
	}
	objects := c.asOf(to)
	if s.faults.EmptyListing {
		objects = nil
	}
	var names []string
	if all {
		names = slices.Sorted(maps.Keys(objects))
	} else {
		names = slices.Sorted(maps.Keys(c.since(from, to)))
	}
	var a answers
	for _, n := range names {
		if o, ok := objects[n]; ok {
			a.found(s.at(c, n), s.faults.ofObject(c, n, o), q.Props.names())
		} else {
			a.failed(s.at(c, n), http.StatusNotFound)
		}
	}
	if to < s.seen(c) {
		a.failed(s.at(c, ""), http.StatusInsufficientStorage)
	}
	return a.reply(`<D:sync-token>` + escape(s.token(to)) + `</D:sync-token>`)
}

// token names a version of a calendar.
func (s *Server) token(version int) string {
	return fmt.Sprintf("http://sync.example/%d/%d", s.epoch, version)
}

// version reads a token.
func (s *Server) version(c *calendar, token string) (int, bool) {
	if token == "" {
		return 0, true
	}
	n, err := strconv.Atoi(strings.TrimPrefix(token, s.token(0)[:len(s.token(0))-1]))
	return n, err == nil && n >= 0 && n <= len(c.changes)
}

// ExpireTokens makes every sync token handed out so far void.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}
