package footprint

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// unmap lets go of the pages that are as they are in the program's file. A mapping which somebody has written to, as a dynamic linker
// does before it makes it read-only, must stay: the file does not have what was written. See madvise(2), MADV_DONTNEED.
func unmap() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }()
	for _, m := range clean(bufio.NewScanner(file), program) {
		// A mapping that the system wants to keep, as a locked one, it keeps.
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, m.start, m.end-m.start, syscall.MADV_DONTNEED)
	}
}

type mapping struct{ start, end uintptr }

// clean returns those of the mappings that smaps(5) lists which are of a file, cannot be written to, and never were.
func clean(smaps *bufio.Scanner, file string) []mapping {
	var out []mapping
	var now *mapping
	for smaps.Scan() {
		fields := strings.Fields(smaps.Text())
		if len(fields) > 1 && strings.HasSuffix(fields[0], ":") {
			if now != nil && fields[0] == "Anonymous:" && fields[1] == "0" {
				out = append(out, *now)
			}
			continue
		}
		now = nil
		if len(fields) < 6 || strings.Contains(fields[1], "w") || strings.Join(fields[5:], " ") != file {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err := strconv.ParseUint(from, 16, strconv.IntSize)
		if err != nil {
			continue
		}
		end, err := strconv.ParseUint(to, 16, strconv.IntSize)
		if err != nil || end <= start {
			continue
		}
		now = &mapping{uintptr(start), uintptr(end)}
	}
	return out
}
