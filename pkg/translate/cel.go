package translate

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
)

// celFunctions are the functions that Envoy registers for expressions, besides operators (Envoy's documentation, "CEL expression").
var celFunctions = [...]string{
	"contains", "endsWith", "matches", "startsWith", "size", "type", "int", "uint", "double", "string", "bytes", "duration", "timestamp", "dyn",
	"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
}

// celOperators begin and end with underscores or are in the standard definitions.
func celOperator(name string) bool {
	_, known := operators.FindReverse(name)
	return known || strings.HasPrefix(name, "@")
}

// expressionProblem says why an expression is none that Envoy evaluates; it is empty when it is one. What an expression names is not
// checked: attributes that are not there make it false.
func expressionProblem(text string) string {
	p, err := parser.NewParser(parser.Macros(parser.AllMacros...))
	if err != nil {
		return err.Error()
	}
	parsed, errs := p.Parse(common.NewTextSource(text))
	if list := errs.GetErrors(); len(list) > 0 {
		return "it is no CEL expression: " + strings.ReplaceAll(list[0].Message, "\n", " ")
	}
	unknown := ""
	ast.PreOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		if name := e.AsCall().FunctionName(); !celOperator(name) && !slices.Contains(celFunctions[:], name) && unknown == "" {
			unknown = "it calls the function " + name + ", which Envoy does not have"
		}
	}))
	return unknown
}
