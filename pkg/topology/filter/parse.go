package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says what is wrong with an expression and where: Column counts characters from 1 on.
type SyntaxError struct {
	Column  int
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

const (
	// longest is how many bytes an expression may have, deepest how far its parentheses may nest.
	longest = 4096
	deepest = 100
)

// token is a word, a quoted text or a sign.
type token struct {
	text   string
	kind   tokenKind
	column int
}

type tokenKind int

const (
	end tokenKind = iota
	word
	quoted
	sign
)

// Parse reads an expression. An error is a *SyntaxError. An empty text gives the zero Expr.
func Parse(text string) (Expr, error) {
	if len(text) > longest {
		return Expr{}, &SyntaxError{longest + 1, fmt.Sprintf("more than %d characters", longest)}
	}
	tokens, err := scan(text)
	if err != nil {
		return Expr{}, err
	}
	p := &parser{tokens: tokens}
	if p.peek().kind == end {
		return Expr{text: text}, nil
	}
	root, err := p.or(0)
	if err != nil {
		return Expr{}, err
	}
	if t := p.peek(); t.kind != end {
		return Expr{}, &SyntaxError{t.column, fmt.Sprintf("%q is not expected here: join conditions with AND or OR", t.text)}
	}
	return Expr{root, text}, nil
}

// signs, the longer ones first.
func signs() []string {
	return []string{"!=", "!~", ">=", "<=", "==", "&&", "||", "!", "=", "~", ">", "<", "(", ")"}
}

func scan(text string) ([]token, error) {
	var out []token
	column := 1
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if unicode.IsSpace(r) {
			rest, column = rest[size:], column+1
			continue
		}
		t := token{column: column}
		switch r {
		case '"', '\'':
			closing := strings.IndexRune(rest[1:], r)
			if closing < 0 {
				return nil, &SyntaxError{column, "the quotation mark is not closed"}
			}
			t.kind, t.text = quoted, rest[1:1+closing]
			size = closing + 2
		default:
			t.kind, t.text = word, rest[:wordLength(rest)]
			for _, s := range signs() {
				if strings.HasPrefix(rest, s) {
					t.kind, t.text = sign, s
					break
				}
			}
			size = len(t.text)
		}
		out = append(out, t)
		column += utf8.RuneCountInString(rest[:size])
		rest = rest[size:]
	}
	return append(out, token{kind: end, column: column}), nil
}

// wordLength is how far a word goes: to a blank, a quotation mark or a sign.
func wordLength(s string) int {
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'!=~<>()&|`, r) }); i > 0 {
		return i
	} else if i == 0 {
		_, size := utf8.DecodeRuneInString(s)
		return size
	}
	return len(s)
}

type parser struct {
	tokens []token
	at     int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) take() token {
	t := p.tokens[p.at]
	if t.kind != end {
		p.at++
	}
	return t
}

// keyword reports whether the next token is one of these words or signs.
func (p *parser) keyword(names ...string) bool {
	t := p.peek()
	for _, n := range names {
		if t.kind == word && strings.EqualFold(t.text, n) || t.kind == sign && t.text == n {
			return true
		}
	}
	return false
}

func (p *parser) or(depth int) (term, error) {
	a, err := p.and(depth)
	for err == nil && p.keyword("or", "||") {
		p.take()
		var b term
		b, err = p.and(depth)
		a = either{a, b}
	}
	return a, err
}

func (p *parser) and(depth int) (term, error) {
	a, err := p.unary(depth)
	for err == nil && p.keyword("and", "&&") {
		p.take()
		var b term
		b, err = p.unary(depth)
		a = both{a, b}
	}
	return a, err
}

func (p *parser) unary(depth int) (term, error) {
	if depth > deepest {
		return nil, &SyntaxError{p.peek().column, "too many parentheses or negations"}
	}
	switch {
	case p.keyword("not", "!"):
		p.take()
		a, err := p.unary(depth + 1)
		return not{a}, err
	case p.keyword("("):
		p.take()
		a, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.keyword(")") {
			return nil, &SyntaxError{p.peek().column, "a closing parenthesis is missing"}
		}
		p.take()
		return a, nil
	}
	return p.condition()
}

// condition is FIELD OPERATOR VALUE, a flag, or a part of a name.
func (p *parser) condition() (term, error) {
	t := p.take()
	switch {
	case t.kind == end:
		return nil, &SyntaxError{t.column, "a condition is missing: write one such as err > 5%, !mtls or name ~ reviews"}
	case t.kind == sign || p.reserved(t):
		return nil, &SyntaxError{t.column, fmt.Sprintf("a condition is missing before %q", t.text)}
	}
	if operator := p.peek(); operator.kind == sign && comparison(operator.text) {
		p.take()
		return p.compare(t, operator)
	}
	if t.kind == word {
		if f, ok := flags()[strings.ToLower(t.text)]; ok {
			return flag(f), nil
		}
	}
	return mention(t.text), nil
}

func (p *parser) reserved(t token) bool {
	return t.kind == word && (strings.EqualFold(t.text, "and") || strings.EqualFold(t.text, "or") || strings.EqualFold(t.text, "not"))
}

func comparison(s string) bool {
	switch s {
	case "=", "==", "!=", "~", "!~", ">", ">=", "<", "<=":
		return true
	}
	return false
}

func (p *parser) compare(field, operator token) (term, error) {
	name := strings.ToLower(field.text)
	value := p.take()
	if value.kind != word && value.kind != quoted || p.reserved(value) && value.kind == word {
		return nil, &SyntaxError{value.column, fmt.Sprintf("a value is missing after %s %s", field.text, operator.text)}
	}
	if get, ok := numbers()[name]; ok {
		return p.number(get, operator, value)
	}
	get, ok := texts()[name]
	if !ok {
		return nil, &SyntaxError{field.column, fmt.Sprintf("unknown field %q: use one of %s", field.text, strings.Join(Fields(), ", "))}
	}
	switch operator.text {
	case "=", "==":
		return text{get, value.text, false, false}, nil
	case "!=":
		return text{get, value.text, false, true}, nil
	case "~":
		return text{get, value.text, true, false}, nil
	case "!~":
		return text{get, value.text, true, true}, nil
	}
	return nil, &SyntaxError{operator.column, fmt.Sprintf("%s is a text: compare it with =, !=, ~ or !~", field.text)}
}

func (p *parser) number(get numberField, operator, value token) (term, error) {
	v, err := get.parse(value.text)
	if err != nil {
		return nil, &SyntaxError{value.column, err.Error()}
	}
	if operator.text == "~" || operator.text == "!~" {
		return nil, &SyntaxError{operator.column, "a number: compare it with =, !=, <, <=, > or >="}
	}
	return number{get.of, operator.text, v}, nil
}
