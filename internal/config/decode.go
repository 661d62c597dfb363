package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// textValue is a type that is written as a text in the file.
type textValue interface {
	encoding.TextUnmarshaler
	wants() string // what to write, for an error about another type
}

// decoder fills the configuration from the tree. It remembers where each value
// stands, so that later checks can point at it.
type decoder struct {
	*document
	places map[string]int // path, as "account[0].imap.host", to offset
}

// at returns the offset of the value at a path, or of the nearest table around
// it that is in the file.
func (d *decoder) at(path string) int {
	for path != "" {
		if offset, ok := d.places[path]; ok {
			return offset
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// given reports whether the file sets a path.
func (d *decoder) given(path string) bool {
	_, ok := d.places[path]
	return ok
}

// fail records an error about the value at a path, unless something is wrong at
// that place already: then this would only be its consequence.
func (d *decoder) fail(path, format string, args ...any) {
	before := len(d.errs)
	d.errorf(d.at(path), format, args...)
	last := d.errs[before]
	if slices.ContainsFunc(d.errs[:before], func(e *Error) bool { return e.Line == last.Line && e.Column == last.Column }) {
		d.errs = d.errs[:before]
	}
}

// decode sets v, which is addressable, from n. The path is for places; name is
// how messages call the value.
func (d *decoder) decode(n *node, v reflect.Value, path, name string) {
	d.places[path] = n.at
	if tv, ok := reflect.TypeAssert[textValue](v.Addr()); ok {
		d.decodeText(n, tv, name)
		return
	}
	switch v.Kind() { //nolint:exhaustive // the configuration has no other kinds
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path, name)
	case reflect.Struct:
		d.decodeStruct(n, v, path, name)
	case reflect.Map:
		d.decodeMap(n, v, path, name)
	case reflect.Slice:
		d.decodeSlice(n, v, path, name)
	case reflect.String:
		if d.expect(n, name, `a text, like "text"`, unstable.String) {
			v.SetString(n.text)
		}
	case reflect.Bool:
		if d.expect(n, name, "true or false", unstable.Bool) {
			v.SetBool(n.text == "true")
		}
	case reflect.Int:
		d.decodeInt(n, v, name)
	default:
		panic("config: no rule for " + v.Type().String())
	}
}

// expect checks the type of a value and says what it should have been.
func (d *decoder) expect(n *node, name, want string, kinds ...unstable.Kind) bool {
	if slices.Contains(kinds, n.kind) {
		return true
	}
	d.errorf(n.at, "%s must be %s, not %s", name, want, kindName(n.kind))
	return false
}

func kindName(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a text"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "a number"
	case unstable.Float:
		return "a number with a fraction"
	case unstable.LocalDate:
		return "a date"
	case unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		return "a time"
	case unstable.Array:
		return "a list"
	case unstable.Table, unstable.InlineTable:
		return "a table"
	case unstable.ArrayTable:
		return "a list of tables"
	case unstable.Invalid, unstable.Comment, unstable.Key, unstable.KeyValue:
	}
	return "something else"
}

func (d *decoder) decodeText(n *node, v textValue, name string) {
	kinds := []unstable.Kind{unstable.String}
	switch v.(type) {
	case *Date, *Holiday:
		kinds = append(kinds, unstable.LocalDate)
	case *BusinessDays:
		kinds = append(kinds, unstable.Integer)
	}
	if !d.expect(n, name, v.wants(), kinds...) {
		return
	}
	if err := v.UnmarshalText([]byte(n.text)); err != nil {
		d.errorf(n.at, "%s: %s", strings.TrimPrefix(name, entryOf), err)
	}
}

func (d *decoder) decodeInt(n *node, v reflect.Value, name string) {
	if !d.expect(n, name, "a whole number", unstable.Integer) {
		return
	}
	i, err := strconv.ParseInt(n.text, 0, 32)
	if err != nil {
		d.errorf(n.at, "%s: this number is too large", name)
		return
	}
	v.SetInt(i)
}

func (d *decoder) decodeSlice(n *node, v reflect.Value, path, name string) {
	tables := v.Type().Elem().Kind() == reflect.Struct
	switch {
	case n.kind == unstable.Table && tables && n.header && n.at == n.key: // not an inline table
		d.errorf(n.key, "%s is a list: write [[%[1]s]], in double brackets, for each", name)
		return
	case !n.isList():
		d.errorf(n.at, "%s must be a list, like %s, not %s", name, listExample(v.Type().Elem()), kindName(n.kind))
		return
	}
	if !tables {
		name = entryOf + name
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		d.decode(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i), name)
	}
}

// entryOf stands before the name of a list where a message is about one value.
const entryOf = "an entry of "

func listExample(elem reflect.Type) string {
	switch tv := reflect.New(elem).Interface().(type) {
	case *Date, *Holiday:
		return "[2027-01-01]"
	case *Weekday:
		return `["mon", "tue"]`
	case textValue:
		return `["` + strings.Trim(lastWord(tv.wants()), `"`) + `"]`
	}
	if elem.Kind() == reflect.Struct {
		return "[{ … }]"
	}
	return `["text"]`
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

func (d *decoder) decodeMap(n *node, v reflect.Value, path, name string) {
	if !d.expect(n, name, "a table", unstable.Table) {
		return
	}
	for _, key := range n.keys {
		elem := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key())); old.IsValid() {
			elem.Set(old)
		}
		d.decode(n.table[key], elem, path+"."+key, name+"."+key)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), elem)
	}
}

func (d *decoder) decodeStruct(n *node, v reflect.Value, path, name string) {
	if n.isList() && !strings.HasSuffix(path, "]") {
		d.errorf(n.key, "%s stands once: write [%[1]s], in single brackets", name)
		return
	}
	if !d.expect(n, name, "a table", unstable.Table) {
		return
	}
	fields := fieldsOf(v.Type())
	for _, key := range n.keys {
		child := n.table[key]
		index, ok := fields[key]
		if !ok {
			message, meant := unknownKey(key, name, v.Type())
			d.errorf(child.key, "%s", message)
			if meant != "" { // so it is not reported as missing too
				d.places[strings.TrimPrefix(path+"."+meant, ".")] = child.key
			}
			continue
		}
		d.decode(child, v.FieldByIndex(index), strings.TrimPrefix(path+"."+key, "."), fullName(name, v.Type(), key))
	}
}

// fullName is how messages call a key: a table by its whole path, any other
// value by its key alone, since the position says the rest.
func fullName(table string, t reflect.Type, key string) string {
	f := t.FieldByIndex(fieldsOf(t)[key]).Type
	for f.Kind() == reflect.Pointer || f.Kind() == reflect.Slice {
		f = f.Elem()
	}
	if _, text := reflect.TypeAssert[textValue](reflect.New(f)); !text && (f.Kind() == reflect.Struct || f.Kind() == reflect.Map) {
		return strings.TrimPrefix(table+"."+key, ".")
	}
	return key
}

// fieldsOf maps the keys of a table to the fields of its struct; embedded
// structs lend theirs.
func fieldsOf(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if key, _, _ := strings.Cut(f.Tag.Get("toml"), ","); key != "" && key != "-" {
			fields[key] = f.Index
		}
	}
	return fields
}

// later are keys of the documentation that this version does not act on.
// Taking them silently would promise what is not done.
var later = map[string]string{
	"account.oauth2": "[account.oauth2] is not available in this version of syncd; use an app password of your provider",
}

// unknownKey says what to write instead of a key that a table does not have,
// and which key of this table was probably meant.
func unknownKey(key, table string, t reflect.Type) (message, meant string) {
	if text, ok := later[strings.TrimPrefix(table+"."+key, ".")]; ok {
		return text, ""
	}
	known := slices.Sorted(maps.Keys(fieldsOf(t)))
	message = fmt.Sprintf("unknown key %q", key)
	if table != "" {
		message += " in " + header(table)
	}
	guess, distance := nearest(key, known)
	home := homeOf(key)
	switch {
	case guess != "" && (distance <= 1 || home == ""):
		return fmt.Sprintf("%s; did you mean %q?", message, guess), guess
	case home != "":
		return fmt.Sprintf("%s; did you mean %s?", message, home), ""
	}
	return message + "; known here: " + strings.Join(known, ", "), ""
}

// header returns a table's name as it is written at its top.
func header(table string) string {
	if table == "account" || table == "contact" {
		return "[[" + table + "]]"
	}
	return "[" + table + "]"
}

// homeOf says where a key of this name is known: "host in [account.imap]", or
// "[followups]" for a table.
func homeOf(key string) string {
	home := ""
	walk(reflect.TypeFor[Config](), "", func(path string) {
		table, found := strings.CutSuffix(path, "."+key)
		switch {
		case home != "":
		case path == key:
			home = header(key)
		case found:
			home = fmt.Sprintf("%q in %s", key, header(table))
		}
	})
	return home
}

// Keys lists every key of the configuration, tables by their dotted path, with
// NAME where the user chooses a name.
func Keys() []string {
	var keys []string
	walk(reflect.TypeFor[Config](), "", func(path string) { keys = append(keys, path) })
	return keys
}

// walk calls visit with the path of every key below t.
func walk(t reflect.Type, path string, visit func(string)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	_, text := reflect.TypeAssert[textValue](reflect.New(t))
	switch {
	case text:
	case t.Kind() == reflect.Map:
		walk(t.Elem(), path+".NAME", visit)
	case t.Kind() == reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if key, _, _ := strings.Cut(f.Tag.Get("toml"), ","); key != "" && key != "-" {
				child := strings.TrimPrefix(path+"."+key, ".")
				visit(child)
				walk(f.Type, child, visit)
			}
		}
	}
}

// nearest returns the candidate that takes the fewest edits to reach, if they
// are few enough to be a slip, and their number.
func nearest(word string, candidates []string) (string, int) {
	best, least := "", max(2, len(word)/3)+1
	for _, c := range candidates {
		if n := edits(strings.ToLower(word), strings.ToLower(c)); n < least && n < len(c) {
			best, least = c, n
		}
	}
	return best, least
}

// edits counts insertions, deletions, replacements and swaps of neighbours
// between a and b (optimal string alignment).
func edits(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
