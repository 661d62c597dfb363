package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"syncd/internal/auth"

	"golang.org/x/net/idna"
)

const day = 24 * time.Hour

// Duration is a span of time: "14d", "36h", "30m". A day has 24 hours.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	units := map[byte]time.Duration{'d': day, 'h': time.Hour, 'm': time.Minute}
	if len(text) > 1 {
		n, err := strconv.ParseUint(string(text[:len(text)-1]), 10, 16)
		if unit, ok := units[text[len(text)-1]]; ok && err == nil {
			*d = Duration(time.Duration(n) * unit)
			return nil
		}
	}
	return fmt.Errorf("%q is not a length of time; write days, hours or minutes, like \"14d\", \"36h\" or \"30m\"", text)
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) {
	t := time.Duration(d)
	switch {
	case t%day == 0:
		return fmt.Appendf(nil, "%dd", t/day), nil
	case t%time.Hour == 0:
		return fmt.Appendf(nil, "%dh", t/time.Hour), nil
	}
	return fmt.Appendf(nil, "%dm", t/time.Minute), nil
}

func (*Duration) wants() string { return `a length of time, like "14d"` }

// BusinessDays is a number of business days: "5bd", or 5. Zero is "keep".
type BusinessDays int

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *BusinessDays) UnmarshalText(text []byte) error {
	if string(text) == "keep" {
		*b = 0
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(string(text), "bd"))
	if err != nil || n < 1 || n > 100 {
		return fmt.Errorf("%q is not a number of working days; write \"1bd\" to \"100bd\", or \"keep\"", text)
	}
	*b = BusinessDays(n)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (b BusinessDays) MarshalText() ([]byte, error) {
	if b == 0 {
		return []byte("keep"), nil
	}
	return fmt.Appendf(nil, "%dbd", int(b)), nil
}

func (*BusinessDays) wants() string { return `a number of working days, like "5bd"` }

// Clock is a time of day, as the time since midnight: "18:00".
type Clock time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Clock) UnmarshalText(text []byte) error {
	t, err := time.Parse("15:04", string(text))
	if err != nil || len(text) != len("15:04") {
		return fmt.Errorf("%q is not a time of day; write it like \"09:00\"", text)
	}
	*c = Clock(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the time as it is written in the file.
func (c Clock) String() string {
	t := time.Duration(c)
	return fmt.Sprintf("%02d:%02d", t/time.Hour, t%time.Hour/time.Minute)
}

func (*Clock) wants() string { return `a time of day, like "18:00"` }

// Hours is a part of a day: "09:00-17:00".
type Hours struct{ From, To Clock }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hours) UnmarshalText(text []byte) error {
	from, to, ok := strings.Cut(string(text), "-")
	var parsed Hours
	if !ok || parsed.From.UnmarshalText([]byte(strings.TrimSpace(from))) != nil || parsed.To.UnmarshalText([]byte(strings.TrimSpace(to))) != nil {
		return fmt.Errorf("%q is not a span of hours; write it like \"09:00-17:00\"", text)
	}
	if parsed.From >= parsed.To {
		return fmt.Errorf("the day ends at %s, before or when it begins at %s; write the earlier time first", parsed.To, parsed.From)
	}
	*h = parsed
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (h Hours) MarshalText() ([]byte, error) {
	return []byte(h.From.String() + "-" + h.To.String()), nil
}

func (*Hours) wants() string { return `a span of hours, like "09:00-17:00"` }

// Weekday is a day of the week: "mon".
type Weekday time.Weekday

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Weekday) UnmarshalText(text []byte) error {
	i := slices.Index(weekdays, string(text))
	if i < 0 {
		return choose(string(text), weekdays)
	}
	*w = Weekday(i)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (w Weekday) MarshalText() ([]byte, error) { return []byte(weekdays[w]), nil }

func (*Weekday) wants() string { return `a day, like "mon"` }

// choose is the error about a word that is none of a few.
func choose(word string, words []string) error {
	if guess, _ := nearest(word, words); guess != "" {
		return fmt.Errorf("%q is not known; did you mean %q?", word, guess)
	}
	return fmt.Errorf("%q is not known; choose one of: %s", word, strings.Join(words, ", "))
}

// Date is a civil date: 2027-01-01, with or without quotes.
type Date string

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	if _, err := time.Parse(time.DateOnly, string(text)); err != nil {
		return fmt.Errorf("%q is not a date; write year, month and day, like 2027-01-01", text)
	}
	*d = Date(text)
	return nil
}

func (*Date) wants() string { return "a date, like 2027-01-01" }

// asciiDomain writes a domain in lower case and A-labels (RFC 5890 section
// 2.3.2.1), as mail bears it. Labels that cannot be, such as one with a
// wildcard, stay as they are.
func asciiDomain(domain string) string {
	labels := strings.Split(strings.ToLower(domain), ".")
	for i, l := range labels {
		if a, err := idna.Lookup.ToASCII(l); err == nil {
			labels[i] = a
		}
	}
	return strings.Join(labels, ".")
}

// Address is a mail address, in lower case with the domain in A-labels.
type Address string

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(text []byte) error {
	parsed, err := mail.ParseAddress(string(text))
	if err != nil || parsed.Name != "" || parsed.Address != string(text) {
		return fmt.Errorf("%q is not a mail address; write it like \"ana@example.org\"", text)
	}
	at := strings.LastIndexByte(string(text), '@')
	*a = Address(strings.ToLower(string(text[:at+1])) + asciiDomain(string(text[at+1:])))
	return nil
}

func (*Address) wants() string { return `a mail address, like "ana@example.org"` }

// domain returns what stands behind the @.
func (a Address) domain() Domain { return Domain(a[strings.LastIndexByte(string(a), '@')+1:]) }

// untagged takes a plus-tag away.
func (a Address) untagged() Address {
	local := a[:max(strings.LastIndexByte(string(a), '@'), 0)]
	if i := strings.IndexByte(string(local), '+'); i > 0 {
		return local[:i] + a[len(local):]
	}
	return a
}

// Domain is a domain name, in lower case and A-labels.
type Domain string

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Domain) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil || s == "" || strings.ContainsAny(s, "@*/: ") {
		if at := strings.LastIndexByte(s, '@'); at >= 0 && at < len(s)-1 {
			return fmt.Errorf("%q is not a domain; write what stands behind the @, here %q", text, s[at+1:])
		}
		return fmt.Errorf("%q is not a domain; write it like \"example.org\"", text)
	}
	*d = Domain(ascii)
	return nil
}

func (*Domain) wants() string { return `a domain, like "example.org"` }

// Glob is a pattern for folder names: * stands for any characters, ? for one.
// Nothing else has a meaning, since folders are called things like [Gmail].
// Case does not matter.
type Glob string

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *Glob) UnmarshalText(text []byte) error {
	s := string(text)
	if strings.TrimSpace(s) == "" || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%q is not a pattern; write a name like \"Archive\", with * for any characters", text)
	}
	*g = Glob(s)
	return nil
}

func (*Glob) wants() string { return `a pattern, like "Archive*"` }

// Match reports whether s fits the pattern.
func (g Glob) Match(s string) bool {
	return match([]rune(strings.ToLower(string(g))), []rune(strings.ToLower(s)))
}

// Literal reports whether the pattern has no wildcard.
func (g Glob) Literal() bool { return !strings.ContainsAny(string(g), "*?") }

// match goes back to the last star only, which is enough and linear in
// practice.
func match(pattern, s []rune) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// AddressGlob is a mail address or a pattern for some: "*@example.org".
type AddressGlob string

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *AddressGlob) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '<' || r == '>' }) || strings.Contains(domain, "@") {
		return fmt.Errorf("%q is not an address or a pattern for addresses; write it like \"ana@example.org\" or \"*@example.org\"", text)
	}
	*g = AddressGlob(local + "@" + asciiDomain(domain))
	return nil
}

func (*AddressGlob) wants() string { return `an address or a pattern for some, like "*@example.org"` }

// Path is the path of a file. In the configuration it may begin with ~/, and a
// relative one starts at the folder of the configuration.
type Path string

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Path) UnmarshalText(text []byte) error {
	if len(text) == 0 || strings.ContainsFunc(string(text), unicode.IsControl) {
		return errors.New("this is not the path of a file")
	}
	*p = Path(text)
	return nil
}

func (*Path) wants() string { return `the path of a file, like "~/secret"` }

// in resolves the path for a configuration that lies in dir.
func (p Path) in(dir, home string) Path {
	switch rest, tilde := strings.CutPrefix(string(p), "~/"); {
	case p == "":
		return ""
	case tilde && home != "":
		return Path(filepath.Join(home, rest))
	case filepath.IsAbs(string(p)):
		return p
	}
	return Path(filepath.Join(dir, string(p)))
}

// URL is the address of a calendar server or a collection, https, or http to
// this machine.
type URL string

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	switch {
	case err != nil || parsed.Host == "" || parsed.Hostname() == "" || (parsed.Scheme != "https" && parsed.Scheme != "http"):
		return errors.New(`this is not a URL; write it like "https://dav.example.org/"`) // it may hold a password: not shown
	case parsed.User != nil:
		return errors.New("a URL with a user or password in it is not accepted; set user and password_command instead")
	case parsed.Scheme == "http" && !loopback(parsed.Hostname()):
		return fmt.Errorf("http:// would send the password in the clear to %s; write https://", parsed.Host)
	case parsed.Fragment != "" || parsed.RawQuery != "":
		return errors.New("the URL may have no ? or # part")
	}
	*u = URL(text)
	return nil
}

func (*URL) wants() string { return `a URL, like "https://dav.example.org/"` }

// host returns the host without the port.
func (u URL) host() string {
	parsed, err := url.Parse(string(u))
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}

// TLSMode says how a connection is encrypted.
type TLSMode string

// The modes.
const (
	TLS      TLSMode = "tls"      // from the first byte
	StartTLS TLSMode = "starttls" // after a greeting in the clear
	NoTLS    TLSMode = "none"     // not at all, to this machine only
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *TLSMode) UnmarshalText(text []byte) error {
	return pick(m, string(text), TLS, StartTLS, NoTLS)
}

func (*TLSMode) wants() string { return `one of "tls", "starttls", "none"` }

// Resolve says what happens to an event that is no longer needed.
type Resolve string

// The ways to resolve.
const (
	ResolveDelete Resolve = "delete"
	ResolveTick   Resolve = "tick"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Resolve) UnmarshalText(text []byte) error {
	return pick(r, string(text), ResolveDelete, ResolveTick)
}

func (*Resolve) wants() string { return `one of "delete", "tick"` }

// TitleStyle says how people are named in titles.
type TitleStyle string

// The styles.
const (
	TitleFull    TitleStyle = "full"
	TitleNeutral TitleStyle = "neutral" // initials only
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *TitleStyle) UnmarshalText(text []byte) error {
	return pick(s, string(text), TitleFull, TitleNeutral)
}

func (*TitleStyle) wants() string { return `one of "full", "neutral"` }

// LogFormat is the form of log lines.
type LogFormat string

// The formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *LogFormat) UnmarshalText(text []byte) error {
	return pick(f, string(text), LogText, LogJSON)
}

func (*LogFormat) wants() string { return `one of "text", "json"` }

// LogLevel is the least severity that is logged.
type LogLevel string

// The levels.
const (
	LogDebug LogLevel = "debug"
	LogInfo  LogLevel = "info"
	LogWarn  LogLevel = "warn"
	LogError LogLevel = "error"
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *LogLevel) UnmarshalText(text []byte) error {
	return pick(l, string(text), LogDebug, LogInfo, LogWarn, LogError)
}

func (*LogLevel) wants() string { return `one of "debug", "info", "warn", "error"` }

// Level returns the level for log/slog.
func (l LogLevel) Level() slog.Level {
	switch l {
	case LogDebug:
		return slog.LevelDebug
	case LogWarn:
		return slog.LevelWarn
	case LogError:
		return slog.LevelError
	case LogInfo:
	}
	return slog.LevelInfo
}

// pick sets v to the word, if it is one of the choices.
func pick[T ~string](v *T, word string, choices ...T) error {
	if slices.Contains(choices, T(word)) {
		*v = T(word)
		return nil
	}
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	return choose(word, words)
}

// Hidden is a text that may be or hold a secret. It is shown as a mask.
type Hidden string

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hidden) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("the text is empty")
	}
	*h = Hidden(text)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (h Hidden) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// String returns a mask.
func (h Hidden) String() string {
	if h == "" {
		return ""
	}
	return auth.Mask
}

// Format prints the mask, whatever the verb.
func (h Hidden) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(h.String())) }

// LogValue implements slog.LogValuer.
func (h Hidden) LogValue() slog.Value { return slog.StringValue(h.String()) }

func (*Hidden) wants() string { return `a text, like "text"` }
