package wasmtest

import "slices"

// module collects the sections of a module (https://webassembly.github.io/spec/core/binary/modules.html). All values are 32-bit
// integers.
type module struct {
	types, imported, functions, globals, exports, bodies, texts []byte
	counts                                                      [dataSection]int // entries of a section
	functionsSoFar                                              int
	textEnd                                                     int
}

// Numbers of sections.
const (
	typeSection     = 1
	importSection   = 2
	functionSection = 3
	memorySection   = 5
	globalSection   = 6
	exportSection   = 7
	codeSection     = 10
	dataSection     = 11
)

const i32 = 0x7f

// signature adds a function type and returns its index.
func (m *module) signature(params, results int) int {
	m.types = append(m.types, 0x60)
	for _, n := range []int{params, results} {
		m.types = append(append(m.types, unsigned(n)...), slices.Repeat([]byte{i32}, n)...)
	}
	m.counts[typeSection]++
	return m.counts[typeSection] - 1
}

func (m *module) importFunction(from, name string, params, results int) {
	m.imported = code(m.imported, text(from), text(name), []byte{0}, unsigned(m.signature(params, results)))
	m.counts[importSection]++
	m.functionsSoFar++
}

// export adds a function under a name.
func (m *module) export(name string, params, results int, body []byte) {
	m.functions = append(m.functions, unsigned(m.signature(params, results))...)
	m.exports = code(m.exports, text(name), []byte{0}, unsigned(m.functionsSoFar))
	body = code([]byte{0}, body, []byte{0x0b}) // no locals
	m.bodies = code(m.bodies, unsigned(len(body)), body)
	m.counts[functionSection]++
	m.counts[exportSection]++
	m.functionsSoFar++
}

func (m *module) global(value int) {
	m.globals = code(m.globals, []byte{i32, 1}, number(value), []byte{0x0b})
	m.counts[globalSection]++
}

// data puts a text into memory and returns the code that pushes its address and length.
func (m *module) data(s string) []byte {
	at := namesAt + m.textEnd
	m.texts = append(m.texts, s...)
	m.textEnd += len(s)
	return code(number(at), number(len(s)))
}

func (m *module) binary() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id int, content []byte) { out = code(out, []byte{byte(id)}, unsigned(len(content)), content) }
	counted := func(id, n int, content []byte) { section(id, code(unsigned(n), content)) }
	counted(typeSection, m.counts[typeSection], m.types)
	counted(importSection, m.counts[importSection], m.imported)
	counted(functionSection, m.counts[functionSection], m.functions)
	counted(memorySection, 1, []byte{0, 16}) // of 64 KiB
	counted(globalSection, m.counts[globalSection], m.globals)
	counted(exportSection, m.counts[exportSection]+1, code(m.exports, text("memory"), []byte{2, 0}))
	counted(codeSection, m.counts[functionSection], m.bodies)
	counted(dataSection, 1, code([]byte{0}, number(namesAt), []byte{0x0b}, unsigned(len(m.texts)), m.texts))
	return out
}

// Instructions without an operand.
var (
	drop = []byte{0x1a}
	add  = []byte{0x6a}
	trap = []byte{0x00}
)

func code(parts ...[]byte) []byte { return slices.Concat(parts...) }

func number(n int) []byte    { return append([]byte{0x41}, signed(n)...) }
func getLocal(i int) []byte  { return append([]byte{0x20}, unsigned(i)...) }
func getGlobal(i int) []byte { return append([]byte{0x23}, unsigned(i)...) }
func setGlobal(i int) []byte { return append([]byte{0x24}, unsigned(i)...) }
func call(f int) []byte      { return append([]byte{0x10}, unsigned(f)...) }

// load pushes the word at an offset from the address on the stack.
func load(offset int) []byte { return append([]byte{0x28, 2}, unsigned(offset)...) }

// when runs a body if the number on the stack is not 0.
func when(body []byte) []byte { return code([]byte{0x04, 0x40}, body, []byte{0x0b}) }

func text(s string) []byte { return append(unsigned(len(s)), s...) }

// unsigned and signed are LEB128.
func unsigned(n int) []byte {
	var out []byte
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func signed(n int) []byte {
	for out := []byte(nil); ; n >>= 7 {
		if n >= -0x40 && n < 0x40 {
			return append(out, byte(n)&0x7f)
		}
		out = append(out, byte(n)|0x80)
	}
}
