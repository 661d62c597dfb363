package text_test

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/text"
)

// Whatever is read, the sentences are from the body, what is found is bounded, and a
// quote adds nothing.
func FuzzRead(f *testing.F) {
	f.Add("Hi Ana,\nI'll send it by the 31st of February. Could you call?\n> I will pay.")
	f.Add("I am out of the office until 3/4. Bob suggested that I write.")
	f.Add("if if if i will send i will send , , , i will not \xff\u202e")
	f.Fuzz(func(t *testing.T, body string) {
		m := text.Message{Date: time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC), Others: []string{"Bob"}, Opening: true}
		r := text.Read(body, m)
		if len(r.Promises) > 50 || len(r.Asks) > 50 {
			t.Fatalf("%d promises and %d asks", len(r.Promises), len(r.Asks))
		}
		within := visible(body)
		said := []string{
			r.Gift, r.Thanks, r.Refusal, r.Stop, r.Delivery, r.Introduces, r.Gone,
			r.Away.Sentence, r.Referral.Sentence, r.Referral.Name,
		}
		for _, p := range r.Promises {
			said = append(said, p.Sentence, p.What)
			if !p.Due.IsZero() && p.Due.Before(m.Date.Truncate(24*time.Hour)) {
				t.Fatalf("due %v, before the mail", p.Due)
			}
		}
		for _, a := range r.Asks {
			said = append(said, a.Sentence)
		}
		for _, s := range said {
			if v := visible(s); !strings.Contains(within, v) && !strings.Contains(visible(strings.Join(r.New, "")), v) {
				// A list's mark may have stood between two of its lines.
				t.Fatalf("%q is not in %q", s, body)
			}
		}
	})
}

// 32 KiB of the worst costs what 32 KiB of a letter cost: all patterns take linear time.
func BenchmarkRead(b *testing.B) {
	for name, line := range map[string]string{
		"letter":     "I will send you the deck by Friday. Could you please call Bob about it? ",
		"one word":   "i ",
		"conditions": "if when i will , ",
		"digits":     "1/1/1 ",
		"lines":      "from: a\n",
		"dates":      "On 2026-01-01 a@b.example\n",
		"no space":   "a",
	} {
		body := strings.Repeat(line, 32<<10/len(line))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for range b.N {
				text.Read(body, text.Message{Date: time.Unix(1e9, 0)})
			}
		})
	}
}
