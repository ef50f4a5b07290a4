package standalone

import (
	"fmt"
	"strconv"
	"strings"
)

// Port is where a workload takes requests: Target is the number that services know, Local where the program listens on
// 127.0.0.1.
type Port struct {
	Target uint32 `json:"target"`
	Local  uint32 `json:"local"`
}

// ParsePort reads TARGET or TARGET:LOCAL.
func ParsePort(s string) (Port, error) {
	target, local, mapped := strings.Cut(s, ":")
	if !mapped {
		local = target
	}
	t, err := strconv.ParseUint(target, 10, 16)
	l, err2 := strconv.ParseUint(local, 10, 16)
	if err != nil || err2 != nil || t == 0 || l == 0 {
		return Port{}, fmt.Errorf("port %q: give PORT, or PORT:LOCALPORT when the program listens elsewhere, each from 1 to 65535", s)
	}
	return Port{uint32(t), uint32(l)}, nil
}

// String is the form that ParsePort reads.
func (p Port) String() string {
	if p.Local == p.Target {
		return strconv.FormatUint(uint64(p.Target), 10)
	}
	return fmt.Sprintf("%d:%d", p.Target, p.Local)
}

func checkPorts(ports []Port) error {
	targets, locals := map[uint32]bool{}, map[uint32]bool{}
	for _, p := range ports {
		if targets[p.Target] || locals[p.Local] {
			return fmt.Errorf("port %s is given twice", p)
		}
		targets[p.Target], locals[p.Local] = true, true
	}
	return nil
}
