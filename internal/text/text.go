// Package text reads the body of a mail: it finds what its writer newly wrote, and
// in that what was promised, asked, given, introduced, thanked for and refused, with
// dates. It does no I/O, knows no clock and concludes nothing from a language that
// its data files do not know.
//
// The words are in data: mail.txt for what mail programs put around quotes in many
// languages, and one file for each language that is read. The code only knows how to
// look for them.
package text

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed data/*.txt
var data embed.FS

// sections reads a data file: lines under [headings]. Empty lines and those that
// begin with # are comments.
func sections(name string) map[string][]string {
	file, err := data.ReadFile("data/" + name)
	if err != nil {
		panic(fmt.Sprintf("text: %v", err)) // embedded: a mistake in the program
	}
	found := map[string][]string{}
	var section string
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		default:
			found[section] = append(found[section], line)
		}
	}
	return found
}
