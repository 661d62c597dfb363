package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// year is the span in which names are looked at (SPEC section 3.2).
const year = 365 * 24 * time.Hour

// nameUse is a display name as one message gave it.
type nameUse struct {
	name string
	at   time.Time
	own  bool // in their own From
}

// words splits a name into its words, in lower case.
func words(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// personal cleans a display name, "" if it is none: an address, or what a list
// made of it.
func personal(name string) string {
	name = strings.Join(strings.Fields(strings.Trim(name, `"' `)), " ")
	if strings.Contains(name, "@") || len(words(name)) == 0 {
		return ""
	}
	if lower := strings.ToLower(name); strings.Contains(lower, " via ") || strings.HasPrefix(lower, "via ") {
		return ""
	}
	return name
}

// mostUsed is the name used most often in the year before the newest mail;
// among equals the one used last.
func mostUsed(uses []nameUse, newest time.Time) string {
	type tally struct {
		name string
		n    int
		last time.Time
	}
	count := func(since time.Time) []tally {
		by := map[string]tally{}
		for _, u := range uses {
			if u.name == "" || u.at.Before(since) {
				continue
			}
			t := by[u.name]
			t.name, t.n = u.name, t.n+1
			if u.at.After(t.last) {
				t.last = u.at
			}
			by[u.name] = t
		}
		out := make([]tally, 0, len(by))
		for _, t := range by {
			out = append(out, t)
		}
		return out
	}
	found := count(newest.Add(-year))
	if len(found) == 0 {
		found = count(time.Time{})
	}
	if len(found) == 0 {
		return ""
	}
	return slices.MinFunc(found, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.n, a.n), b.last.Compare(a.last), cmp.Compare(a.name, b.name))
	}).name
}

// readName makes a name of a local part like first.last.
func readName(addresses []string) string {
	for _, a := range addresses {
		local, _ := cutAddress(untagged(a))
		first, last, ok := strings.Cut(local, ".")
		if ok && alphabetic(first) && alphabetic(last) {
			return title(first) + " " + title(last)
		}
	}
	return ""
}

func alphabetic(s string) bool {
	return len([]rune(s)) >= 2 && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
}

func title(s string) string {
	r := []rune(s)
	return string(unicode.ToUpper(r[0])) + string(r[1:])
}

// shared reports whether the senders behind an address are several: three
// names within a year that have no word in common.
func shared(uses []nameUse) bool {
	var newest time.Time
	for _, u := range uses {
		if u.own && u.name != "" && u.at.After(newest) {
			newest = u.at
		}
	}
	var names []string
	for _, u := range uses {
		if u.own && u.name != "" && !u.at.Before(newest.Add(-year)) {
			names = append(names, nameKey(u.name))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	taken, apart := map[string]bool{}, 0
	for _, n := range names {
		w := strings.Fields(n)
		if slices.ContainsFunc(w, func(s string) bool { return taken[s] }) {
			continue
		}
		for _, s := range w {
			taken[s] = true
		}
		if apart++; apart == 3 {
			return true
		}
	}
	return false
}

// roleLocals are local parts that stand for an office, not a person.
var roleLocals = func() map[string]bool {
	out := map[string]bool{}
	for s := range strings.FieldsSeq(`abuse account accounting accounts admin administracao administracion administration administrator
		admissions alert alerts all amministrazione anfrage announce announcements apply bestellung billing
		booking bookings bookkeeping bugzilla buildbot buchhaltung bureau business careers comercial commercial compliance
		comptabilite contabilidad contact contacto contactus contato customer customercare customers
		customerservice desk developers editor editorial einkauf empfang enquiries enquiry events everyone
		facturation feedback finance frontdesk git gitbox groups hello help helpdesk hostmaster hr info information
		inquiries inquiry invoice invoices it jenkins jira jobs klantenservice kontakt kundenservice legal listmaster
		mail mailadmin mailerdaemon maintenance marketing media membership moderator moderators news
		newsletter noc noreply office operations operator ops orders owner payment payments postmaster
		praxis press presse privacy promo purchasing reception rechnung recruiting recruitment refunds
		registrar registration reservations root sales secretariat secretary security sekretariat service
		services shop staff store subscribe subscriptions support svn sysadmin system team tech technik tickets
		unsubscribe updates ventas verkauf vertrieb verwaltung webmail webmaster website welcome`) {
		out[s] = true
	}
	return out
}()

func roleAddress(address string) bool {
	local, _ := cutAddress(untagged(address))
	return roleLocals[local] || roleLocals[withoutSigns.Replace(local)]
}

// withoutSigns makes one of customer-service, customer_service and
// customer.service.
var withoutSigns = strings.NewReplacer("-", "", "_", "", ".", "")
