package config

// Limits bounds what one file may cost. A zero field means its default; what exceeds a limit is left out and reported
// as a Problem, never read halfway.
type Limits struct {
	// FileBytes is the size of a file or stream. Default 64 MiB.
	FileBytes int
	// DocumentBytes is the size of one YAML document or JSON value. Default 16 MiB: a list may hold a whole cluster.
	DocumentBytes int
	// Documents is the number of documents in one file. Default 20,000.
	Documents int
	// Depth is how deeply lists and mappings may nest. Default 64.
	Depth int
	// AliasNodes is how many nodes the aliases of one document may stand for once expanded: a few lines of aliases of
	// aliases can otherwise mean billions of nodes. Default 50,000.
	AliasNodes int
	// Problems is how many problems of one document are reported. Default 100.
	Problems int
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		limit    *int
		fallback int
	}{
		{&l.FileBytes, 64 << 20}, {&l.DocumentBytes, 16 << 20}, {&l.Documents, 20_000},
		{&l.Depth, 64}, {&l.AliasNodes, 50_000}, {&l.Problems, 100},
	} {
		if *f.limit <= 0 {
			*f.limit = f.fallback
		}
	}
	return l
}
