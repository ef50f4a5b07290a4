package agent_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/agent"
)

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"version", 0, "v1.2.3\n", ""},
		{"", 0, "mesh-agent proxy", ""},
		{"--help", 0, "mesh-agent redirect", ""},
		{"proxy -h", 0, "", "-xds-address"},
		{"redirect -h", 0, "", "-proxy-uid"},
		{"prox", 2, "", `unknown command "prox"`},
		{"proxy sidecar extra", 2, "", `unexpected argument "extra"`},
		{"proxy --labels app", 2, "", `"app" is not KEY=VALUE`},
		{"proxy --ports 80", 2, "", `"80" is not TARGETPORT=LOCALPORT`},
		{"proxy --weight many", 2, "", "weight"},
		{"proxy --stats-matcher {", 2, "", "--stats-matcher"},
		{"proxy --proxy-config [1]", 2, "", "--proxy-config"},
		{"proxy --labels-file /does/not/exist", 2, "", "--labels-file"},
		{"proxy --annotations-file /does/not/exist", 2, "", "--annotations-file"},
		{"proxy --probes []", 2, "", "--probes"},
		{`proxy --probes {"/healthz":{}}`, 2, "", "/app-health/"},
		{"proxy --status-address nowhere:x", 1, "", "status address"},
		{"proxy --state-dir " + dir, 1, "", "Name is required"},
		{"proxy gateway --name x --state-dir " + dir, 1, "", `type "gateway"`},
		{"proxy --name x --address host --state-dir " + dir, 1, "", "give an IP address"},
		{"proxy --name x --xds-address here --state-dir " + dir, 1, "", "give HOST:PORT"},
		{"proxy --name x --plaintext --xds-address 127.0.0.1:1 --envoy /does/not/exist --state-dir " + dir, 1, "", "/does/not/exist"},
		{"redirect --dry-run -u 0 -z 16006", 0, "meta skuid 0 redirect to :16006", ""},
		{"redirect --dry-run -i 10.0.0.0/8 -x 10.1.0.0/16 -b 80 -d 22 -o 23 -q 24 -c net1", 0, "ip daddr 10.1.0.0/16 return", ""},
		{"redirect --dry-run -m TPROXY", 2, "", "use REDIRECT"},
		{"redirect --dry-run -d *", 2, "", "give ports"},
		{"redirect --dry-run -x ten", 2, "", `network "ten"`},
	} {
		t.Run(c.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := agent.Main(strings.Fields(c.args), "v1.2.3", &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", code, &stdout, &stderr, c.code, c.stdout, c.stderr)
			}
		})
	}
}
