package text_test

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"syncd/internal/text"
)

func TestRequestsOfParakweet(t *testing.T) {
	file := readFile(t, corpus(t, "text/parakweet/Ask0729-fixed.txt"))
	all, halves := tally{}, map[string]*tally{}
	for line := range strings.Lines(file) {
		label, sentence, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue
		}
		want := label == "Yes"
		got := len(text.Read(sentence, text.Message{}).Asks) > 0
		all.add(want, got)
		count(halves, half(sentence)).add(want, got)
		if want != got && tuned(sentence) {
			t.Logf("%s, got %v: %s", label, got, clip(sentence))
		}
	}
	all.log(t, "all")
	logAll(t, halves)
	if all.precision() < 0.85 || all.right == 0 {
		t.Errorf("precision %.3f, want 0.85", all.precision())
	}
}

// bc3 is what the files of BC3 have that is used here.
type bc3 struct {
	Threads []struct {
		Number string `xml:"listno"`
		Mails  []struct {
			Sentences []struct {
				ID   string `xml:"id,attr"`
				Text string `xml:",chardata"`
			} `xml:"Text>Sent"`
		} `xml:"DOC"`
		Annotations []struct {
			Requests []struct {
				ID string `xml:"id,attr"`
			} `xml:"labels>req"`
			Commitments []struct {
				ID string `xml:"id,attr"`
			} `xml:"labels>cmt"`
		} `xml:"annotation"`
	} `xml:"thread"`
}

// BC3 has few promises, and its readers often differ: what two of three say counts.
func TestBC3(t *testing.T) {
	var mails, labels bc3
	for file, to := range map[string]*bc3{"corpus.xml": &mails, "annotation.xml": &labels} {
		decoder := xml.NewDecoder(strings.NewReader(readFile(t, corpus(t, "text/BC3/"+file))))
		decoder.Strict = false
		if err := decoder.Decode(to); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	said := map[string]int{}
	for _, thread := range labels.Threads {
		for _, a := range thread.Annotations {
			for _, r := range a.Requests {
				said[fmt.Sprint("req ", thread.Number, " ", r.ID)]++
			}
			for _, c := range a.Commitments {
				said[fmt.Sprint("cmt ", thread.Number, " ", c.ID)]++
			}
		}
	}
	sentences := 0
	counts := map[string]*tally{}
	for _, thread := range mails.Threads {
		for _, mail := range thread.Mails {
			for _, s := range mail.Sentences {
				sentences++
				r := text.Read(strings.ReplaceAll(s.Text, "&gt;", ">"), text.Message{Date: time.Unix(1e9, 0)})
				promise := false
				for _, p := range r.Promises {
					promise = promise || p.Sure
				}
				req, cmt := said[fmt.Sprint("req ", thread.Number, " ", s.ID)], said[fmt.Sprint("cmt ", thread.Number, " ", s.ID)]
				for n := 1; n <= 3; n++ {
					count(counts, fmt.Sprintf("requests, %d of 3", n)).add(req >= n, len(r.Asks) > 0)
					count(counts, fmt.Sprintf("promises, %d of 3", n)).add(cmt >= n, promise)
				}
			}
		}
	}
	t.Logf("%d sentences", sentences)
	logAll(t, counts)
	if sentences < 1000 {
		t.Errorf("%d sentences read", sentences)
	}
}
