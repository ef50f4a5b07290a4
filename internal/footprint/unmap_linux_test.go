package footprint

import (
	"bufio"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const listed = `00400000-01a09000 r-xp 00000000 00:1a 42 /opt/my programs/meshd
Rss:               18340 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me sd
01a09000-03396000 r--p 01609000 00:1a 42 /opt/my programs/meshd
Rss:               17588 kB
Anonymous:             4 kB
03396000-03481000 rw-p 02f96000 00:1a 42 /opt/my programs/meshd
Anonymous:             0 kB
7f8169afa000-7f8169afc000 r-xp 00000000 00:00 0 [vdso]
Anonymous:             0 kB
7f8169afd000-7f8169afe000 r--p 00000000 00:1a 7 /lib/libc.so
Anonymous:             0 kB
7f8169b00000-7f8169b01000 r--p 00000000 00:00 0
Anonymous:             0 kB
`

func TestOnlyWhatTheFileHasIsLetGo(t *testing.T) {
	got := clean(bufio.NewScanner(strings.NewReader(listed)), "/opt/my programs/meshd")
	if want := []mapping{{0x400000, 0x1a09000}}; !slices.Equal(got, want) {
		t.Errorf("%x, not %x", got, want)
	}
}

func TestSettledProgramsGoOn(t *testing.T) {
	before := mapped(t)
	Settle()
	if after := mapped(t); after >= before {
		t.Errorf("%d kB of files are mapped, %d before", after, before)
	}
	for range 3 { // what was let go comes back
		Settle()
		runtime.GC()
		if got := strconv.Quote(strings.Repeat("a\n", 3)); got != `"a\na\na\n"` {
			t.Error(got)
		}
	}
}

// mapped is the resident memory of files, in kB; those of a tmpfs count as shared memory.
func mapped(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); fields[0] == "RssFile:" || fields[0] == "RssShmem:" {
			kB, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			sum += kB
		}
	}
	return sum
}
