// Command analyze measures `meshctl analyze` on a generated mesh: wall time, CPU and peak memory, next to a current istioctl on
// the same files.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/meshctl/meshctl/internal/meshgen"
)

func main() {
	meshctl := flag.String("meshctl", "bin/meshctl", "the meshctl to measure")
	istioctl := flag.String("istioctl", "", "an istioctl to compare with; none without")
	objects := flag.Int("objects", 10_000, "mesh objects of the large mesh; the small one has a tenth")
	runs := flag.Int("runs", 5, "runs of each, of which the median counts")
	write := flag.String("write", "", "only write the large mesh into this folder")
	flag.Parse()
	if err := run(*meshctl, *istioctl, *objects, *runs, *write); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(meshctl, istioctl string, objects, runs int, write string) error {
	if write != "" {
		return generate(write, objects)
	}
	root, err := os.MkdirTemp("", "analyze")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(root) }()
	small, large := filepath.Join(root, "small"), filepath.Join(root, "large")
	for dir, n := range map[string]int{small: objects / 10, large: objects} {
		if err := generate(dir, n); err != nil {
			return err
		}
	}
	commands := []command{
		{"meshctl, start-up", []string{meshctl, "analyze", "--help"}},
		{fmt.Sprintf("meshctl, %d objects", objects/10), []string{meshctl, "analyze", small}},
		{fmt.Sprintf("meshctl, %d objects", objects), []string{meshctl, "analyze", large}},
	}
	if istioctl != "" {
		commands = append(commands,
			command{"istioctl, start-up", []string{istioctl, "analyze", "--help"}},
			command{fmt.Sprintf("istioctl, %d objects", objects), []string{istioctl, "analyze", "--use-kube=false", "--all-namespaces", large}},
		)
	}
	return report(commands, runs)
}

func generate(dir string, objects int) error {
	files, err := meshgen.Mesh(meshgen.Options{Services: meshgen.Services(objects)})
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

type command struct {
	name string
	args []string
}

type sample struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

// report runs the commands in turns, so that a noisy machine disturbs all alike, and prints the medians.
func report(commands []command, runs int) error {
	samples := make([][]sample, len(commands))
	for range runs {
		for i, c := range commands {
			s, err := measure(c.args)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	fmt.Printf("%-28s %10s %10s %10s\n", "", "wall", "CPU", "peak RSS")
	for i, c := range commands {
		fmt.Printf("%-28s %10v %10v %7d MB\n", c.name,
			median(samples[i], func(s sample) time.Duration { return s.wall }).Round(time.Millisecond),
			median(samples[i], func(s sample) time.Duration { return s.cpu }).Round(time.Millisecond),
			median(samples[i], func(s sample) int64 { return s.peak })>>20)
	}
	ratio := func(a, b int) float64 {
		wall := func(s sample) time.Duration { return s.wall }
		return float64(median(samples[a], wall)) / float64(median(samples[b], wall))
	}
	fmt.Printf("10 times the objects take %.1f times the time\n", ratio(2, 1))
	if len(commands) > 3 {
		fmt.Printf("meshctl takes %.2f of istioctl's time\n", ratio(2, 4))
	}
	return nil
}

func median[T int64 | time.Duration](list []sample, of func(sample) T) T {
	values := make([]T, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// measure runs a command; findings (exit code 3, and istioctl's 79) are no failure.
func measure(args []string) (sample, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if cmd.ProcessState == nil {
		return sample{}, err
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 && code != 79 {
		return sample{}, fmt.Errorf("%v: %w", args, err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, fmt.Errorf("the system does not tell what a process used")
	}
	return sample{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), usage.Maxrss << 10}, nil
}
