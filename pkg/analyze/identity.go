package analyze

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"sync"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Identity is what makes two findings of different inputs the same one: where it stands does not count, nor do places in its message. It
// is comparable.
type Identity struct {
	Code   codes.Code
	Object config.Key
	Field  string
	// Message is the message without the places it names.
	Message string
	// File is the last element of the file's path, of what concerns no object with a name; else empty.
	File string
}

// Identity returns the diagnostic's.
func (d Diagnostic) Identity() Identity {
	id := Identity{Code: d.Code, Object: d.Object, Field: d.Field, Message: place().ReplaceAllString(d.Message, "")}
	if d.Object.Name == "" {
		id.File = path.Base(d.Position.File)
	}
	return id
}

// place is a position as config.Position.String writes it.
var place = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\S*:\d+:\d+|\bline \d+`) })

// MessageHash identifies the message, without the places it names, in 16 hexadecimal digits.
func (i Identity) MessageHash() string {
	sum := sha256.Sum256([]byte(i.Message))
	return hex.EncodeToString(sum[:8])
}

// Compare tells which findings of now are also in base, and which of base are gone. The result of now is by index. Of several equal
// findings, as many as base has are unchanged.
func Compare(base, now []Diagnostic) (unchanged []bool, gone []Diagnostic) {
	before := map[Identity]int{}
	for _, d := range base {
		before[d.Identity()]++
	}
	unchanged = make([]bool, len(now))
	for i, d := range now {
		if id := d.Identity(); before[id] > 0 {
			before[id]--
			unchanged[i] = true
		}
	}
	for i := len(base) - 1; i >= 0; i-- { // the last ones of several are those that are gone
		if id := base[i].Identity(); before[id] > 0 {
			before[id]--
			gone = append(gone, base[i])
		}
	}
	return unchanged, Merge(gone)
}
