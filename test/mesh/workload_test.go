package mesh_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
)

// workloadRun starts a program as a workload of the mesh and returns when it is registered and ready. The arguments are flags of
// `meshctl workload run`, "--", and those of program.
func (m *mesh) workloadRun(name string, args ...string) *process {
	m.t.Helper()
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	split := slices.Index(args, "--")
	command := append([]string{"workload", "run", "--mesh", m.name, "--name", name, "--concurrency", "1", "--drain", "1s"}, args[:split]...)
	p := m.start(append(append(command, "--", self, programArg), args[split+1:]...)...)
	m.joined = append(m.joined, name+".default")
	eventually(m.t, name+" is ready", func() error {
		for _, w := range m.status().Workloads {
			if w.Name == name && w.Healthy && w.Synced {
				return nil
			}
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %s", p.said())
		default:
			return errNotYet
		}
	})
	return p
}

// httpWorkload runs the program that answers every request with a status and what it got. Its service account is the label app.
func (m *mesh) httpWorkload(name, app, version string, port, status int) *process {
	m.t.Helper()
	local := freePort(m.t)
	return m.workloadRun(name, "--service-account", app, "--labels", "app="+app+",version="+version, "--port", fmt.Sprintf("%d:%d", port, local),
		"--", "http", at(local), name, strconv.Itoa(status))
}

func at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
