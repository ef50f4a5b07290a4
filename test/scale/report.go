package main

import (
	"fmt"
	"io"
	"time"
)

// goals are what the design asks for on two cores; other sizes have no goals of their own.
type goals struct {
	firstCPU time.Duration
	peak     int64
}

func (o options) goals() goals {
	switch {
	case o.Services == 500 && o.Proxies == 200:
		return goals{10 * time.Millisecond, 250 << 20}
	case o.Services == 1000 && o.Proxies == 500:
		return goals{20 * time.Millisecond, 600 << 20}
	default:
		return goals{}
	}
}

// report prints the table.
func (m *measurement) report(out io.Writer) error {
	g := m.goals()
	firstGoal, peakGoal := "-", "-"
	if g.peak > 0 {
		firstGoal, peakGoal = duration(g.firstCPU), size(g.peak)
	}
	rows := [][3]string{
		{fmt.Sprintf("read the configuration (%d files): CPU", 3*m.Services+1), duration(m.load), "-"},
		{fmt.Sprintf("first full configuration (%d resources, %s): CPU per proxy", m.eachHas, size(m.bytesEach)), duration(m.first.cpu / time.Duration(m.Proxies)), firstGoal},
		{"first full configuration: the last proxy has it after", duration(m.first.last), "-"},
		{"peak RSS of meshd", size(m.peak), peakGoal},
		{"weight change: CPU", duration(m.weight.cpu), "150ms"},
		{"weight change: the last proxy has it after", duration(m.weight.last), "300ms"},
		{fmt.Sprintf("weight change: sent (%d resources)", m.weight.resources), size(m.weight.bytes), "a tenth of istiod's"},
		{"endpoint change: CPU", duration(m.endpoint.cpu), "100ms"},
		{"endpoint change: the last proxy has it after", duration(m.endpoint.last), "-"},
		{fmt.Sprintf("endpoint change: sent (%d resources)", m.endpoint.resources), size(m.endpoint.bytes), "-"},
		{fmt.Sprintf("one changed file among %d: the first proxy has it after", 3*m.Services+1), duration(m.endpoint.first), "10ms and the time in which changes are collected"},
		{"reconnect with nothing changed: resources sent", fmt.Sprint(m.reconnect.resources), "0"},
		{fmt.Sprintf("reconnect with nothing changed: sent (%d messages)", m.reconnect.messages), size(m.reconnect.bytes), "-"},
		{"reconnect with nothing changed: CPU per proxy", duration(m.reconnect.cpu / time.Duration(m.Proxies)), "-"},
	}
	_, err := fmt.Fprintf(out, "%d services on %d ports in %d namespaces, %d endpoints each; %d proxies; changes: mean of %d\n\n| what | measured | goal |\n|---|---|---|\n",
		m.Services, m.Ports, m.Namespaces, m.Endpoints, m.Proxies, m.Changes)
	for _, row := range rows {
		if err == nil {
			_, err = fmt.Fprintf(out, "| %s | %s | %s |\n", row[0], row[1], row[2])
		}
	}
	return err
}

func duration(d time.Duration) string {
	if d > time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d kB", n>>10)
	default:
		return fmt.Sprintf("%d B", n)
	}
}
