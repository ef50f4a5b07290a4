package digest

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type Known struct{ id byte }

func (k Known) ContentDigest() [16]byte { return [16]byte{k.id} }

type Hashed struct {
	Digest [16]byte
	Rest   string
}

// embeds must be Hashed by field although it inherits a ContentDigest method and a promoted Digest field.
type embeds struct {
	Known
	*Hashed
	Own string
}

type inner struct {
	A string
	B []int
}

type input struct {
	S   string
	I   int
	U8  uint8
	B   bool
	F   float64
	P   *inner
	V   inner
	L   []string
	M   map[string]string
	MI  map[int]inner
	Any any
	Msg *durationpb.Duration
	Ms  []*wrapperspb.StringValue
	H   *Hashed
	K   Known
	T   time.Time
	IP  netip.Addr
	Raw []byte
	Sum [16]byte
	D   time.Duration
	u   string
	R   *input
}

func sample() input {
	return input{
		S: "s", I: -1, U8: 2, B: true, F: 1.5, P: &inner{"p", []int{1}}, V: inner{"v", nil}, L: []string{"a", "b"},
		M: map[string]string{"k": "v", "l": "w"}, MI: map[int]inner{1: {A: "x"}, 2: {A: "y"}}, Any: "any",
		Msg: durationpb.New(time.Second), Ms: []*wrapperspb.StringValue{wrapperspb.String("m")},
		H: &Hashed{Digest: [16]byte{9}, Rest: "ignored"}, K: Known{3}, T: time.Unix(5, 6), IP: netip.MustParseAddr("10.0.0.1"),
		Raw: []byte("raw"), Sum: [16]byte{7}, D: time.Minute, u: "unexported",
	}
}

func TestOfIsStable(t *testing.T) {
	a, b := sample(), sample()
	if Of(a) != Of(b) || Of(&a) != Of(&b) {
		t.Error("equal values have different digests")
	}
	for range 50 { // map order
		if Of(sample()) != Of(a) {
			t.Fatal("the digest depends on the order of a map")
		}
	}
}

// mutations are other values for each field of sample.
var mutations = map[string][]any{
	"S": {"", "t"}, "I": {0, 1}, "U8": {uint8(3)}, "B": {false}, "F": {0.0, -1.5},
	"P": {(*inner)(nil), &inner{}, &inner{"p", []int{2}}, &inner{"p", []int{1, 1}}, &inner{"q", []int{1}}},
	"V": {inner{}, inner{"v", []int{}}}, "L": {[]string(nil), []string{}, []string{"ab"}, []string{"b", "a"}, []string{"a", "b", ""}},
	"M":   {map[string]string(nil), map[string]string{}, map[string]string{"k": "w", "l": "v"}, map[string]string{"k": "v"}},
	"MI":  {map[int]inner(nil), map[int]inner{1: {A: "y"}, 2: {A: "x"}}, map[int]inner{1: {A: "x"}, 3: {A: "y"}}},
	"Any": {nil, "other", 1, int64(1), inner{}, &inner{}},
	"Msg": {(*durationpb.Duration)(nil), &durationpb.Duration{}, durationpb.New(2 * time.Second)},
	"Ms":  {[]*wrapperspb.StringValue(nil), []*wrapperspb.StringValue{nil}, []*wrapperspb.StringValue{wrapperspb.String("n")}},
	"H":   {(*Hashed)(nil), &Hashed{Digest: [16]byte{8}, Rest: "ignored"}, &Hashed{Rest: "a"}, &Hashed{Rest: "b"}},
	"K":   {Known{4}}, "T": {time.Time{}, time.Unix(5, 7)}, "IP": {netip.Addr{}, netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("::ffff:10.0.0.1")},
	"R":   {&input{}, &input{S: "nested"}},
	"Raw": {[]byte(nil), []byte{}, []byte("rax")}, "Sum": {[16]byte{}, [16]byte{0, 7}}, "D": {time.Duration(0)},
}

func TestEveryFieldMatters(t *testing.T) {
	seen := map[[16]byte]string{Of(sample()): "sample"}
	typ := reflect.TypeFor[input]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.IsExported() && len(mutations[f.Name]) == 0 {
			t.Errorf("no mutation for field %s", f.Name)
		}
		for _, m := range mutations[f.Name] {
			v := sample()
			field := reflect.ValueOf(&v).Elem().Field(i)
			if m == nil {
				field.SetZero()
			} else {
				field.Set(reflect.ValueOf(m))
			}
			sum := Of(v)
			if other, dup := seen[sum]; dup {
				t.Errorf("%s = %#v has the digest of %s", f.Name, m, other)
			}
			seen[sum] = f.Name
		}
	}
	v := sample()
	v.u = "changed"
	if _, dup := seen[Of(v)]; dup {
		t.Error("an unexported field does not matter")
	}
}

func TestDigestStandsForContent(t *testing.T) {
	if Of(&Hashed{[16]byte{1}, "a"}) != Of(&Hashed{[16]byte{1}, "b"}) {
		t.Error("a set Digest field does not stand for the content")
	}
	if Of(embeds{Own: "a"}) == Of(embeds{Own: "b"}) {
		t.Error("an inherited method hides the other fields")
	}
	h := &Hashed{Digest: [16]byte{1}}
	if Of(embeds{Hashed: h, Own: "a"}) == Of(embeds{Hashed: h, Own: "b"}) {
		t.Error("a promoted Digest field hides the other fields")
	}
}

// opaque cannot be hashed by its fields, and needs not be while it has a digest.
type opaque struct {
	Digest [16]byte
	F      func()
}

func TestDigestSparesTheFields(t *testing.T) {
	if Of(opaque{Digest: [16]byte{1}}) == Of(&opaque{Digest: [16]byte{2}}) {
		t.Error("different digests are the same")
	}
}

func TestOfNil(t *testing.T) {
	if Of(nil) == Of((*inner)(nil)) && Of(nil) == Of(inner{}) {
		t.Error("nil has the digest of an empty struct")
	}
}

func TestOfRefusesWhatHasNoContent(t *testing.T) {
	for _, v := range []any{func() {}, make(chan int), struct{ F func() }{}, struct{ m *durationpb.Duration }{}, struct{ a any }{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Of(%T) did not panic", v)
				}
			}()
			Of(v)
		}()
	}
}

type wide struct {
	A, B, C, D, E, F, G string
	H, I, J             uint32
	K, L, M             bool
	N                   map[string]string
	O                   []string
	P                   *Hashed
	Q, R                []uint32
	S                   inner
	T                   *durationpb.Duration
}

func BenchmarkOf20Fields(b *testing.B) {
	v := wide{A: "reviews.default.svc.cluster.local", B: "default", C: "v1", N: map[string]string{"app": "reviews", "version": "v1"},
		O: []string{"a", "b"}, P: &Hashed{Digest: [16]byte{1}}, Q: []uint32{1, 2}, T: durationpb.New(time.Second)}
	b.ReportAllocs()
	for b.Loop() {
		Of(&v)
	}
}
