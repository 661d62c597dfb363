package text

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxBody is how much of a body is read, in bytes (the text pass fetches no more).
const maxBody = 32 << 10

// Cut counts the lines that were left out of a body, by why.
type Cut struct {
	Quoted     int // another's words, with what says so ("On … wrote:")
	Forwarded  int
	Signature  int
	Disclaimer int
}

// passedOn reports whether there are words of others in it.
func (c Cut) passedOn() bool { return c.Quoted > 0 || c.Forwarded > 0 || c.Disclaimer > 0 }

// New returns the paragraphs of a body that its writer newly wrote, and what was cut
// from around them. Only the first 32 KiB are read. Where it is in doubt whose words
// a line has, the line is cut. A paragraph is as written but for white space at the
// ends of lines and characters that are not seen.
func New(body string) ([]string, Cut) {
	s := stripper{lines: lines(body)}
	for s.at < len(s.lines) {
		s.step()
	}
	s.contact()
	return s.paragraphs(), s.cut
}

type stripper struct {
	lines []string
	at    int
	kept  []string
	cut   Cut
}

// step takes the next line, or more where they belong together.
func (s *stripper) step() {
	line := s.lines[s.at]
	bare := strings.TrimSpace(line)
	switch {
	case isQuoted(bare):
		s.quotedBlock()
	case bare == "":
		s.keep(line)
	case isSeparator(bare, mailWords.forwarded):
		s.rest(&s.cut.Forwarded)
	case isSeparator(bare, mailWords.original) || s.headerBlock():
		s.dropRule()
		s.rest(&s.cut.Quoted)
	case (isSignatureMark(bare) || isRule(bare)) && s.hasText():
		s.signature()
	case isDevice(bare):
		s.skip(&s.cut.Signature, 1)
	default:
		s.attributed(line)
	}
}

func (s *stripper) keep(line string) {
	s.kept = append(s.kept, line)
	s.at++
}

func (s *stripper) skip(count *int, lines int) {
	for range min(lines, len(s.lines)-s.at) {
		if strings.TrimSpace(s.lines[s.at]) != "" {
			*count++
		}
		s.at++
	}
	s.kept = append(s.kept, "") // what was beside a cut is no paragraph with what follows
}

func (s *stripper) rest(count *int) { s.skip(count, len(s.lines)-s.at) }

func (s *stripper) hasText() bool {
	return slices.ContainsFunc(s.kept, func(l string) bool { return strings.TrimSpace(l) != "" })
}

// attributed keeps a line, or cuts it if an attribution begins with it: then all
// that follows is quoted, unless the quote is marked line by line, so that answers
// may stand between.
func (s *stripper) attributed(line string) {
	n := s.attribution()
	if n == 0 {
		s.keep(line)
		return
	}
	s.skip(&s.cut.Quoted, n)
	for i := s.at; i < len(s.lines); i++ {
		if bare := strings.TrimSpace(s.lines[i]); bare != "" {
			if !isQuoted(bare) {
				s.rest(&s.cut.Quoted)
			}
			return
		}
	}
}

// quotedBlock cuts marked lines. A short line between two of them is the end of a
// long quoted line that a program has broken.
func (s *stripper) quotedBlock() {
	for s.at < len(s.lines) {
		bare := strings.TrimSpace(s.lines[s.at])
		if !isQuoted(bare) && !s.brokenQuote(bare) {
			return
		}
		s.skip(&s.cut.Quoted, 1)
	}
}

func (s *stripper) brokenQuote(bare string) bool {
	if bare == "" || s.at == 0 || s.at+1 >= len(s.lines) || len(bare) > 40 {
		return false
	}
	before := strings.TrimSpace(s.lines[s.at-1])
	return isQuoted(before) && len(before) >= 60 && isQuoted(strings.TrimSpace(s.lines[s.at+1]))
}

// signature cuts what stands below "-- " or a line of underscores, until a quote
// begins: some programs put the signature above what is quoted, and answers below
// that.
func (s *stripper) signature() {
	for s.at < len(s.lines) {
		bare := strings.TrimSpace(s.lines[s.at])
		if isQuoted(bare) || isSeparator(bare, mailWords.forwarded) || isSeparator(bare, mailWords.original) || s.headerBlock() {
			return
		}
		s.skip(&s.cut.Signature, 1)
	}
}

// dropRule takes back a line of underscores or dashes above a quoted header.
func (s *stripper) dropRule() {
	for i, line := range slices.Backward(s.kept) {
		bare := strings.TrimSpace(line)
		if bare == "" {
			continue
		}
		if strings.Trim(bare, "_-=*") == "" || lotusName.MatchString(bare) || isDateLine(bare) {
			s.kept = s.kept[:i]
			s.cut.Quoted++
			continue
		}
		return
	}
}

// contact cuts the lines with addresses and numbers that stand below the writer's
// name at the end, and disclaimers anywhere.
func (s *stripper) contact() {
	last := len(s.kept)
	for last > 0 && strings.TrimSpace(s.kept[last-1]) == "" {
		last--
	}
	cut, found := last, 0
	for i := last - 1; i > 0 && i >= last-8; i-- {
		bare := strings.TrimSpace(s.kept[i])
		if len(bare) > 70 || strings.ContainsAny(bare, "?!") || isClosing(bare) {
			break
		}
		if isContact(bare) {
			cut = i
			found++
		}
	}
	if found == 0 || found == 1 && !isTitle(s.kept[cut-1]) {
		return // one link below a sentence is what the mail is about
	}
	for cut > last-8 && cut >= 2 && isTitle(s.kept[cut-1]) && isTitle(s.kept[cut-2]) {
		cut--
	}
	s.cut.Signature += last - cut
	s.kept = s.kept[:cut]
}

func (s *stripper) paragraphs() []string {
	var found []string
	var now []string
	end := func() {
		if len(now) == 0 {
			return
		}
		paragraph := strings.Join(now, "\n")
		if isDisclaimer(paragraph) {
			s.cut.Disclaimer += len(now)
		} else {
			found = append(found, paragraph)
		}
		now = nil
	}
	for _, line := range s.kept {
		if strings.TrimSpace(line) == "" {
			end()
			continue
		}
		now = append(now, strings.TrimRightFunc(line, unicode.IsSpace))
	}
	end()
	return found
}

// lines cuts a body to its bound and parts it, without characters that are not seen.
func lines(body string) []string {
	if len(body) > maxBody {
		body = body[:maxBody]
		for len(body) > 0 && !utf8.RuneStart(body[len(body)-1]) {
			body = body[:len(body)-1]
		}
		if r, _ := utf8.DecodeLastRuneInString(body); r == utf8.RuneError && len(body) > 0 {
			body = body[:len(body)-1]
		}
	}
	body = strings.ReplaceAll(body, "\r\n", "\n")
	body = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r', r == '\u2028', r == '\u2029':
			return '\n'
		case r == '\u00a0':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError:
			return -1
		}
		return r
	}, body)
	return strings.Split(body, "\n")
}

var (
	initials  = regexp.MustCompile(`^[A-Z]{1,3}>`)
	address   = regexp.MustCompile(`[^\s<>@]+@[^\s<>@]+\.[\pL]{2,}`)
	clockTime = regexp.MustCompile(`\b\d{1,2}[:.h]\d{2}\b`)
	year      = regexp.MustCompile(`\b(19|20)\d\d\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{4}年`)
	dateStart = regexp.MustCompile(`^(19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}\b`)
	lotusName = regexp.MustCompile(`^[\pL .,'"-]+(@[A-Za-z]+|/[A-Za-z/@]+)( on .*)?$`)
	dateOnly  = regexp.MustCompile(`^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}[ \t,]+\d{1,2}:\d{2}( ?[AaPp][Mm])?$`)
	nameWrote = regexp.MustCompile(`^\p{Lu}[\pL'.-]+( \p{Lu}[\pL'.-]+){1,3} \p{Ll}+(\([a-z]+\))?( \p{Ll}+)? ?[:：]$`)
	phone     = regexp.MustCompile(`(^|[^\d])\+?\(?\d[\d ().\-/]{6,}\d`)
	site      = regexp.MustCompile(`(?i)\b(https?://|www\.)\S+`)
)

// words that mail programs write, see data/mail.txt.
var mailWords = func() (w struct {
	wrote, original, forwarded, device, disclaimer, closing []string
	label                                                   map[string]string // to the section it is of
},
) {
	s := sections("mail.txt")
	w.wrote, w.original, w.forwarded = s["wrote"], s["original"], s["forwarded"]
	w.device, w.disclaimer, w.closing = s["device"], s["disclaimer"], s["closing"]
	w.label = map[string]string{}
	for _, kind := range []string{"to", "sent", "subject", "from"} {
		for _, word := range s[kind] {
			w.label[word] = kind
		}
	}
	return w
}()

func isQuoted(bare string) bool {
	return strings.HasPrefix(bare, ">") || strings.HasPrefix(bare, "| ") || bare == "|" ||
		strings.HasPrefix(bare, "＞") || initials.MatchString(bare)
}

// isSeparator is for a line such as "-----Original Message-----".
func isSeparator(bare string, words []string) bool {
	if len(bare) > 160 {
		return false
	}
	inner := strings.Trim(bare, "-_=*— \t")
	ruled := len(bare)-len(inner) >= 4 && strings.IndexAny(bare, "-_=*—") == 0
	inner = strings.ToLower(inner)
	for _, word := range words {
		if strings.HasPrefix(inner, word) && (ruled || strings.HasSuffix(inner, ":") && len(inner) < len(word)+12) {
			return true
		}
	}
	return false
}

func isSignatureMark(bare string) bool {
	return bare == "--" || bare == "—" || bare == "__"
}

// isRule is for the line below which free mail and mailing lists add their own.
func isRule(bare string) bool { return len(bare) >= 20 && strings.Trim(bare, "_") == "" }

func isDevice(bare string) bool {
	if len(bare) > 110 {
		return false
	}
	bare = strings.ToLower(strings.TrimLeft(bare, "<([*_- "))
	return slices.ContainsFunc(mailWords.device, func(word string) bool {
		if strings.HasPrefix(bare, word) {
			return len(strings.Fields(bare)) <= 12
		}
		return !isASCII(word) && strings.HasSuffix(bare, word)
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// attribution says how many lines, from here, tell who wrote what follows: a line
// that ends with ":" (or dashes) behind a word for writing, or a date before and an
// address at the end. It may be broken over lines.
func (s *stripper) attribution() int {
	var joined string
	for n := 1; n <= 8 && s.at+n <= len(s.lines); n++ {
		joined = strings.TrimSpace(joined + " " + strings.TrimSpace(s.lines[s.at+n-1]))
		if len(joined) > 300 {
			return 0
		}
		if isAttribution(joined) && !s.continues(n) {
			return n
		}
		if n == 1 && !opensAttribution(joined) {
			return 0
		}
	}
	return 0
}

// continues tells that the attribution goes on after its n-th line.
func (s *stripper) continues(n int) bool {
	last := strings.TrimSpace(s.lines[s.at+n-1])
	return strings.HasSuffix(last, ">") && s.at+n < len(s.lines) &&
		slices.ContainsFunc(mailWords.wrote, func(w string) bool {
			return strings.HasPrefix(strings.ToLower(strings.TrimSpace(s.lines[s.at+n])), w)
		})
}

// opensAttribution is for the first line of one that may be broken: it has the date
// or the address already.
func opensAttribution(line string) bool {
	return year.MatchString(line) || clockTime.MatchString(line) && strings.ContainsAny(line, "<@\",") ||
		address.MatchString(line)
}

func isAttribution(line string) bool {
	dated := year.MatchString(line) || clockTime.MatchString(line)
	addressed := address.MatchString(line)
	if dateStart.MatchString(line) && addressed && strings.HasSuffix(line, ">") {
		return true
	}
	if !dated && !addressed {
		return nameWrote.MatchString(line) && endsWithWrote(strings.ToLower(strings.TrimRight(line, " :：")))
	}
	end := strings.TrimRight(line, " -")
	if !strings.HasSuffix(end, ":") && !strings.HasSuffix(end, "：") {
		return strings.HasPrefix(line, "--") && endsWithWrote(strings.ToLower(end))
	}
	end = strings.ToLower(strings.TrimRight(end, " :："))
	if endsWithWrote(end) {
		return true
	}
	// "Max <max@example.org> schrieb am Fr., 28. Apr. 2017 um 11:53 Uhr:", and the
	// languages whose word is not known.
	return dated && addressed || dated && slices.ContainsFunc(mailWords.wrote, func(w string) bool {
		return !isASCII(w) && strings.Contains(end, w) || strings.Contains(end, " "+w+" ")
	})
}

func endsWithWrote(end string) bool {
	return slices.ContainsFunc(mailWords.wrote, func(w string) bool { return strings.HasSuffix(end, w) })
}

// headerBlock tells that a quoted header begins here: three different labels in the
// next lines, the first on this one.
func (s *stripper) headerBlock() bool {
	if labelOf(s.lines[s.at]) == "" {
		return false
	}
	seen := map[string]bool{}
	for i := s.at; i < len(s.lines) && i < s.at+10; i++ {
		if strings.TrimSpace(s.lines[i]) == "" {
			break
		}
		kind := labelOf(s.lines[i])
		if kind == "" {
			continue
		}
		seen[kind] = true
		for word := range strings.FieldsSeq(s.lines[i]) { // all on one line, out of HTML
			if kind := mailWords.label[strings.ToLower(strings.TrimSuffix(word, ":"))]; kind != "" && strings.HasSuffix(word, ":") {
				seen[kind] = true
			}
		}
	}
	return len(seen) >= 3 || len(seen) == 2 && seen["to"] && seen["subject"] && s.dateAbove()
}

// dateAbove is for the headers of Lotus Notes: name and date stand above them.
func (s *stripper) dateAbove() bool {
	for i := s.at - 1; i >= 0 && i >= s.at-2; i-- {
		if isDateLine(strings.TrimSpace(s.lines[i])) {
			return true
		}
	}
	return false
}

func isDateLine(bare string) bool { return dateOnly.MatchString(bare) }

func labelOf(line string) string {
	line = strings.Trim(line, " \t*_>-")
	head, _, found := strings.Cut(strings.Replace(line, "：", ":", 1), ":")
	if !found || len(head) > 30 {
		return ""
	}
	return mailWords.label[strings.ToLower(strings.Trim(head, " *_"))]
}

// isContact is for a line that is little more than a number, a site or an address.
func isContact(bare string) bool {
	for _, kind := range []*regexp.Regexp{phone, site, address} {
		if rest := kind.ReplaceAllString(bare, " "); rest != bare && len(strings.Fields(rest)) <= 3 {
			return true
		}
	}
	return false
}

// isTitle is for a line of a signature such as "Head of Sales, Example Ltd".
func isTitle(line string) bool {
	bare := strings.TrimSpace(line)
	if bare == "" || len(bare) > 60 || strings.HasSuffix(bare, ".") || isClosing(bare) {
		return false
	}
	first, _ := utf8.DecodeRuneInString(bare)
	return unicode.IsUpper(first) && len(strings.Fields(bare)) <= 7 && !strings.ContainsAny(bare, "?!:;")
}

func isClosing(bare string) bool {
	return slices.Contains(mailWords.closing, strings.ToLower(strings.Trim(bare, " ,.!-")))
}

func isDisclaimer(paragraph string) bool {
	if len(paragraph) < 120 {
		return false
	}
	paragraph = strings.ToLower(strings.ReplaceAll(paragraph, "\n", " "))
	n := 0
	for _, word := range mailWords.disclaimer {
		if strings.Contains(paragraph, word) {
			n++
		}
	}
	return n >= 3
}
