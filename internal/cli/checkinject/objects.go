package checkinject

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// objects are those that decide, and where they come from.
func (o *Options) objects(ctx context.Context) ([]*config.Object, string, error) {
	if len(o.Files) == 0 {
		return o.cluster(ctx)
	}
	read, err := o.Factory.Read(o.Files, o.Namespace)
	if err != nil {
		return nil, "", err
	}
	for _, p := range read.Problems {
		o.Factory.Say("%s: %v", p.Severity, p)
	}
	if slices.ContainsFunc(read.Objects, func(o *config.Object) bool { return o.Key.Kind == config.MutatingWebhook }) {
		return read.Objects, "the files", nil
	}
	more, err := o.rendered()
	return append(read.Objects, more...), "the files", err
}

// rendered are the webhooks and the settings of a new installation.
func (o *Options) rendered() ([]*config.Object, error) {
	v, _, err := values.Load(values.Options{Namespace: o.System})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := render.Write(&text, v, values.Pilot); err != nil {
		return nil, err
	}
	return config.Decoder{}.DecodeBytes("a new installation", text.Bytes()).Objects, nil
}

func (o *Options) cluster(ctx context.Context) ([]*config.Object, string, error) {
	access, name, err := o.Factory.Kube(o.Kube).Load()
	if err != nil {
		return nil, "", err
	}
	origin := "cluster " + name
	cluster, err := kube.New(access, kube.Options{Name: origin})
	if err != nil {
		return nil, "", err
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	t, err := parseTarget(o.Target, o.Namespace)
	if err != nil {
		return nil, "", err
	}
	listing, err := cluster.List(ctx, append(t.kinds, config.Namespace, config.ConfigMap, config.MutatingWebhook))
	if err != nil {
		return nil, "", err
	}
	for _, m := range listing.Missing {
		if m.Kind != config.ConfigMap {
			return nil, "", fmt.Errorf("%s: %s not read: %s", origin, m.Kind, m.Message)
		}
		o.Factory.Say("warning: %s: %s not read: %s; injectors are taken to have the default policy", origin, m.Kind, m.Message)
	}
	return listing.Read.Objects, origin, nil
}
