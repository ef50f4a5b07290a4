package report

import (
	"github.com/meshctl/meshctl/internal/printer"
)

func table() printer.Table[Finding] {
	column := func(name string, wide bool, value func(Finding) string) printer.Column[Finding] {
		return printer.Column[Finding]{Name: name, Wide: wide, Value: value}
	}
	return printer.Table[Finding]{Columns: []printer.Column[Finding]{
		{Name: "LEVEL", Value: func(f Finding) string { return f.Level.String() }, Level: func(f Finding) printer.Level { return colour(f.Level) }},
		column("CODE", false, func(f Finding) string { return string(f.Code) }),
		column("ANALYZER", true, func(f Finding) string { return f.Analyzer }),
		column("CHANGE", true, func(f Finding) string { return string(f.Change) }),
		column("OBJECT", false, func(f Finding) string { return objectName(f.Object) }),
		column("PLACE", false, func(f Finding) string { return f.Position.String() }),
		column("MESSAGE", false, func(f Finding) string { return sentence(f.Field, f.Message) }),
		column("FIX", true, func(f Finding) string { return f.Fix }),
	}}
}
