package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// WriteEffective writes the configuration as it is in force, with every default
// filled in and every password and password command masked. What it writes is
// TOML that Parse reads.
func (c *Config) WriteEffective(w io.Writer) error {
	var p printer
	p.table(reflect.ValueOf(c).Elem(), "")
	_, err := io.WriteString(w, strings.TrimLeft(p.String(), "\n"))
	return err
}

type printer struct{ strings.Builder }

// table writes the plain keys of a struct, then its tables, as TOML demands.
func (p *printer) table(v reflect.Value, path string) {
	type child struct {
		value reflect.Value
		path  string
	}
	var tables []child
	for _, f := range reflect.VisibleFields(v.Type()) {
		key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if key == "" || key == "-" {
			continue
		}
		value, err := v.FieldByIndexErr(f.Index)
		if err != nil || isEmpty(value) {
			continue
		}
		if isTable(value) {
			tables = append(tables, child{value, strings.TrimPrefix(path+"."+key, ".")})
			continue
		}
		fmt.Fprintf(p, "%s = %s\n", key, inline(value))
	}
	for _, t := range tables {
		p.child(reflect.Indirect(t.value), t.path)
	}
}

// child writes a table, a list of tables or a table of tables.
func (p *printer) child(v reflect.Value, path string) {
	switch v.Kind() { //nolint:exhaustive // the configuration has no other kinds
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			fmt.Fprintf(p, "\n[%s.%s]\n", path, tomlKey(k.String()))
			p.table(v.MapIndex(k), path+"."+k.String())
		}
	case reflect.Slice:
		for i := range v.Len() {
			fmt.Fprintf(p, "\n[[%s]]\n", path)
			p.table(v.Index(i), path)
		}
	default:
		fmt.Fprintf(p, "\n[%s]\n", path)
		p.table(v, path)
	}
}

// isEmpty reports whether a value is not set. False and 0 are values; an empty
// text, a missing table or a list that was not given is not.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() { //nolint:exhaustive // the configuration has no other kinds
	case reflect.String:
		return v.Len() == 0
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return v.IsNil()
	default:
		return false
	}
}

// isTable reports whether a value is written under a header of its own. A time
// away is not: { from = …, to = … } reads better.
func isTable(v reflect.Value) bool {
	t := v.Type()
	if t == reflect.TypeFor[[]Away]() {
		return false
	}
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() == reflect.Map || t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// inline writes a value on one line.
func inline(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case Date:
		return string(x)
	case Holiday:
		if x.isFile() {
			return quote(string(x))
		}
		return string(x)
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			panic(err) // none of ours fails
		}
		return quote(string(text))
	case Away:
		return fmt.Sprintf("{ from = %s, to = %s }", x.From, x.To)
	}
	switch v.Kind() { //nolint:exhaustive // the configuration has no other kinds
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = inline(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.String:
		return quote(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	default:
		return strconv.FormatInt(v.Int(), 10)
	}
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// tomlKey quotes a key where it must be.
func tomlKey(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" {
		return s
	}
	return quote(s)
}
