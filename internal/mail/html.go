package mail

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// breaks are the elements that stand on lines of their own; the value says how many
// line ends are around them.
var breaks = map[string]int{
	"p": 2, "h1": 2, "h2": 2, "h3": 2, "h4": 2, "h5": 2, "h6": 2, "blockquote": 2, "hr": 2, "table": 2, "ul": 2, "ol": 2, "dl": 2, "pre": 2,
	"div": 1, "tr": 1, "li": 1, "dt": 1, "dd": 1, "address": 1, "article": 1, "aside": 1, "section": 1, "header": 1, "footer": 1,
	"main": 1, "nav": 1, "center": 1, "form": 1, "fieldset": 1, "body": 1, "figure": 1, "caption": 1,
}

// unseen are the elements whose text is not shown. Their end tag is the next of
// their name: what is in them are no elements to the tokenizer.
var unseen = map[string]bool{"script": true, "style": true, "title": true, "textarea": true, "noframes": true, "iframe": true, "noembed": true, "xmp": true}

// maxTokens bounds the tags and texts that are looked at.
const maxTokens = 50_000

// htmlText gives the text of a page as a mail program would write it without
// markup: paragraphs, lines and lists as they stand, "> " before what is quoted. In
// linked the address of each link follows its words; it is empty if there is none.
func htmlText(page string) (text, linked string) {
	p := &htmlPage{}
	z := html.NewTokenizer(strings.NewReader(page))
	for n := 0; n < maxTokens && p.out.Len() < maxText; n++ {
		switch z.Next() {
		case html.ErrorToken: // the end: a tokenizer of a string knows no other
			return p.result()
		case html.TextToken:
			if !p.skip {
				p.text(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := string(name)
			var href string
			for tag == "a" && more {
				var key, value []byte
				if key, value, more = z.TagAttr(); string(key) == "href" {
					href = string(value)
				}
			}
			p.start(tag, href)
		case html.EndTagToken:
			name, _ := z.TagName()
			p.end(string(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
	return p.result()
}

type htmlPage struct {
	out    strings.Builder
	links  []link
	open   link // the one at hand; at is where it begins
	quoted int  // blockquotes around
	pre    int  // elements around in which white space stands as written
	skip   bool // what comes is not shown
	lines  int  // line ends owed before the next word
	space  bool // a space is
	inLine bool // the line has a word
}

// link is where the words of a link end, and its address.
type link struct {
	at   int
	href string
}

func (p *htmlPage) result() (text, linked string) {
	text = p.out.String()
	var b strings.Builder
	at := 0
	for _, l := range p.links {
		b.WriteString(text[at:l.at] + " <" + l.href + ">")
		at = l.at
	}
	if at > 0 {
		linked = cutText(b.String() + text[at:])
	}
	return cutText(text), linked
}

func (p *htmlPage) start(tag, href string) {
	p.skip = unseen[tag]
	p.feed(breaks[tag])
	switch tag {
	case "br":
		p.lines++
	case "td", "th":
		p.space = true
	case "li":
		p.word("-")
		p.space = true
	case "pre":
		p.pre++
	case "blockquote":
		p.quoted++
	case "a":
		p.open = link{at: p.out.Len()}
		if strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "https://") {
			p.open.href = href
		}
	}
}

func (p *htmlPage) end(tag string) {
	if unseen[tag] {
		p.skip = false
	}
	p.feed(breaks[tag])
	switch tag {
	case "pre":
		p.pre = max(p.pre-1, 0)
	case "blockquote":
		p.quoted = max(p.quoted-1, 0)
	case "a":
		if p.open.href != "" && p.out.Len() > p.open.at { // a picture alone shows no words
			p.links = append(p.links, link{p.out.Len(), p.open.href})
		}
		p.open = link{}
	}
}

// feed asks for at least so many line ends before the next word.
func (p *htmlPage) feed(lines int) {
	if lines > 0 {
		p.lines, p.space = max(p.lines, lines), false
	}
}

func (p *htmlPage) text(s string) {
	if p.pre > 0 {
		for i, line := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
			if i > 0 {
				p.lines++
			}
			if line != "" {
				p.word(line)
			}
		}
		return
	}
	for len(s) > 0 {
		word := strings.IndexFunc(s, unicode.IsSpace)
		switch {
		case word < 0:
			p.word(s)
			return
		case word > 0:
			p.word(s[:word])
		}
		p.space = true
		s = strings.TrimLeftFunc(s[word:], unicode.IsSpace)
	}
}

// word writes what is owed and then a word.
func (p *htmlPage) word(s string) {
	if p.lines > 0 || !p.inLine {
		if p.out.Len() > 0 {
			p.out.WriteString("\n\n"[:min(max(p.lines, 1), 2)])
		}
		if p.quoted > 0 {
			p.out.WriteString("> ")
		}
		p.space = false
	}
	if p.space {
		p.out.WriteByte(' ')
	}
	p.lines, p.space, p.inLine = 0, false, true
	p.out.WriteString(s)
}
