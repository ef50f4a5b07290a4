package proxyconfig

import (
	"bufio"
	"io"
	"slices"
	"strings"
)

// LogRow is the level of one of Envoy's loggers.
type LogRow struct {
	Logger string `json:"logger"`
	Level  string `json:"level"`
}

// LogLevels are the levels that Envoy knows, from the most to the least verbose.
func LogLevels() []string {
	return []string{"trace", "debug", "info", "warning", "error", "critical", "off"}
}

// ParseLogging reads the answer of Envoy's /logging: "active loggers:" and lines "  name: level". Lines of another form
// are passed over.
func ParseLogging(r io.Reader) []LogRow {
	rows := []LogRow{}
	lines := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for lines.Scan() {
		name, level, ok := strings.Cut(strings.TrimSpace(lines.Text()), ": ")
		if ok && slices.Contains(LogLevels(), level) {
			rows = append(rows, LogRow{name, level})
		}
	}
	return rows
}
