package webdav

import (
	"net/url"
	"strings"
)

// Canonical is an href in a form that can be compared: servers spell the same
// path with and without percent signs. An escaped slash stays one.
func Canonical(href string) string {
	path := strings.TrimSpace(href)
	if u, err := url.Parse(path); err == nil {
		path = u.EscapedPath()
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if d, err := url.PathUnescape(p); err == nil {
			parts[i] = strings.ReplaceAll(d, "/", "%2F")
		}
	}
	return strings.Join(parts, "/")
}

// Absolute makes an href absolute without touching its spelling: %2F in a name
// is no slash, and some servers escape nothing at all.
func Absolute(base, href string) string {
	href = strings.TrimSpace(href)
	switch {
	case strings.HasPrefix(href, "http://"), strings.HasPrefix(href, "https://"):
		return href
	case strings.HasPrefix(href, "/"):
		return Origin(base) + "/" + strings.TrimLeft(href, "/")
	}
	return slash(base) + href
}

// Origin is scheme, host and port of an absolute URL.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		scheme, rest, _ := strings.Cut(address, "://")
		host, _, _ := strings.Cut(rest, "/")
		return strings.ToLower(scheme + "://" + host)
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// PathOf is the path of an absolute URL as it is spelled.
func PathOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	_, path, _ := strings.Cut(rest, "/")
	return "/" + path
}

func slash(address string) string { return strings.TrimSuffix(address, "/") + "/" }

// LastSegment is the last name in the path of an address, decoded.
func LastSegment(address string) string {
	parts := strings.Split(strings.Trim(Canonical(address), "/"), "/")
	return parts[len(parts)-1]
}
