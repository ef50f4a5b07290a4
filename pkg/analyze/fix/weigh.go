package fix

import (
	"slices"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// weigh gives up changes until nothing is found that was not found before.
func (p *Plan) weigh() {
	if len(p.Texts()) == 0 {
		return
	}
	judged := p.judge(p.read)
	before := map[analyze.Identity]bool{}
	for _, d := range slices.Concat(judged.Findings, judged.All) {
		before[d.Identity()] = true
	}
	for len(p.Texts()) > 0 {
		var more []analyze.Diagnostic
		for _, d := range p.judge(p.Read()).Findings {
			if !before[d.Identity()] {
				more = append(more, d)
			}
		}
		if len(more) == 0 {
			return
		}
		p.giveUp(more)
	}
}

// giveUp takes back what brought new findings about: the changes to their objects; else those to their namespaces, else all.
func (p *Plan) giveUp(more []analyze.Diagnostic) {
	for _, guilty := range []func(changed, found config.Key) bool{
		func(changed, found config.Key) bool { return changed == found },
		func(changed, found config.Key) bool {
			return changed.Kind == config.Namespace && changed.Name == found.Namespace
		},
		func(changed, found config.Key) bool { return changed.Namespace == found.Namespace },
		func(config.Key, config.Key) bool { return true },
	} {
		if p.without(func(c change) string {
			for _, d := range more {
				if guilty(c.finding.Object, d.Object) {
					return "it would bring about " + string(d.Code) + " (" + told(d) + ")"
				}
			}
			return ""
		}) {
			return
		}
	}
}

// without takes back the changes for which there is a reason.
func (p *Plan) without(reason func(change) string) (some bool) {
	for _, f := range p.files {
		var keep []change
		for _, c := range f.taken {
			if why := reason(c); why != "" {
				p.Refused = append(p.Refused, Refusal{c.finding, why})
				some = true
				continue
			}
			keep = append(keep, c)
		}
		if len(keep) == len(f.taken) {
			continue
		}
		f.text, f.after, f.taken = f.original, f.before, nil
		p.Refused = append(p.Refused, f.take(keep)...)
	}
	slices.SortStableFunc(p.Refused, func(a, b Refusal) int { return a.Finding.Compare(b.Finding) })
	return some
}

// replace puts what a file's new text says in the place of what the old one said.
func replace(read config.Result, file string, before, after config.Result) config.Result {
	out := read
	out.Objects = replaceObjects(read.Objects, file, after.Objects)
	out.Salvaged = replaceObjects(read.Salvaged, file, after.Salvaged)
	out.Problems = append(slices.DeleteFunc(slices.Clone(read.Problems), func(p config.Problem) bool { return p.Position.File == file }), after.Problems...)
	out.Broken = slices.Clone(read.Broken)
	for _, key := range before.Broken {
		if i := slices.Index(out.Broken, key); i >= 0 {
			out.Broken = slices.Delete(out.Broken, i, i+1)
		}
	}
	out.Broken = append(out.Broken, after.Broken...)
	return out
}

// replaceObjects keeps the order: of two objects with one key the later one counts.
func replaceObjects(list []*config.Object, file string, with []*config.Object) []*config.Object {
	inFile := func(o *config.Object) bool { return o.Position().File == file }
	at := slices.IndexFunc(list, inFile)
	if at < 0 {
		return append(slices.Clone(list), with...)
	}
	rest := slices.DeleteFunc(slices.Clone(list[at:]), inFile)
	return slices.Concat(list[:at], with, rest)
}
