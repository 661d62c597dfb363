package planner

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What somebody wrote in their own voice is told to the user here. Only the words
// of English have another form; others stay as they are.

// Words of the writer's, as they are told to the writer, and to the reader.
var (
	ownWords = map[string]string{
		"i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself",
		"i'll": "you'll", "i'm": "you're", "i've": "you've", "i'd": "you'd", "am": "are",
		"your": "their", "yours": "theirs", "yourself": "themselves",
		"you'll": "they'll", "you're": "they're", "you've": "they've", "you'd": "they'd",
	}
	theirWords = map[string]string{
		"i": "they", "me": "them", "my": "their", "mine": "theirs", "myself": "themselves",
		"i'll": "they'll", "i'm": "they're", "i've": "they've", "i'd": "they'd", "am": "are",
	}
	// beforeObject are words after which "you" is whom something is done to.
	beforeObject = []string{
		"about", "ask", "at", "call", "email", "for", "from", "get", "give", "help", "mail", "meet", "of", "on", "see",
		"send", "show", "tell", "to", "with",
	}
	// soon are the last words of what is for a day near by, which its date says
	// better, and afterwards those that lead to them.
	soon     = []string{"today", "tomorrow", "tonight", "morning", "afternoon", "evening", "night"}
	leadsDay = []string{"by", "before", "until"}
	dayWords = []string{
		"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "week", "weekend", "month", "today", "tomorrow", "tonight",
	}
	leadsSoon = []string{"by", "before", "first", "in", "late", "later", "on", "the", "thing", "this", "until"}
)

// mine tells the user what they said they would do for somebody, in the
// imperative: "send you my notes" is "Send Ana your notes". It says whether the
// name has a place in it.
func mine(what, name string) (told string, named bool) {
	words := plainWords(what)
	for i, w := range words {
		bare, mark := unmarked(w)
		lower := strings.ToLower(bare)
		switch to, turns := ownWords[lower]; {
		case i > 0 && strings.HasPrefix(lower, "i") && turns && strings.EqualFold(words[i-1], "and"):
			return capital(strings.Join(words[:i-1], " ")), named // a second promise
		case turns:
			words[i] = to + mark
		case lower == "you" && i > 0:
			object := i == 1 || slices.Contains(beforeObject, strings.ToLower(words[i-1]))
			switch {
			case object && !named:
				words[i], named = name+mark, true
			case object:
				words[i] = "them" + mark
			default:
				words[i] = "they" + mark
			}
		}
	}
	return capital(strings.Join(words, " ")), named
}

// theirs tells the user what somebody said they would do, after "they'd":
// "send you my notes" is "send you their notes".
func theirs(what string) string {
	words := plainWords(what)
	for i, w := range words {
		bare, mark := unmarked(w)
		if to, turns := theirWords[strings.ToLower(bare)]; turns {
			words[i] = to + mark
		}
	}
	return strings.Join(words, " ")
}

// plainWords are the words of what somebody will do, without the mark at its end
// and a "tomorrow" that is another day by now.
func plainWords(what string) []string {
	words := strings.Fields(strings.TrimRight(strings.ReplaceAll(what, "’", "'"), " .,;:!?"))
	end := len(words)
	for end > 1 && slices.Contains(soon, strings.ToLower(words[end-1])) {
		end--
	}
	for end < len(words) && end > 1 && slices.Contains(leadsSoon, strings.ToLower(words[end-1])) {
		end--
	}
	return words[:end]
}

// dateless takes a day from the end of what is told beside it: "by Friday", "before
// 12 May".
func dateless(s string) string {
	words := strings.Fields(s)
	for i := len(words) - 1; i > 1 && i >= len(words)-4; i-- {
		if slices.Contains(leadsDay, strings.ToLower(words[i])) && slices.ContainsFunc(words[i+1:], namesDay) {
			return strings.Join(words[:i], " ")
		}
	}
	return s
}

// namesDay reports whether a word is one of those by which days are named.
func namesDay(w string) bool {
	w = strings.ToLower(w)
	return strings.ContainsAny(w, "0123456789") || slices.Contains(dayWords, w)
}

// unmarked takes the punctuation from the end of a word.
func unmarked(w string) (bare, mark string) {
	bare = strings.TrimRight(w, ".,;:!?)")
	return bare, w[len(bare):]
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || r == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
