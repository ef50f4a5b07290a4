package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/meshctl/meshctl/pkg/config"
)

// item is an object as the reflector passes it on: decoded once, to what the mesh reads of it.
type item struct {
	metav1.ObjectMeta // name, namespace and resource version
	read              config.Result
	names             []string // of Secrets and ConfigMaps that it refers to
}

// unread reports whether nothing but the key of the object was looked at.
func (i *item) unread() bool { return len(i.read.Objects)+len(i.read.Problems) == 0 }

// items is a list of them.
type items struct {
	metav1.ListMeta
	Items []*item
}

func (*item) GetObjectKind() schema.ObjectKind  { return schema.EmptyObjectKind }
func (i *item) DeepCopyObject() runtime.Object  { return i }
func (*items) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }
func (l *items) DeepCopyObject() runtime.Object { return l }

// decode reads an object; what it is given it must not keep.
type decode func(data []byte, meta metav1.ObjectMeta) (read config.Result, names []string)

// keyOnly is for objects of which only the coming and going matters.
func keyOnly([]byte, metav1.ObjectMeta) (config.Result, []string) { return config.Result{}, nil }

// lister lists and watches one kind for a reflector of client-go.
type lister struct {
	cluster  *Cluster
	resource resource
	decode   decode
}

// keep follows a kind until ctx ends or failed, which is told each error, returns false.
func keep(ctx context.Context, l *lister, s cache.ReflectorStore, failed func(error) bool) {
	silent := logr.Discard()
	reflector := cache.NewReflectorWithOptions(l, nil, s, cache.ReflectorOptions{
		Name: l.resource.path, TypeDescription: l.resource.kind.Name, Logger: &silent, Backoff: newBackoff(),
	})
	ctx = logr.NewContext(ctx, silent)
	backoff := newBackoff()
	for ctx.Err() == nil {
		began := time.Now()
		err := reflector.ListAndWatchWithContext(ctx)
		if err != nil && !failed(err) {
			return
		}
		if time.Since(began) > retryMost {
			backoff = newBackoff()
		}
		sleep(ctx, backoff.Step())
	}
}

// sleep returns after d, or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// IsWatchListSemanticsUnSupported makes reflectors list page by page: a list is decoded while it is read.
func (*lister) IsWatchListSemanticsUnSupported() bool { return true }

// List implements cache.ListerWatcher.
func (l *lister) List(options metav1.ListOptions) (runtime.Object, error) {
	return l.ListWithContext(context.Background(), options)
}

// Watch implements cache.ListerWatcher.
func (l *lister) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return l.WatchWithContext(context.Background(), options)
}

// ListWithContext reads one page.
func (l *lister) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	query := l.query(options)
	if query.Get("limit") == "" && options.ResourceVersion == "" {
		query.Set("limit", strconv.Itoa(l.cluster.o.Page))
	}
	out := &items{}
	page, err := l.cluster.page(ctx, l.resource.path, query, func(data []byte) {
		if i, err := l.read(data); err == nil { // an object without a name is none
			out.Items = append(out.Items, i)
		}
	})
	if errors.Is(err, errGone) || errors.Is(err, errLate) && options.ResourceVersion != "" {
		// Forgotten, or of the future: a cluster that was restored from a backup counts from an earlier state. The reflector lists anew.
		return nil, apierrors.NewResourceExpired(err.Error())
	}
	out.Continue, out.ResourceVersion = page.token, page.version
	return out, err
}

func (l *lister) query(o metav1.ListOptions) url.Values {
	query := url.Values{}
	for name, value := range map[string]string{
		"resourceVersion": o.ResourceVersion, "resourceVersionMatch": string(o.ResourceVersionMatch), "continue": o.Continue,
		"fieldSelector": fields(l.resource.kind),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.Limit > 0 {
		query.Set("limit", strconv.FormatInt(o.Limit, 10))
	}
	return query
}

func (l *lister) read(data []byte) (*item, error) {
	var head struct {
		Metadata struct {
			Name            string `json:"name"`
			Namespace       string `json:"namespace"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Metadata.Name == "" {
		return nil, fmt.Errorf("no object: %w", err)
	}
	m := metav1.ObjectMeta{Name: head.Metadata.Name, Namespace: head.Metadata.Namespace, ResourceVersion: head.Metadata.ResourceVersion}
	i := &item{ObjectMeta: m}
	i.read, i.names = l.decode(data, m)
	return i, nil
}

// WatchWithContext follows changes from a state on, for as long as the reflector says: should the server not end it, we do.
func (l *lister) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	query := l.query(options)
	query.Set("watch", "true")
	query.Set("allowWatchBookmarks", "true")
	bound := l.cluster.o.AnswerTimeout
	if seconds := options.TimeoutSeconds; seconds != nil {
		query.Set("timeoutSeconds", strconv.FormatInt(*seconds, 10))
		bound += time.Duration(*seconds) * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	address := l.cluster.base.JoinPath(l.resource.path)
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := l.cluster.client.Do(request)
	if err != nil {
		cancel()
		return nil, err // as it is: the reflector knows a refused connection, and goes on where it was
	}
	if response.StatusCode == http.StatusOK {
		return watch.NewStreamWatcher(&events{l, json.NewDecoder(response.Body), response.Body, cancel}, reporter{}), nil
	}
	defer cancel()
	defer func() { _ = response.Body.Close() }()
	if err = l.cluster.refused(response); errors.Is(err, errGone) {
		err = apierrors.NewResourceExpired(err.Error())
	}
	return nil, err
}

// events are the changes that the server writes, one JSON document each.
type events struct {
	lister  *lister
	decoder *json.Decoder
	body    io.Closer
	cancel  context.CancelFunc
}

// Close implements watch.Decoder.
func (e *events) Close() {
	e.cancel()
	_ = e.body.Close()
}

// Decode implements watch.Decoder.
func (e *events) Decode() (watch.EventType, runtime.Object, error) {
	var event struct {
		Type   watch.EventType `json:"type"`
		Object json.RawMessage `json:"object"`
	}
	if err := e.decoder.Decode(&event); err != nil {
		return "", nil, err
	}
	switch event.Type {
	case watch.Error:
		status := &metav1.Status{}
		err := json.Unmarshal(event.Object, status)
		return event.Type, status, err
	case watch.Bookmark:
		var bookmark struct {
			Metadata struct{ ResourceVersion string }
		}
		err := json.Unmarshal(event.Object, &bookmark)
		return event.Type, &item{ObjectMeta: metav1.ObjectMeta{ResourceVersion: bookmark.Metadata.ResourceVersion}}, err
	}
	i, err := e.lister.read(event.Object)
	return event.Type, i, err
}

type reporter struct{}

// AsObject implements watch.Reporter.
func (reporter) AsObject(err error) runtime.Object {
	return &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
}
