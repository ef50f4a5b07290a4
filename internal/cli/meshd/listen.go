package meshd

import (
	"encoding/json"
	"fmt"
	"net"

	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// Ready is the content of --ready-file: where the control plane can be reached. Empty for what is not served.
type Ready struct {
	XDS       string `json:"xdsAddress,omitempty"`
	Plaintext string `json:"plaintextXDSAddress,omitempty"`
	Admin     string `json:"adminAddress,omitempty"`
}

func (r Ready) write(path string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return meshstate.WriteFile(path, data)
}

// listen opens every address before anything else happens, so that a port in use is known at once.
func listen(o options, out *controlplane.Options) (Ready, error) {
	var r Ready
	for _, l := range []struct {
		flag, address string
		listener      *net.Listener
		actual        *string
	}{
		{"--xds-address", o.secure, &out.Secure, &r.XDS},
		{"--plaintext-xds-address", o.plaintext, &out.Plaintext, &r.Plaintext},
		{"--admin-address", o.admin, &out.Admin, &r.Admin},
	} {
		if l.address == "" {
			continue
		}
		opened, err := net.Listen("tcp", l.address)
		if err != nil {
			return r, fmt.Errorf("%s: %w (give another port, or 0 for any free one)", l.flag, err)
		}
		*l.listener, *l.actual = opened, opened.Addr().String()
	}
	return r, nil
}
