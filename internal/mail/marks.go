package mail

import (
	_ "embed" // autoreply.txt
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Noise is the reason why a message is no person's word; empty if it may be.
type Noise string

// The marks of automatic mail that a header can bear, in the order in which
// they are looked for.
const (
	ListID          Noise = "list-id"
	ListUnsubscribe Noise = "list-unsubscribe"
	ListPost        Noise = "list-post"
	MailingList     Noise = "mailing-list" // what list servers put there beside or before RFC 2369
	Precedence      Noise = "precedence"
	AutoSubmitted   Noise = "auto-submitted" // RFC 3834 section 5
	Autoreply       Noise = "autoreply"
	FeedbackID      Noise = "feedback-id"
	NullReturnPath  Noise = "null-return-path" // RFC 5321 section 4.5.5
	Report          Noise = "report"           // RFC 6522
	Calendar        Noise = "calendar"
	NoReply         Noise = "no-reply-address"
)

// noise finds the first mark in a header.
func noise(f fields, h Header) Noise {
	switch precedence := strings.ToLower(f.first("precedence")); {
	case f.has("list-id"):
		return ListID
	case f.has("list-unsubscribe"):
		return ListUnsubscribe
	case f.has("list-post"):
		return ListPost
	case slices.ContainsFunc(listFields, f.has):
		return MailingList
	case precedence == "bulk", precedence == "list", precedence == "junk", precedence == "auto_reply":
		return Precedence
	}
	auto, _, _ := strings.Cut(f.first("auto-submitted"), ";")
	auto, _ = withoutComments(auto)
	switch auto = strings.ToLower(strings.TrimSpace(auto)); {
	case auto != "" && auto != "no":
		return AutoSubmitted
	case f.has("x-autoreply"), f.has("x-autorespond"):
		return Autoreply
	case f.has("feedback-id"):
		return FeedbackID
	case nullPath(f["return-path"]):
		return NullReturnPath
	case h.ContentType == "multipart/report", f.has("x-failed-recipients"):
		return Report
	case h.ContentType == "text/calendar", strings.EqualFold(f.first("content-class"), "urn:content-classes:calendarmessage"):
		return Calendar
	case answersByItself(h.Subject):
		return Autoreply
	}
	for _, a := range h.From {
		if n := sender(a.Address); n != "" {
			return n
		}
		if daemonName.MatchString(a.Name) {
			return NoReply
		}
	}
	if len(h.From) == 0 && daemonName.MatchString(f.first("from")) {
		return NoReply
	}
	return ""
}

// listFields are put on every message by ezmlm and Yahoo, vger and Debian,
// Mailman, fml, and list servers that offer no List-Post. The copy that an
// author sends beside the list bears none of them.
var listFields = []string{"mailing-list", "x-mailing-list", "x-beenthere", "x-mlserver", "list-subscribe", "list-help", "list-owner"}

//go:embed autoreply.txt
var autoreplyText string

// autoreplyPrefixes are in lower case, whatever their language.
var autoreplyPrefixes = sync.OnceValue(func() []string { return phrases(autoreplyText) })

// phrases reads a data file: a line of phrases for each language.
func phrases(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if _, list, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			all = append(all, strings.Split(list, ", ")...)
		}
	}
	return all
}

// answersByItself tells an automatic answer by its subject: Exchange within a
// company, and programs older than RFC 3834, mark it nowhere else.
func answersByItself(subject string) bool {
	subject = strings.ToLower(subject)
	return slices.ContainsFunc(autoreplyPrefixes(), func(p string) bool {
		rest, ok := strings.CutPrefix(subject, p)
		last, _ := utf8.DecodeLastRuneInString(p)
		return ok && (!unicode.IsLetter(last) || !strings.ContainsFunc(rest, unicode.IsLetter))
	})
}

// nullPath reports a Return-Path of "<>", which marks a bounce.
func nullPath(values []string) bool {
	for _, v := range values {
		v, _ = withoutComments(v)
		if strings.Join(strings.Fields(v), "") == "<>" {
			return true
		}
	}
	return false
}

var (
	// daemonName is how mail servers call themselves, with an address or
	// without one; some give neither name nor address.
	daemonName = regexp.MustCompile(`(?i)^"?(?:mailer[-_ ]?daemon|(?:internet )?mail delivery (?:sub)?system|post[-_ ]?master)\b|^\s*<\s*>`)
	// noReply is a local part that nobody reads, whole or as a word in it.
	noReply = regexp.MustCompile(`^(?:nobody|mdaemon|daemon|mailer|cron|listserv|majordomo|www-data|wordpress|post[-_.]?master|null|auto[-_.]?(?:reply|response|responder|confirm|mailer|notify)|.*[-_.]daemon|maildaemon)$|` +
		`(?:^|[-_.+=])(?:no[-_.]?repl(?:y|ys|ies)|not?[-_.]?respond|do[-_.]?not[-_.]?(?:reply|respond|answer)|dont[-_.]?reply|ne[-_.]?pas[-_.]?repondre|nepasrepondre|nao[-_.]?responda|no[-_.]?responder|keine[-_.]?antwort|mailer[-_.]?daemon|notifications?|notify|notifier|notices?|alerts?|bounces?)(?:$|[-_.+=0-9])`)
	// calendarSender is a calendar service that writes for its users.
	calendarSender = regexp.MustCompile(`^(?:calendar-(?:notification|server|invite)s?|.*[-_.+]calendar-notification|invites?\+[^@]*|meetingrequests?)@|@(?:bounce\.google|calendar-server\.bounces\.google|resource\.calendar\.google|group\.calendar\.google)\.com$`)
)

// sender judges a From address.
func sender(address string) Noise {
	if calendarSender.MatchString(address) {
		return Calendar
	}
	local, _, _ := strings.Cut(address, "@")
	if noReply.MatchString(local) {
		return NoReply
	}
	return ""
}

// angled is one "<…>" of a List- field (RFC 2369 section 2).
var angled = regexp.MustCompile(`<([^<>]*)>`)

// listAddresses gives the addresses of the lists that a header names: where
// List-Post sends, and the address that a List-Id commonly stands for.
func listAddresses(f fields) []string {
	var list []string
	add := func(a string) {
		if a, _ := addrSpec(a); a != "" {
			list = append(list, a)
		}
	}
	for _, v := range f["list-post"] {
		for _, m := range angled.FindAllStringSubmatch(v, -1) {
			if to, ok := cutPrefixFold(strings.TrimSpace(m[1]), "mailto:"); ok {
				to, _, _ = strings.Cut(to, "?")
				add(to)
			}
		}
	}
	for _, v := range f["list-id"] {
		// RFC 2919 section 3: "<label.domain>", the last angles being the id.
		if all := angled.FindAllStringSubmatch(v, -1); all != nil {
			v = all[len(all)-1][1]
		}
		if v = strings.TrimSpace(v); !strings.ContainsAny(v, "@ ") {
			v = strings.Replace(v, ".", "@", 1)
		}
		add(v)
	}
	return list
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
