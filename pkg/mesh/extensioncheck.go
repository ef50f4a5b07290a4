package mesh

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	extensions "istio.io/api/extensions/v1alpha1"

	"github.com/meshctl/meshctl/pkg/config"
)

// Limits of Istio's reference.
const (
	maxPluginName = 256
	maxEnvironment,
	maxVariableName = 256, 256
	maxVariable = 2048
	maxLuaCode  = 65536
)

// reservedVariables begin the names by which the agent is told how to fetch a module; a module never sees them.
const reservedVariables = "ISTIO_META_"

// extensionCheck looks at one WasmPlugin or TrafficExtension.
type extensionCheck struct {
	object   *config.Object
	problems []config.Problem
	failed   bool
}

func (c *extensionCheck) fail(field, message, fix string) {
	c.failed = true
	c.problems = append(c.problems, problem(c.object, config.Error, field, message, fix))
}

func (c *extensionCheck) warn(field, message, fix string) {
	c.problems = append(c.problems, problem(c.object, config.Warning, field, message, fix))
}

func (c *extensionCheck) exclusive(selector, targets bool) {
	if selector && targets {
		c.fail("spec.selector", "selector and targetRefs exclude each other", "remove one of them")
	}
}

func (c *extensionCheck) match(selectors []*extensions.TrafficSelector) {
	for i, s := range selectors {
		for j, p := range s.GetPorts() {
			if p.GetNumber() == 0 || p.GetNumber() > 65535 {
				c.fail(fmt.Sprintf("spec.match[%d].ports[%d].number", i, j), fmt.Sprintf("%d is no port number", p.GetNumber()), "use 1 to 65535")
			}
		}
	}
}

func (c *extensionCheck) lua(code string) string {
	switch {
	case code == "":
		c.fail("spec.lua.inlineCode", "there is no code", "define envoy_on_request or envoy_on_response")
	case len(code) > maxLuaCode:
		c.fail("spec.lua.inlineCode", fmt.Sprintf("%d bytes are more than the %d that are allowed", len(code), maxLuaCode), "use a Wasm module for larger extensions")
	}
	return code
}

// wasm returns the module's URL in full.
func (c *extensionCheck) wasm(path string, w *extensions.WasmConfig) string {
	if len(w.GetPluginName()) > maxPluginName {
		c.fail(path+"pluginName", fmt.Sprintf("longer than %d bytes", maxPluginName), "shorten it")
	}
	if w.GetSha256() != "" && !isSHA256(w.GetSha256()) {
		c.fail(path+"sha256", "not a SHA-256 in hexadecimal", "write the 64 digits 0-9, a-f that sha256sum prints")
	}
	c.environment(path+"vmConfig.env", w.GetVmConfig().GetEnv())
	location := c.url(path+"url", w.GetUrl())
	if _, digest, pinned := strings.Cut(location, "@sha256:"); pinned && w.GetSha256() != "" && digest != w.GetSha256() {
		c.fail(path+"sha256", "differs from the digest in the url", "remove one of them, or make them equal")
	}
	if location != "" && !strings.HasPrefix(location, "oci://") && w.GetImagePullSecret() != "" {
		c.warn(path+"imagePullSecret", "has no effect: the module does not come from an image registry", "use an oci:// url, or remove it")
	}
	return location
}

var (
	// image is [REGISTRY/]REPOSITORY[:TAG][@DIGEST] as the OCI distribution specification has them.
	image = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:([a-zA-Z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?)/)?([a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)(?::([\w][\w.-]{0,127}))?(@sha256:[a-f0-9]{64})?$`)
	})
	variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })
	sha256   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-f0-9]{64}$`) })
)

func isSHA256(s string) bool { return sha256().MatchString(s) }

// url completes a module's URL; without a scheme it names an image.
func (c *extensionCheck) url(path, given string) string {
	scheme, rest, ok := strings.Cut(given, "://")
	if !ok {
		scheme, rest = "oci", given
	}
	switch scheme {
	case "file":
		if !strings.HasPrefix(rest, "/") {
			c.fail(path, "the path of a file must be absolute", "write file:///PATH, as the proxy sees it")
		}
		return given
	case "http", "https":
		if u, err := url.Parse(given); err != nil || u.Host == "" {
			c.fail(path, fmt.Sprintf("%q is not a URL", given), "write "+scheme+"://HOST/PATH")
		}
		return given
	case "oci":
		reference := imageReference(rest)
		if reference == "" {
			c.fail(path, fmt.Sprintf("%q names neither a module nor an image", given), "write oci://REGISTRY/REPOSITORY:TAG, https://HOST/PATH or file:///PATH")
		}
		return "oci://" + reference
	default:
		c.fail(path, fmt.Sprintf("modules cannot be fetched by %q", scheme), "use file, http, https or oci")
		return ""
	}
}

// imageReference completes the name of an image as Docker does; "" when it is none.
func imageReference(name string) string {
	parts := image().FindStringSubmatch(name)
	if parts == nil {
		return ""
	}
	registry, repository, tag, digest := parts[1], parts[2], parts[3], parts[4]
	if registry != "" && registry != "localhost" && !strings.ContainsAny(registry, ".:[") {
		registry, repository = "", registry+"/"+repository // Docker Hub's NAME/IMAGE
	}
	if registry == "" || registry == "docker.io" {
		registry = "docker.io"
		if !strings.Contains(repository, "/") {
			repository = "library/" + repository
		}
	}
	switch {
	case digest != "":
		return registry + "/" + repository + digest
	case tag == "":
		tag = "latest"
	}
	return registry + "/" + repository + ":" + tag
}

// environment checks the variables of a module's machine.
func (c *extensionCheck) environment(path string, env []*extensions.EnvVar) {
	if len(env) > maxEnvironment {
		c.fail(path, fmt.Sprintf("%d variables are more than the %d that are allowed", len(env), maxEnvironment), "use pluginConfig")
	}
	known := map[string]bool{}
	for i, v := range env {
		at := fmt.Sprintf("%s[%d].", path, i)
		switch name := v.GetName(); {
		case len(name) > maxVariableName || !variable().MatchString(name):
			c.fail(at+"name", fmt.Sprintf("%q is no name of an environment variable", name), "use letters, digits and _, at most 256")
		case known[name]:
			c.fail(at+"name", fmt.Sprintf("%s is set twice", name), "remove one of them")
		case strings.HasPrefix(name, reservedVariables):
			c.fail(at+"name", reservedVariables+" variables are kept from modules", "use another name")
		}
		known[v.GetName()] = true
		switch {
		case v.GetValueFrom() == extensions.EnvValueSource_HOST && v.GetValue() != "":
			c.fail(at+"value", "a variable of the host has its value there", "remove value, or use valueFrom: INLINE")
		case len(v.GetValue()) > maxVariable:
			c.fail(at+"value", fmt.Sprintf("longer than %d bytes", maxVariable), "use pluginConfig")
		}
	}
}
