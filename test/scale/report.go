package main

import (
	"fmt"
	"io"
	"time"
)

// goals are what the design asks for on two cores; "-" where it names no figure for the size.
type goals struct {
	firstCPU, peak, weightCPU, weightLast, weightSent, endpointCPU string
}

func (o options) goals() goals {
	switch {
	case o.Services == 500 && o.Proxies == 200:
		return goals{"10ms", "250 MB", "150ms", "300ms", "23 MB", "100ms"}
	case o.Services == 1000 && o.Proxies == 500:
		return goals{"20ms", "600 MB", "-", "-", "-", "-"}
	default:
		return goals{"-", "-", "-", "-", "-", "-"}
	}
}

// report prints the table.
func (m *measurement) report(out io.Writer) error {
	g := m.goals()
	each := func(d time.Duration) string { return duration(d / time.Duration(m.Proxies)) }
	rows := [][3]string{
		{fmt.Sprintf("read the configuration (%d files): CPU", 3*m.Services+1), duration(m.load), "-"},
		{fmt.Sprintf("first full configuration (%d resources, %s): CPU per proxy", m.eachHas, size(m.bytesEach)), each(m.first.cpu), g.firstCPU},
		{"first full configuration: the last proxy has it after", duration(m.first.last), "-"},
		{"first full configuration: peak RSS of meshd", size(m.peak), g.peak},
		{"weight change: CPU", duration(m.weight.cpu), g.weightCPU},
		{"weight change: the last proxy has it after", duration(m.weight.last), g.weightLast},
		{fmt.Sprintf("weight change: sent (%d resources)", m.weight.resources), size(m.weight.bytes), g.weightSent},
		{"endpoint change: CPU", duration(m.endpoint.cpu), g.endpointCPU},
		{"endpoint change: the last proxy has it after", duration(m.endpoint.last), "-"},
		{fmt.Sprintf("endpoint change: sent (%d resources)", m.endpoint.resources), size(m.endpoint.bytes), "-"},
		{fmt.Sprintf("one changed file among %d: the first proxy has it after", 3*m.Services+1), duration(m.endpoint.first), "10ms and the time in which changes are collected"},
		{"reconnect with nothing changed: resources sent", fmt.Sprint(m.reconnect.resources), "0"},
		{fmt.Sprintf("reconnect with nothing changed: sent (%d messages)", m.reconnect.messages), size(m.reconnect.bytes), "-"},
		{"reconnect with nothing changed: CPU per proxy", each(m.reconnect.cpu), "-"},
		{"peak RSS of meshd, all of the above", size(m.peakAll), "-"},
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
