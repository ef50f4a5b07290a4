package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// SetRuntime gives a key of Envoy's runtime an integer, in its admin layer, for the life of that Envoy
// (https://www.envoyproxy.io/docs/envoy/latest/operations/admin#post--runtime_modify).
func (c Client) SetRuntime(ctx context.Context, key string, value int) error {
	_, err := c.do(ctx, http.MethodPost, "/runtime_modify?"+url.QueryEscape(key)+"="+strconv.Itoa(value))
	return err
}
