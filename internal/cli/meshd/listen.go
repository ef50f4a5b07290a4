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
	XDS        string `json:"xdsAddress,omitempty"`
	Plaintext  string `json:"plaintextXDSAddress,omitempty"`
	Admin      string `json:"adminAddress,omitempty"`
	Webhook    string `json:"webhookAddress,omitempty"`
	Monitoring string `json:"monitoringAddress,omitempty"`
}

func (r Ready) write(path string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return meshstate.WriteFile(path, data)
}

// address is where to listen; listener and actual are filled in unless address is empty.
type address struct {
	flag, address string
	listener      *net.Listener
	actual        *string
}

// listen opens every address of a control plane without a cluster.
func listen(o options, out *controlplane.Options) (Ready, error) {
	var r Ready
	err := open([]address{
		{"--xds-address", o.secure, &out.Secure, &r.XDS},
		{"--plaintext-xds-address", o.plaintext, &out.Plaintext, &r.Plaintext},
		{"--admin-address", o.admin, &out.Admin, &r.Admin},
	})
	return r, err
}

// open listens before anything else happens, so that a port in use is known at once.
func open(addresses []address) error {
	for _, a := range addresses {
		if a.address == "" {
			continue
		}
		opened, err := net.Listen("tcp", a.address)
		if err != nil {
			return fmt.Errorf("%s: %w (give another port, or 0 for any free one)", a.flag, err)
		}
		*a.listener, *a.actual = opened, opened.Addr().String()
	}
	return nil
}
