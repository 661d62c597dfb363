package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/report"
)

func (a *app) reportCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "report",
		Short: "what came of it: follow-ups and answers, promises, introductions, people",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.report(cmd.Context()) },
	})
}

func (a *app) report(ctx context.Context) error {
	p, err := a.people(ctx)
	if err != nil {
		return err
	}
	defer a.close(p)
	in := report.Input{Now: a.now(), Snapshot: p.snapshot, Result: p.result}
	if in.FollowUps, err = collect(p.FollowUps(ctx)); err != nil {
		return err
	}
	if in.Ambiguous, err = p.AmbiguousNames(ctx); err != nil {
		return err
	}
	if in.Rooms, err = p.SharedRooms(ctx, in.Now); err != nil {
		return err
	}
	if in.Uncertain, err = p.Uncertain(ctx); err != nil {
		return err
	}
	r := report.Make(in)
	if a.json {
		return printJSON(a.stdout, r)
	}
	w := &reportWriter{app: a, zone: p.cfg.Me.Zone}
	w.followUps(r.Rules)
	w.promises(r.Promises)
	w.uncertain(r.Uncertain)
	w.introductions(r.Introductions)
	w.people("One exchange, and nothing for three months", r.OneAndDone)
	w.familiar(r.Familiar)
	w.expired(r.Expired)
	w.letGo(r.LetGo)
	w.namesakes(r.SameName)
	w.people("No name is known, so nothing is written about them", r.Nameless)
	w.ambiguous(r.Ambiguous)
	if !w.begun {
		fmt.Fprintln(a.stdout, "Nothing to report yet.")
	}
	return nil
}

// reportWriter prints a report, a section at a time and those with something in them.
type reportWriter struct {
	*app
	zone  *time.Location
	begun bool
}

// mostShown is how many lines a section has.
const mostShown = 20

// section prints a heading and a line for each of n things, or the first of them.
func (w *reportWriter) section(heading string, n int, line func(i int) string) {
	if n == 0 {
		return
	}
	if w.begun {
		fmt.Fprintln(w.stdout)
	}
	w.begun = true
	fmt.Fprintln(w.stdout, heading)
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', 0)
	for i := range min(n, mostShown) {
		fmt.Fprintln(t, "  "+line(i))
	}
	_ = t.Flush() // to standard output
	if n > mostShown {
		fmt.Fprintf(w.stdout, "  and %d more: syncd report --json\n", n-mostShown)
	}
}

func (w *reportWriter) followUps(rules []report.Rule) {
	if len(rules) == 0 {
		return
	}
	w.begun = true
	fmt.Fprintln(w.stdout, "Follow-ups")
	t := tabwriter.NewWriter(w.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\twritten\topen\tyou wrote or met\tthey came first\tdone\tlet go\texpired\t")
	for _, r := range rules {
		fmt.Fprintf(t, "  %s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.Rule, r.Written, r.Open, r.Acted, r.Answered, r.Done, r.Dismissed, r.Expired)
	}
	_ = t.Flush() // to standard output
	for _, r := range rules {
		if r.Acted > 0 {
			fmt.Fprintf(w.stdout, "  %s\n", replies(r))
		}
	}
}

// hellos are what the mails are called that a rule brings about, one and several.
var hellos = map[planner.Rule][2]string{
	planner.Dormant:      {"hello to somebody you had lost", "hellos to people you had lost"},
	planner.Cadence:      {"hello", "hellos"},
	planner.FirstMeeting: {"word after a first meeting", "words after first meetings"},
	planner.SecondStep:   {"second step", "second steps"},
	planner.Fade:         {"word to somebody new who had gone quiet", "words to new people who had gone quiet"},
	planner.Awaiting:     {"second question", "second questions"},
}

// replies says how many were answered, and how fast.
func replies(r report.Rule) string {
	what, known := hellos[r.Rule]
	if !known {
		what = [2]string{"word about " + string(r.Rule), "words about " + string(r.Rule)}
	}
	text := fmt.Sprintf("Of %s, %d got an answer within 14 days", count(r.Acted, what[0], what[1]), r.Replied)
	if r.Replied > 0 {
		text += ", usually within " + hours(r.ReplyHours)
	}
	return text + "."
}

// hours is a span as one says it.
func hours(h float64) string {
	n, unit := int(h)+1, "hour"
	if n > 24 {
		n, unit = (n+23)/24, "day"
	}
	return count(n, unit, unit+"s")
}

func (w *reportWriter) promises(p report.Promises) {
	if p.Made == 0 {
		return
	}
	heading := fmt.Sprintf("Your promises: %d in the mails that were read, %d kept", p.Made, p.Kept)
	if len(p.Open) == 0 {
		w.section(heading, 1, func(int) string { return "None is open." })
		return
	}
	w.section(heading+"; not known to be kept:", len(p.Open), func(i int) string {
		o := p.Open[i]
		return w.said(o.Said, called(o.Person), o.For, o.Sentence)
	})
}

// said is a line about what was said to somebody, or by them.
func (w *reportWriter) said(at time.Time, who, on, sentence string) string {
	text := day(at, w.zone) + "\t" + who
	if on != "" {
		text += ", for " + on
	}
	if sentence != "" {
		text += "\t“" + short(sentence) + "”"
	}
	return text
}

func (w *reportWriter) uncertain(all []report.Uncertain) {
	w.section("May be promises; nothing is planned for them", len(all), func(i int) string {
		o := all[i]
		who := "you to " + called(o.Person)
		if o.Kind == string(planner.TheirPromise) {
			who = called(o.Person) + " to you"
		}
		return w.said(o.Said, who, o.For, o.Sentence)
	})
}

// short cuts a sentence to what fits a line.
func short(s string) string {
	const most = 80
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most-1]) + "…"
}

func called(p report.Person) string { return cmp.Or(p.Name, p.Address) }

func (w *reportWriter) introductions(all []report.Introducer) {
	w.section("Who introduced people to you", len(all), func(i int) string {
		o := all[i]
		var brought []string
		for _, b := range o.Brought {
			brought = append(brought, b.Name+" ("+day(b.At, w.zone)+")")
		}
		text := called(o.Person) + "\t" + strings.Join(brought, ", ")
		if o.Thanked != nil {
			return text + "\tyou last wrote to them on " + day(*o.Thanked, w.zone)
		}
		return text + "\tno mail of yours to them since"
	})
}

func (w *reportWriter) people(heading string, all []report.Person) {
	w.section(heading, len(all), func(i int) string {
		return all[i].Name + "\t" + all[i].Address + "\t" + w.last(all[i])
	})
}

func (w *reportWriter) last(p report.Person) string {
	if p.Last == nil {
		return ""
	}
	return "last in touch " + day(*p.Last, w.zone)
}

func (w *reportWriter) familiar(all []report.Familiar) {
	w.section("Often in one room or thread with you, never a direct word", len(all), func(i int) string {
		return all[i].Name + "\t" + all[i].Address + "\t" + strconv.Itoa(all[i].Rooms) + " times, last " + day(*all[i].Last, w.zone)
	})
}

func (w *reportWriter) expired(all []report.Past) {
	w.section("Left untouched, and removed in the last 30 days", len(all), func(i int) string {
		return day(all[i].Ended, w.zone) + "\t" + all[i].Title + "\t" + all[i].Code
	})
}

func (w *reportWriter) letGo(all []report.Held) {
	w.section("Rules that rest for somebody, since you let them go three times", len(all), func(i int) string {
		return called(all[i].Person) + "\t" + string(all[i].Rule)
	})
}

func (w *reportWriter) namesakes(all []report.Namesakes) {
	w.section("May be one person; if so, put this into the configuration (else not_same_as)", len(all), func(i int) string {
		var addresses []string
		for _, p := range all[i].People {
			addresses = append(addresses, strconv.Quote(p.Address))
		}
		return fmt.Sprintf("[[contact]]\n  name = %q\n  addresses = [%s]", all[i].Name, strings.Join(addresses, ", "))
	})
}

func (w *reportWriter) ambiguous(all []report.Ambiguous) {
	w.section("Events of yours that may be with several people, and count for none", len(all), func(i int) string {
		var names []string
		for _, p := range all[i].Contacts {
			names = append(names, called(p))
		}
		return day(all[i].At, w.zone) + "\t" + all[i].Title + "\t" + strings.Join(names, " or ")
	})
}

// collect gathers what is streamed.
func collect(rows func(func(ledger.FollowUpRow, error) bool)) (all []ledger.FollowUpRow, err error) {
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
