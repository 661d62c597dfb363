package demo

import (
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

// letter is a mail before a program has written it out.
type letter struct {
	id        string
	from      person
	to        []person
	at        time.Time
	subject   string
	text      string  // in the file's lines; an empty line between paragraphs
	answers   *letter // nil: it begins a thread
	automatic bool
}

// How mail programs write: the lines they break, what they quote and how, and the
// type of the body.
const (
	plain   = "plain"   // short lines, the mail it answers behind "> "
	flowed  = "flowed"  // format=flowed (RFC 3676)
	gmail   = "gmail"   // long lines beside HTML
	outlook = "outlook" // the mail it answers below a block of its header
	apple   = "apple"   // long lines, quoted-printable
	inHTML  = "html"    // HTML alone
)

// raw is the mail as it goes out, without what servers add.
func (l *letter) raw() string {
	var b strings.Builder
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	head("Date", l.at.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	head("From", l.from.header())
	var to []string
	for _, p := range l.to {
		to = append(to, p.header())
	}
	head("To", strings.Join(to, ", "))
	head("Subject", mime.QEncoding.Encode("utf-8", l.subject))
	head("Message-ID", l.id)
	if l.answers != nil {
		head("In-Reply-To", l.answers.id)
		head("References", l.answers.id)
	}
	if l.automatic {
		head("Auto-Submitted", "auto-replied")
	}
	head("MIME-Version", "1.0")
	l.body(&b, head)
	return b.String()
}

// body writes the header fields of the body, and the body.
func (l *letter) body(b *strings.Builder, head func(name, value string)) {
	part := func(kind, text string) {
		head("Content-Type", kind)
		head("Content-Transfer-Encoding", "quoted-printable")
		b.WriteString("\r\n" + encoded(text))
	}
	switch l.from.client {
	case inHTML:
		part("text/html; charset=utf-8", l.html())
	case gmail:
		const boundary = "000000000000f1e2d3"
		head("Content-Type", "multipart/alternative; boundary="+boundary)
		b.WriteString("\r\n--" + boundary + "\r\n")
		part("text/plain; charset=utf-8", unwrapped(l.text, "")+l.quote())
		b.WriteString("\r\n--" + boundary + "\r\n")
		part("text/html; charset=utf-8", l.html())
		b.WriteString("\r\n--" + boundary + "--\r\n")
	case flowed:
		head("Content-Type", "text/plain; charset=utf-8; format=flowed")
		head("Content-Transfer-Encoding", "8bit")
		b.WriteString("\r\n" + crlf(unwrapped(l.text, " \n")+l.quote()) + "\r\n")
	case apple:
		part("text/plain; charset=utf-8", unwrapped(l.text, "")+l.quote())
	default:
		head("Content-Type", "text/plain; charset=utf-8")
		head("Content-Transfer-Encoding", "8bit")
		b.WriteString("\r\n" + crlf(l.text+l.quote()) + "\r\n")
	}
}

// quote is the mail that it answers, as its program shows it below.
func (l *letter) quote() string {
	if l.answers == nil || l.automatic {
		return ""
	}
	o := l.answers
	lead := fmt.Sprintf("On %s, %s wrote:", o.at.Format("2 January 2006"), o.from.name)
	switch l.from.client {
	case outlook:
		return fmt.Sprintf("\n\n-----Original Message-----\nFrom: %s <%s>\nSent: %s\nTo: %s\nSubject: %s\n\n%s",
			o.from.name, o.from.address, o.at.Format("Monday, 2 January 2006 15:04"), o.to[0].name, o.subject, o.text)
	case gmail:
		lead = fmt.Sprintf("On %s at %s, %s <%s> wrote:", o.at.Format("Mon, 2 Jan 2006"), o.at.Format("15:04"), o.from.name, o.from.address)
	case apple:
		lead = fmt.Sprintf("On %s, at %s, %s <%s> wrote:", o.at.Format("2 Jan 2006"), o.at.Format("15:04"), o.from.name, o.from.address)
	}
	return "\n\n" + lead + "\n\n> " + strings.ReplaceAll(o.text, "\n", "\n> ")
}

func (l *letter) html() string {
	s := paragraphs(l.text)
	if o := l.answers; o != nil {
		s += fmt.Sprintf("<div class=\"gmail_quote\">On %s, %s wrote:<br>\n<blockquote>%s</blockquote></div>\n",
			o.at.Format("Mon, 2 Jan 2006"), html.EscapeString(o.from.name), paragraphs(o.text))
	}
	return "<html><body>\n" + s + "</body></html>\n"
}

func paragraphs(text string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(unwrapped(text, ""), "\n\n") {
		b.WriteString("<p>" + strings.ReplaceAll(html.EscapeString(p), "\n", "<br>\n") + "</p>\n")
	}
	return b.String()
}

// unwrapped joins the lines of a paragraph by a separator, a space if "". A short
// line is one that ends where it should, such as a greeting.
func unwrapped(text, by string) string {
	if by == "" {
		by = " "
	}
	var b strings.Builder
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		b.WriteString(line)
		switch last := i == len(lines)-1; {
		case last:
		case len(line) > 50 && lines[i+1] != "":
			b.WriteString(by)
		default:
			b.WriteString("\n")
		}
	}
	return b.String()
}

func encoded(text string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(crlf(text))) // a strings.Builder takes all
	_ = w.Close()
	return b.String() + "\r\n"
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// header is how somebody stands in a header.
func (p person) header() string {
	return mime.QEncoding.Encode("utf-8", p.name) + " <" + p.address + ">"
}

// first is what one calls them.
func (p person) first() string { return strings.Fields(p.name)[0] }
