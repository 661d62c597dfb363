package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // zones must load on a machine without them
)

// loadZone loads a zone by its IANA name and says what could have been meant.
func loadZone(name string) (*time.Location, error) {
	if zone, err := time.LoadLocation(name); err == nil && name != "Local" && name != "" {
		return zone, nil
	}
	if guess, _ := nearest(name, zoneNames()); guess != "" {
		return nil, fmt.Errorf("%q is not a time zone; did you mean %q?", name, guess)
	}
	return nil, fmt.Errorf("%q is not a time zone; write its IANA name, like \"Europe/Berlin\" or \"America/New_York\"", name)
}

// zoneNames lists the zones that the system knows, for suggestions only.
func zoneNames() []string {
	data, err := readLimited("/usr/share/zoneinfo/tzdata.zi")
	if err != nil {
		return nil
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		// zic(8): "Z NAME …" begins a zone, "L TARGET NAME" a link.
		switch fields := strings.Fields(line); {
		case len(fields) > 1 && fields[0] == "Z":
			names = append(names, fields[1])
		case len(fields) > 2 && fields[0] == "L":
			names = append(names, fields[2])
		}
	}
	return names
}

// SystemZone returns the zone of the system by its name: from TZ, the link
// etc/localtime or the file etc/timezone below root, which is "/" but in tests.
// It is UTC where none of them names a zone. time.Local would not do: its name is
// "Local", which no calendar understands.
func SystemZone(root string) *time.Location {
	names := []string{}
	if tz, ok := os.LookupEnv("TZ"); ok {
		// tzset(3): an empty TZ is UTC, a leading colon is a file.
		names = append(names, zoneOf(strings.TrimPrefix(tz, ":")))
	} else {
		if target, err := os.Readlink(filepath.Join(root, "etc/localtime")); err == nil {
			names = append(names, zoneOf(target))
		}
		if data, err := readLimited(filepath.Join(root, "etc/timezone")); err == nil {
			names = append(names, strings.TrimSpace(string(data)))
		}
	}
	for _, name := range names {
		if zone, err := time.LoadLocation(name); err == nil && name != "Local" && name != "" {
			return zone
		}
	}
	return time.UTC
}

// zoneOf takes the name of a zone out of a path like
// /usr/share/zoneinfo/posix/Europe/Berlin.
func zoneOf(path string) string {
	if _, name, ok := strings.Cut(path, "zoneinfo/"); ok {
		path = name
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, "posix/"), "right/")
}
