package config_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"syncd/internal/config"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

const examplePath = "../../config.example.toml"

var (
	setting = regexp.MustCompile(`^# ?((\[{1,2}[a-z0-9.-]+\]{1,2})|([a-z_.]+) = .*)$`)
	example = regexp.MustCompile(`Examples?:$`)
	entry   = regexp.MustCompile(`^(account|contact)\b`) // of a list: there is none by default
)

// exampleLines returns the example with every setting in force. With defaults
// alone, those that a comment calls an example, accounts and contacts are left out.
// After an example line the lines that follow it, up to the next comment, are
// examples too.
func exampleLines(t *testing.T, defaultsAlone bool) string {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	section, inExample, ownTable := "", false, false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		m := setting.FindStringSubmatch(line)
		switch {
		case m == nil && strings.HasPrefix(line, "#"):
			inExample, ownTable = example.MatchString(line), false
		case m == nil:
			if line == "" {
				inExample = inExample && ownTable
			} else if !defaultsAlone && !strings.HasPrefix(line, "imap.") && !strings.HasPrefix(line, "caldav.") {
				fmt.Fprintln(&out, line)
			}
		case m[2] != "":
			section, ownTable = strings.Trim(m[2], "[]"), inExample
			if !defaultsAlone || !entry.MatchString(section) && !inExample {
				fmt.Fprintln(&out, m[1])
			}
		case !defaultsAlone || !inExample && section != "" && !entry.MatchString(section):
			fmt.Fprintln(&out, m[1])
		}
	}
	return out.String()
}

// As it stands, the example is a valid configuration.
func TestExampleAsItStands(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("config.example.toml", data, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Accounts[0].User; got != "ana@example.org" {
		t.Errorf("user = %s", got)
	}
}

// Every key is in the example, and everything in it is a key.
func TestExampleHasEveryKey(t *testing.T) {
	content := exampleLines(t, false)
	var all map[string]any
	if err := toml.Unmarshal([]byte(content), &all); err != nil {
		t.Fatalf("the example without its comment signs is no TOML: %v\n%s", err, content)
	}
	shown := map[string]bool{}
	collect(all, "", shown)
	for _, key := range config.Keys() {
		if !shown[key] {
			t.Errorf("config.example.toml does not show %s", key)
		}
		delete(shown, key)
	}
	for key := range shown {
		if !strings.HasSuffix(key, ".NAME") {
			t.Errorf("config.example.toml shows %s, which is not a key", key)
		}
	}
	// The only errors are about what excludes each other, or is not on this
	// machine.
	_, err := config.Parse("config.example.toml", []byte(content), true)
	for line := range strings.Lines(fmt.Sprint(err)) {
		if !strings.Contains(line, "two places for one password") && !strings.Contains(line, "ca_file: stat") &&
			!strings.Contains(line, "holidays: stat") {
			t.Errorf("an example is not valid: %s", line)
		}
	}
}

// collect lists the keys of a document as config.Keys does.
func collect(v any, path string, keys map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			collect(item, path, keys)
		}
	case map[string]any:
		for key, item := range v {
			if path == "circles" || path == "rules" {
				key = "NAME"
			}
			child := strings.TrimPrefix(path+"."+key, ".")
			keys[child] = true
			collect(item, child, keys)
		}
	}
}

// The values that the example shows as what holds are the defaults, and no
// default is missing.
func TestExampleShowsDefaults(t *testing.T) {
	const account = "\n[[account]]\nname = \"home\"\nuser = \"ana@example.org\"\npassword_command = \"true\"\nimap.host = \"imap.example.org\"\ncaldav.url = \"https://dav.example.org/\"\n"
	content := exampleLines(t, true)
	shown := mustLoad(t, content+account)
	bare := mustLoad(t, account)
	if diff := cmp.Diff(effective(t, bare), effective(t, shown)); diff != "" {
		t.Errorf("what the example shows differs from the defaults (-default +example):\n%s", diff)
	}
	lines := strings.Split(content, "\n")
	for want := range strings.Lines(effective(t, bare)) {
		want = strings.TrimSpace(want)
		key, _, _ := strings.Cut(want, " = ")
		// Those of the account above, and what comes from the machine.
		if slices.Contains([]string{"name", "user", "password_command", "host", "url", "tls", "port", "account", "addresses", "internal_domains", "timezone"}, key) ||
			want == "" || strings.HasPrefix(want, "[account.") || want == "[[account]]" {
			continue
		}
		if !slices.Contains(lines, want) {
			t.Errorf("config.example.toml does not show the default %s", want)
		}
	}
}
