package analyze

import (
	"strings"
	"unicode/utf8"
)

// rename writes another name for the key at which the diagnostic points, in the key's own quotes; nothing when no plain key stands there.
func rename(d Diagnostic, name string) []Edit {
	text := []rune(d.Line())
	if d.Position.Column < 1 || d.Position.Column > len(text) {
		return nil
	}
	rest := string(text[d.Position.Column-1:])
	key, quote := rest, ""
	if rest[0] == '"' || rest[0] == '\'' {
		quote, key = rest[:1], rest[1:]
	}
	key = key[:len(key)-len(strings.TrimLeftFunc(key, isName))]
	old := quote + key + quote
	after, ok := strings.CutPrefix(rest, old)
	if !ok || key == "" || !strings.HasPrefix(strings.TrimLeft(after, " \t"), ":") || !strings.HasSuffix(d.Field, key) {
		return nil
	}
	return []Edit{{Position: d.Position, Old: old, New: quote + name + quote}}
}

func isName(r rune) bool {
	return r < utf8.RuneSelf && (r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
}
