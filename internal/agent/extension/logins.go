package extension

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// logins are the credentials of a Docker configuration file, by registry
// (https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/).
type logins map[string]auth.Credential

// readLogins reads the "auths" of a Docker configuration file; no file has none. Its errors repeat nothing of it.
func readLogins(file []byte) (logins, error) {
	if len(file) == 0 {
		return nil, nil
	}
	var doc struct {
		Auths map[string]struct {
			Username      string `json:"username"`
			Password      string `json:"password"`
			Auth          string `json:"auth"`
			IdentityToken string `json:"identitytoken"`
			RegistryToken string `json:"registrytoken"`
		} `json:"auths"`
	}
	if json.Unmarshal(file, &doc) != nil {
		return nil, errors.New("the pull secret is not a Docker configuration file")
	}
	out := logins{}
	for name, entry := range doc.Auths {
		c := auth.Credential{Username: entry.Username, Password: entry.Password, RefreshToken: entry.IdentityToken, AccessToken: entry.RegistryToken}
		if entry.Auth != "" {
			pair, err := base64.StdEncoding.DecodeString(entry.Auth)
			username, password, ok := strings.Cut(string(pair), ":")
			if err != nil || !ok {
				return nil, errors.New("the pull secret has an auth that is not USERNAME:PASSWORD in base64")
			}
			c.Username, c.Password = username, strings.TrimRight(password, "\x00")
		}
		out[registryOf(name)] = c
	}
	return out, nil
}

// registryOf is the host in the name of an entry: "https://index.docker.io/v1/" is Docker Hub, whose registry has yet another name.
func registryOf(name string) string {
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	name, _, _ = strings.Cut(name, "/")
	switch name {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		return "registry-1.docker.io"
	}
	return strings.ToLower(name)
}

// credential is auth.CredentialFunc. An entry "*.example.com" is for every host of that domain.
func (l logins) credential(_ context.Context, host string) (auth.Credential, error) {
	host = registryOf(host)
	if c, ok := l[host]; ok {
		return c, nil
	}
	for name, c := range l {
		if domain, ok := strings.CutPrefix(name, "*."); ok {
			if _, parent, _ := strings.Cut(host, "."); parent == domain {
				return c, nil
			}
		}
	}
	return auth.EmptyCredential, nil
}
