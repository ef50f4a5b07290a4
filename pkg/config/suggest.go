package config

import "strings"

// Nearest returns the candidate that word most likely means, or "" when none resembles it.
func Nearest(word string, candidates []string) string { return nearest(word, candidates) }

// nearest returns the candidate that word most likely means, or "". Case, underscores and dashes do not count; else at
// most a third of the letters may be wrong.
func nearest(word string, candidates []string) string {
	if len(word) > 100 {
		return ""
	}
	best, bestDistance := "", 1+min(3, (len(word)+1)/3)
	folded := fold(word)
	for _, c := range candidates {
		f := fold(c)
		if f == folded {
			return c
		}
		if gap := len(f) - len(folded); gap >= bestDistance || -gap >= bestDistance {
			continue
		}
		if d := distance(folded, f); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" && len(folded) >= 4 {
		return onlyContaining(folded, candidates)
	}
	return best
}

// meant returns the one candidate of which word is a slip of the hand: case and underscores aside, at most two letters are wrong, and more
// are in any other candidate. It is "" where there is doubt.
func meant(word string, candidates []string) string {
	const slip = 2
	best := nearest(word, candidates)
	folded := fold(word)
	if best == "" || len(folded) < 4 {
		return ""
	}
	d := distance(folded, fold(best))
	if d > slip {
		return ""
	}
	for _, c := range candidates {
		if c != best && distance(folded, fold(c)) <= d+1 && fold(c) != fold(best) {
			return ""
		}
	}
	return best
}

// onlyContaining returns the one candidate that starts or ends with word: Prefix means PathPrefix.
func onlyContaining(word string, candidates []string) string {
	found := ""
	for _, c := range candidates {
		if f := fold(c); strings.HasPrefix(f, word) || strings.HasSuffix(f, word) {
			if found != "" {
				return ""
			}
			found = c
		}
	}
	return found
}

func fold(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// distance is the number of single-byte insertions, deletions, replacements and swaps of neighbours from a to b.
func distance(a, b string) int {
	before, last, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			next[j+1] = min(last[j+1]+1, next[j]+1, replace)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last, next = last, next, before
	}
	return last[len(b)]
}

// elsewhere returns where else under an object a field of this name is valid ("destination.subset"), or "".
func (s *schema) elsewhere(name string) string {
	for _, parent := range s.names {
		child := s.fields[parent].schema
		if child.kind == objectValue && child.fields[name] != nil {
			return parent + "." + child.fields[name].name
		}
	}
	return ""
}

// choices renders a short list of words for a message.
func choices(words []string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + ", ..."
	}
	return strings.Join(words, ", ")
}
