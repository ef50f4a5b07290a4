package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/meshctl/meshctl/internal/bundle"
)

const searchPath = "PATH=/usr/local/bin:/usr/bin:/bin"

// build assembles one image. shared holds the layers made so far by what they hold.
func (o Options) build(ctx context.Context, r recipe, platform *v1.Platform, shared map[string]*layer) (v1.Image, error) {
	base := empty.Image
	onBase := o.Base != nil && r.takesBase
	if onBase {
		if err := fits(o.Base, platform); err != nil {
			return nil, err
		}
		base = o.Base
	}
	base = mutate.ConfigMediaType(mutate.MediaType(base, types.OCIManifestSchema1), types.OCIConfigJSON)
	var added []mutate.Addendum
	for _, c := range r.contents(onBase) {
		l, ok := shared[c.what]
		if !ok {
			files, err := o.files(ctx, c)
			if err != nil {
				return nil, err
			}
			if len(files) == 0 {
				continue // a static Envoy needs no libc
			}
			if l, err = newLayer(files, o.Compression); err != nil {
				return nil, err
			}
			shared[c.what] = l
		}
		added = append(added, mutate.Addendum{Layer: l, History: v1.History{Created: epoch(), CreatedBy: "meshctl image: " + c.what}})
	}
	img, err := mutate.Append(base, added...)
	if err != nil {
		return nil, err
	}
	return o.configure(img, r, platform)
}

// content is what one layer holds.
type content struct {
	what   string
	always []bundle.File
	part   bundle.Part
}

func (r recipe) contents(onBase bool) []content {
	var all []content
	if !onBase {
		all = append(all, content{what: "users and certificates", always: skeleton(), part: bundle.Certificates})
	}
	for _, p := range r.parts {
		if !onBase || p != bundle.Libc {
			all = append(all, content{what: string(p), part: p})
		}
	}
	return all
}

func (o Options) files(ctx context.Context, c content) ([]bundle.File, error) {
	found, err := o.Sources.Files(ctx, c.part, o.Platform)
	return append(found, c.always...), err
}

func fits(base v1.Image, platform *v1.Platform) error {
	c, err := base.ConfigFile()
	if err != nil {
		return fmt.Errorf("base image: %w", err)
	}
	if c.OS != platform.OS || c.Architecture != platform.Architecture {
		return fmt.Errorf("the base image is for %s/%s, not %s", c.OS, c.Architecture, platform)
	}
	return nil
}

// configure writes how the image runs. What a base image sets in its environment stays.
func (o Options) configure(img v1.Image, r recipe, platform *v1.Platform) (v1.Image, error) {
	c, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	c = c.DeepCopy()
	env := c.Config.Env
	if len(env) == 0 {
		env = []string{searchPath, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	}
	c.OS, c.Architecture, c.Created = platform.OS, platform.Architecture, epoch()
	c.Author, c.Container = "", ""
	c.Config = v1.Config{
		Env: env, Entrypoint: []string{r.entrypoint}, User: r.user, WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":       r.name,
			"org.opencontainers.image.description": r.title,
			"org.opencontainers.image.version":     o.Tag,
		},
	}
	if r.port != "" {
		c.Config.ExposedPorts = map[string]struct{}{r.port: {}}
	}
	return mutate.ConfigFile(img, c)
}

// epoch is the time of everything in an image: a real one would change the digest.
func epoch() v1.Time { return v1.Time{Time: time.Unix(0, 0).UTC()} }

// skeleton is what programs look for in any system.
func skeleton() []bundle.File {
	return []bundle.File{
		text("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nistio-proxy:x:1337:1337:istio-proxy:/:/sbin/nologin\n"+
			"nobody:x:65534:65534:nobody:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"),
		text("etc/group", "root:x:0:\nistio-proxy:x:1337:\nnobody:x:65534:\nnonroot:x:65532:\n"),
		text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
		{Path: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
}

func text(path, content string) bundle.File {
	return bundle.File{Path: path, Mode: 0o644, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(content))), nil
	}}
}
