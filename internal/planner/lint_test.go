package planner_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"syncd/internal/planner"
)

// counting are ways to hold a number, or how long it has been, against somebody
// (SPEC I12).
var counting = regexp.MustCompile(`(?i)\b(\d+|two|many|several) (times|days late|weeks late|(day|week|month|year)s? ago|reminders)\b` +
	`|\bfor (the )?(second|third|last) time\b|\b\d+ (days|weeks|months) (without|since|of silence)\b`)

// harsh are words that have no place in a title or a description, besides those of
// unkind.
var harsh = []string{
	"finally", "at last", "at once", "right away", "quickly", "hasn't", "has not", "still no", "still not", "owe", "owes", "owed",
	"should have", "ought", "need to", "have to", "neglect", "shame", "blame", "fault", "disappoint", "disappointed", "excuse", "never answered",
	"never replied", "opportunity", "lead", "leads", "funnel", "convert", "customer", "client", "target", "him", "hers", "himself", "herself",
}

// checkWords demands of a title and a description what SPEC I12 and section 7 do.
// Words that came from others are not ours to judge; foreign says that there are
// some.
func checkWords(t interface{ Fatalf(string, ...any) }, title, text string, foreign bool) {
	if title == "" || utf8.RuneCountInString(title) > 60 {
		t.Fatalf("title of %d characters: %q", utf8.RuneCountInString(title), title)
	}
	if n := utf8.RuneCountInString(text); n > 1500 {
		t.Fatalf("description of %d characters under %q", n, title)
	}
	hidden := func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d' || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	}
	if strings.ContainsFunc(title, hidden) || strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), hidden) {
		t.Fatalf("%q or its description holds what it must not:\n%q", title, text)
	}
	if foreign {
		return
	}
	for _, s := range []string{title, text} {
		lint(t, s)
		words := " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' }), " ") + " "
		for _, h := range harsh {
			if strings.Contains(words, " "+h+" ") {
				t.Fatalf("%q in %q", h, s)
			}
		}
		if c := counting.FindString(s); c != "" {
			t.Fatalf("%q counts in %q", c, s)
		}
	}
}

// TestWordsAreKind writes every kind of follow-up from any facts: its words urge
// nobody, accuse nobody, and stay within the limits.
func TestWordsAreKind(t *testing.T) {
	all := planner.AllWords()
	if len(all) < 15 {
		t.Fatalf("only %q have words", all)
	}
	mild := []string{"", "12 May", "Plans for the garden", "Wolfeschlegelsteinhausenbergerdorff " + strings.Repeat("Maria ", 200), strings.Repeat("é", 1000)}
	rapid.Check(t, func(t *rapid.T) {
		for _, words := range all {
			var f planner.Saying
			fill(t, reflect.ValueOf(&f).Elem(), rapid.SampledFrom(mild))
			title, text := planner.Write(words, f, rapid.Bool().Draw(t, "neutral"))
			checkWords(t, title, text, false)
		}
	})
}

// fill draws every field of a struct; text as others write it is cut to the length
// that the planner lets through.
func fill(t *rapid.T, v reflect.Value, text *rapid.Generator[string]) {
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case field.Kind() == reflect.Struct && v.Type().Field(i).Anonymous:
			fill(t, field, text)
		case name == "Name":
			field.SetString(planner.Clean(text.Draw(t, name)+"Pat", 40))
		case name == "Count":
			field.SetInt(int64(rapid.IntRange(1, 60).Draw(t, name)))
		case field.Kind() == reflect.Int:
			field.SetInt(int64(rapid.IntRange(0, 800).Draw(t, name)))
		case field.Kind() == reflect.Bool:
			field.SetBool(rapid.Bool().Draw(t, name))
		case slices.Contains([]string{"On", "Day", "Coffee", "For", "Back", "Code"}, name):
			field.SetString("12 September 2026")
		case field.Kind() == reflect.String:
			field.SetString(planner.Clean(text.Draw(t, name), 80))
		case name == "People":
			for range rapid.IntRange(1, 20).Draw(t, name) {
				field.Set(reflect.Append(field, reflect.ValueOf(planner.Clean(text.Draw(t, name), 40))))
			}
		}
	}
}
