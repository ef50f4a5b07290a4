package translate

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
)

// celFunction is how a function is called: on a value, or by itself, and with how many arguments.
type celFunction struct {
	on, alone   bool
	least, most int
}

// celFunctions are the functions that Envoy registers for expressions, besides operators (Envoy's documentation, "CEL expression"). It
// refuses a listener with an expression that calls another one, or one of these in another way.
func celFunctions() map[string]celFunction {
	out := map[string]celFunction{"matches": {on: true, alone: true, least: 1, most: 1}, "size": {on: true, alone: true}}
	for _, name := range [...]string{"contains", "endsWith", "startsWith"} {
		out[name] = celFunction{on: true, least: 1, most: 1}
	}
	for _, name := range [...]string{"type", "int", "uint", "double", "bytes", "duration", "timestamp", "dyn"} {
		out[name] = celFunction{alone: true}
	}
	for _, name := range [...]string{
		"getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
	} {
		out[name] = celFunction{on: true, most: 1}
	}
	return out
}

// takes reports whether a function can be called so. The value that it is called on is the first argument of one that stands alone.
func (f celFunction) takes(call ast.CallExpr) bool {
	n := len(call.Args())
	if call.IsMemberFunction() {
		return f.on && n >= f.least && n <= f.most
	}
	return f.alone && n-1 >= f.least && n-1 <= f.most
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
		message, _, _ := strings.Cut(strings.TrimPrefix(list[0].Message, "Syntax error: "), " expecting ") // what is expected is nearly anything
		return "it is no CEL expression: " + strings.ReplaceAll(message, "\n", " ")
	}
	wrong, functions := "", celFunctions()
	ast.PreOrderVisit(parsed.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if wrong == "" {
			wrong = partProblem(e, functions)
		}
	}))
	return wrong
}

// partProblem says why Envoy refuses a part of an expression.
func partProblem(e ast.Expr, functions map[string]celFunction) string {
	switch e.Kind() {
	case ast.ComprehensionKind:
		return "it looks at every element of a list or map, which Envoy does not do"
	case ast.StructKind:
		return "it makes a message (" + e.AsStruct().TypeName() + "), which Envoy does not do"
	case ast.CallKind:
	default:
		return ""
	}
	call := e.AsCall()
	name := call.FunctionName()
	if celOperator(name) {
		return ""
	}
	f, known := functions[name]
	switch {
	case !known:
		return "it calls the function " + name + ", which Envoy does not have"
	case !f.takes(call):
		return "it calls the function " + name + " in a way that Envoy does not have"
	case name == "matches":
		return patternProblem(call.Args()[len(call.Args())-1])
	}
	return ""
}

// patternProblem says why a regular expression is none. Envoy compiles those that are constants with the configuration.
func patternProblem(e ast.Expr) string {
	if e.Kind() != ast.LiteralKind {
		return ""
	}
	text, ok := e.AsLiteral().Value().(string)
	if !ok {
		return "a regular expression is a string"
	}
	if _, err := regexp.Compile(text); err != nil {
		return err.Error()
	}
	return ""
}
