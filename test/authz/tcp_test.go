package authz_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestTCP is Istio's documented behaviour of rules on TCP: ALLOW rules that ask for HTTP never match, of DENY rules only the rest counts.
func TestTCP(t *testing.T) {
	meshtest.BothModes(t, map[string]string{"services.yaml": services}, members(), func(t *testing.T, m *meshtest.Traffic) {
		cases := connections(m.Redirected)
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			c := cases[name]
			m.Case(name, c.yaml, func(t *testing.T) {
				connects(t, m, "client", c.client)
				connects(t, m, "bystander", c.bystander)
				tries(t, m, c.http...)
			})
		}
		if n := m.Member("server").Stat("tcp.rbac.denied"); n == 0 {
			t.Error("tcp.rbac.denied counts nothing")
		}
	})
}

// tcpCase is policies and who may connect then.
type tcpCase struct {
	yaml              string
	client, bystander bool
	http              []try
}

func connections(redirected bool) map[string]tcpCase {
	one := func(rule string) string { return all(`{rules: [` + rule + `]}`) }
	deny := func(rule string) string { return all(`{action: DENY, rules: [` + rule + `]}`) }
	clientIP, serverIP := "127.0.0.1", "127.0.0.1"
	if redirected {
		clientIP, serverIP = "10.77.0.12", "10.77.0.11"
	}
	return map[string]tcpCase{
		"no policy":                    {"", true, true, nil},
		"ALLOW without rules":          {all(`{}`), false, false, nil},
		"ALLOW with an empty rule":     {one(`{}`), true, true, nil},
		"ALLOW by principal":           {one(`{from: [{source: {principals: [cluster.local/ns/default/sa/client]}}]}`), true, false, nil},
		"ALLOW by namespace":           {one(`{when: [{key: source.namespace, values: [other]}]}`), false, true, nil},
		"ALLOW by port":                {one(`{to: [{operation: {ports: ["7000"]}}]}`), true, true, []try{denied("/")}},
		"ALLOW by another port":        {one(`{to: [{operation: {notPorts: ["7000"]}}]}`), false, false, []try{get("/")}},
		"ALLOW by method":              {one(`{to: [{operation: {methods: [GET]}}]}`), false, false, []try{get("/")}},
		"ALLOW by port and method":     {one(`{to: [{operation: {ports: ["7000"], notMethods: [GET]}}]}`), false, false, nil},
		"ALLOW by method, or port":     {one(`{to: [{operation: {methods: [GET]}}, {operation: {ports: ["7000"]}}]}`), false, false, []try{get("/")}},
		"ALLOW by header":              {one(`{when: [{key: "request.headers[a]", notValues: [b]}]}`), false, false, []try{get("/")}},
		"ALLOW by token":               {one(`{from: [{source: {notRequestPrincipals: ["*"]}}]}`), false, false, []try{get("/")}},
		"DENY by method":               {deny(`{to: [{operation: {methods: [GET]}}]}`), false, false, []try{denied("/"), get("/").with("PUT")}},
		"DENY by method at a port":     {deny(`{to: [{operation: {methods: [GET], ports: ["8080"]}}]}`), true, true, []try{denied("/")}},
		"DENY by method and namespace": {deny(`{from: [{source: {namespaces: [other]}}], to: [{operation: {notMethods: [GET]}}]}`), true, false, []try{get("/"), denied("/").by("bystander").with("PUT")}},
		"DENY by header":               {deny(`{when: [{key: "request.headers[a]", values: [b]}]}`), false, false, []try{get("/"), denied("/", "a=b")}},
		"DENY by port":                 {deny(`{to: [{operation: {ports: ["7000"]}}]}`), false, false, []try{get("/")}},
		"AUDIT by method":              {all(`{action: AUDIT, rules: [{to: [{operation: {methods: [GET]}}]}]}`), true, true, nil},
		"dry run":                      {policyOf("default", `{name: p, annotations: {istio.io/dry-run: "true"}}`, `{action: DENY, rules: [{}]}`), true, true, nil},
		"source.ip":                    {one(`{when: [{key: source.ip, values: [` + clientIP + `]}]}`), true, !redirected, []try{get("/")}},
		"ipBlocks":                     {one(`{from: [{source: {ipBlocks: [` + clientIP + `/32]}}]}`), true, !redirected, []try{get("/")}},
		"notIpBlocks":                  {one(`{from: [{source: {notIpBlocks: [` + clientIP + `]}}]}`), false, redirected, []try{denied("/")}},
		"remoteIpBlocks":               {one(`{from: [{source: {remoteIpBlocks: [` + clientIP + `]}}]}`), true, !redirected, []try{get("/")}},
		"destination.ip":               {one(`{when: [{key: destination.ip, values: [` + serverIP + `]}]}`), true, true, []try{get("/")}},
		"destination.ip, other":        {one(`{when: [{key: destination.ip, notValues: [` + serverIP + `/24]}]}`), false, false, []try{denied("/")}},
		"connection.sni":               {one(`{when: [{key: connection.sni, values: ["outbound_.7000_*"]}]}`), true, true, nil},
	}
}

// connects waits until a connection to the TCP port is served, or refused. The server speaks first, so only what comes back counts.
func connects(t *testing.T, m *meshtest.Traffic, from string, want bool) {
	t.Helper()
	envoytest.Eventually(t, from+"'s connection", func() error {
		err := exchange(m, from, "server.default")
		switch {
		case want && err != nil:
			return err
		case !want && err == nil:
			return errors.New("is served")
		}
		return nil
	})
}

func exchange(m *meshtest.Traffic, from, host string) error {
	conn, err := m.Dial(from, host, meshtest.TCPPort)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(envoytest.Timeout))
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"server\n", "hello\n"} {
		if line, err := r.ReadString('\n'); err != nil || line != want {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}
