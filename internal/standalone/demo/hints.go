package demo

import "github.com/meshctl/meshctl/internal/meshstate"

// sayHints tells what to try.
func (d *demo) sayHints() {
	flag := ""
	if d.o.Name != meshstate.DefaultMesh {
		flag = " --mesh " + d.o.Name
	}
	url, _ := d.ingress.url()
	d.o.Say(`
The page:  %[1]s%[2]s

Try, in another terminal:
  meshctl proxy-status%[3]s
  meshctl proxy-config routes productpage-v1%[3]s
  meshctl standalone status%[3]s
  curl -s %[1]s%[2]s | grep 'class="stars'
  cp samples/bookinfo/virtual-service-all-v1.yaml %[4]s    # no more stars: all to reviews v1
  cp samples/bookinfo/virtual-service-reviews-test-v2.yaml %[4]s
Ctrl-C stops everything.
`, url, page, flag, d.o.ConfigDir)
}
