// Package internal_test holds the layering of the whole program: the table of
// docs/architecture.md, and nothing beyond it.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "syncd"

// layer is a row of the table. A package imports only packages of a lower rank
// that its row names.
type layer struct {
	rank    int
	imports []string
}

// layers is the table. A row may stand here before its package does.
var layers = map[string]layer{
	"internal/planner":           {0, nil},
	"internal/mail":              {0, nil},
	"internal/ical":              {0, nil},
	"internal/text":              {0, nil},
	"internal/auth":              {0, nil},
	"internal/imap/imaptest":     {0, nil},
	"internal/caldav/caldavtest": {1, []string{"ical"}},
	"internal/servertest":        {0, nil},
	"internal/hostile":           {0, nil},
	"internal/config":            {1, []string{"auth", "ical", "planner"}},
	"internal/ledger":            {1, []string{"planner", "text"}},
	"internal/webdav":            {1, []string{"auth"}},
	"internal/imap":              {2, []string{"auth", "ledger", "mail", "text"}},
	"internal/caldav":            {2, []string{"ical", "ledger", "webdav"}},
	"internal/carddav":           {2, []string{"ical", "ledger", "webdav"}},
	"internal/reconcile":         {3, []string{"caldav", "ledger", "planner"}},
	"internal/report":            {3, []string{"ledger", "planner"}},
	"internal/daemon": {4, []string{
		"auth", "caldav", "carddav", "config", "ical", "imap", "ledger", "mail", "planner",
		"reconcile", "report", "setup", "text", "webdav",
	}},
	"internal/setup": {3, []string{"auth", "caldav", "carddav", "config", "imap", "ledger", "webdav"}},
	"internal/demo":  {4, []string{"caldav", "caldav/caldavtest", "config", "imap/imaptest", "ledger"}},
	"cmd/syncd":      {5, []string{"config", "daemon", "demo", "ledger", "planner", "report", "setup"}},
}

// testSupport are the packages that only tests import. The demo runs on two of
// them: its servers are the ones that the tests trust.
var testSupport = map[string][]string{
	"internal/servertest":        nil,
	"internal/hostile":           nil,
	"internal/imap/imaptest":     {"internal/demo"},
	"internal/caldav/caldavtest": {"internal/demo"},
}

// pure is all of the standard library that the planner may use: none of it reads a
// file, the network or the environment. time is there for its types: see clock.
var pure = []string{
	"bytes", "cmp", "crypto/sha256", "embed", "encoding", "encoding/*", "errors", "fmt", "hash", "hash/*", "iter",
	"maps", "math", "math/*", "slices", "sort", "strings", "strconv", "text/template", "time", "unicode", "unicode/utf8",
}

// clock is what of package time depends on the moment or the machine.
var clock = []string{"After", "AfterFunc", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range sources(t) {
		row, known := layers[f.pkg]
		if !known && !seen[f.pkg] {
			t.Errorf("%s: no row in the table of layers", f.pkg)
		}
		seen[f.pkg] = true
		for _, imported := range f.imports {
			target, ours := strings.CutPrefix(imported, module+"/")
			if !known || !ours {
				continue
			}
			short := strings.TrimPrefix(target, "internal/")
			switch to, exists := layers[target]; {
			case !exists:
				t.Errorf("%s: imports %s, which has no row", f.path, imported)
			case !slices.Contains(row.imports, short):
				t.Errorf("%s: imports %s, which the row of %s does not name", f.path, imported, f.pkg)
			case to.rank >= row.rank:
				t.Errorf("%s: imports %s of rank %d from rank %d", f.path, imported, to.rank, row.rank)
			}
		}
	}
	if len(seen) == 0 {
		t.Fatal("found no package")
	}
}

// The table itself must be sound: it names packages it knows, each of a lower rank.
func TestLayersTable(t *testing.T) {
	for name, row := range layers {
		for _, short := range row.imports {
			to, ok := layers["internal/"+short]
			if !ok {
				t.Errorf("%s: names %s, which has no row", name, short)
			} else if to.rank >= row.rank {
				t.Errorf("%s: names %s of rank %d from rank %d", name, short, to.rank, row.rank)
			}
		}
	}
}

func TestPlannerIsPure(t *testing.T) {
	for _, f := range sources(t) {
		if f.pkg != "internal/planner" {
			continue
		}
		for _, imported := range f.imports {
			if !slices.ContainsFunc(pure, func(pattern string) bool {
				ok, _ := path.Match(pattern, imported)
				return ok
			}) {
				t.Errorf("%s: imports %s; the planner has no I/O", f.path, imported)
			}
		}
	}
}

func TestPlannerHasNoClock(t *testing.T) {
	for _, f := range sources(t) {
		if f.pkg != "internal/planner" {
			continue
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, filepath.Join("..", f.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			use, ok := n.(*ast.SelectorExpr)
			if !ok || !slices.Contains(clock, use.Sel.Name) {
				return true
			}
			if of, ok := use.X.(*ast.Ident); ok && of.Name == "time" {
				t.Errorf("%s: time.%s; the planner is given its time", files.Position(use.Pos()), use.Sel.Name)
			}
			return true
		})
	}
}

func TestTestSupportStaysInTests(t *testing.T) {
	for _, f := range sources(t) {
		for _, imported := range f.imports {
			target := strings.TrimPrefix(imported, module+"/")
			if users, support := testSupport[target]; support && !slices.Contains(users, f.pkg) {
				t.Errorf("%s: imports %s, which is for tests", f.path, imported)
			}
		}
	}
}

// source is one Go file that is part of the program.
type source struct {
	path    string // from the root of the module
	pkg     string // its directory from there
	imports []string
}

// sources reads every Go file under cmd and internal but the tests.
func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	for _, top := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			slashed := strings.TrimPrefix(filepath.ToSlash(name), "../")
			s := source{path: slashed, pkg: path.Dir(slashed)}
			for _, i := range parsed.Imports {
				imported, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					return err
				}
				s.imports = append(s.imports, imported)
			}
			found = append(found, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
