// Package hostile finds files that other people's programs wrote, where there are
// any beside the project, and breaks them, for tests of what reads such files.
package hostile

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxSize is how many octets a mutation has at most: no source takes more.
const MaxSize = 1 << 20

// File is a file and what it holds.
type File struct {
	Path string // below the root
	Raw  []byte
}

// Files returns the files in the directories below root, in the order of their
// names in each; none of a directory that is not there.
func Files(root string, dirs ...string) ([]File, error) {
	var all []File
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // a corpus that is absent
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all = append(all, File{Path: strings.TrimPrefix(path, root+"/"), Raw: raw})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read files in %s: %w", dir, err)
		}
	}
	return all, nil
}

// Mutate breaks raw in one to three of the ways in which input breaks, and says in
// which. Other is what it may be spliced with. There are at most MaxSize octets.
func Mutate(r *rand.Rand, raw, other []byte) (mutated []byte, how string) {
	raw = slices.Clone(raw)
	var ways []string
	for range 1 + r.IntN(3) {
		if len(raw) == 0 {
			break
		}
		from := r.IntN(len(raw))
		to := min(len(raw), from+1+r.IntN(1+r.IntN(2000)))
		switch r.IntN(6) {
		case 0:
			ways = append(ways, "flipped")
			for range 1 + r.IntN(20) {
				raw[r.IntN(len(raw))] ^= byte(1 << r.IntN(8))
			}
		case 1:
			ways = append(ways, "cut")
			raw = raw[:from]
		case 2:
			ways = append(ways, "a piece repeated")
			raw = slices.Insert(raw, to, bytes.Repeat(raw[from:to], 1+r.IntN(50))...)
		case 3:
			ways = append(ways, "a line repeated")
			from = bytes.LastIndexByte(raw[:from], '\n') + 1
			if n := bytes.IndexByte(raw[from:], '\n'); n >= 0 {
				raw = slices.Insert(raw, from, bytes.Repeat(raw[from:from+n+1], 1+r.IntN(1000))...)
			}
		case 4:
			ways = append(ways, "spliced")
			if len(other) > 0 {
				raw = slices.Concat(raw[:from], other[r.IntN(len(other)):])
			}
		case 5:
			ways = append(ways, "a character repeated")
			raw = slices.Insert(raw, from, bytes.Repeat([]byte{`"<(,;:\=@? `[r.IntN(11)]}, 1+r.IntN(20_000))...)
		}
		raw = raw[:min(len(raw), MaxSize)]
	}
	return raw, strings.Join(ways, ", ")
}
